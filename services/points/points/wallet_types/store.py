"""All SQL of wallet types."""

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from common.storage import Transaction
from points.wallet_types.domain import BUILT_IN, Life, WalletType, WalletTypes

_ALL = "SELECT jsonb_object_agg(key, settings || jsonb_build_object('revision', revision))::text FROM wallet_types"
_REVISION = "SELECT revision FROM wallet_types WHERE key = :key FOR UPDATE"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('points.wallet_types'))"
_PUT = """
    INSERT INTO wallet_types (key, revision, settings, updated_at, updated_by)
    VALUES (:key, 1, CAST(:settings AS jsonb), :now, :updated_by)
    ON CONFLICT (key) DO UPDATE SET revision = wallet_types.revision + 1, settings = excluded.settings,
        updated_at = excluded.updated_at, updated_by = excluded.updated_by
"""


async def load(tx: Transaction) -> WalletTypes:
    """One small read; the answer is parsed once for as long as nothing changes."""
    return _parsed(await tx.fetch_value(_ALL))


@lru_cache(maxsize=4)
def _parsed(stored: str | None) -> WalletTypes:
    configured = {key: _type_of(key, one) for key, one in json.loads(stored or "{}").items()}
    return WalletTypes(MappingProxyType({**BUILT_IN, **configured}))


def _type_of(key: str, stored: Mapping[str, Any]) -> WalletType:
    return WalletType(
        key=key,
        names=MappingProxyType(stored["names"]),
        spendable=stored["spendable"],
        transferable=stored["transferable"],
        life=Life(kind=stored["life"]["kind"], periods=stored["life"]["periods"]),
        pending_days=stored["pending_days"],
        negative_policy=stored["negative_policy"],
        notice_days=tuple(stored["notice_days"]),
        revision=stored["revision"],
    )


async def lock(tx: Transaction, key: str) -> int:
    """One change at a time; the revision there is, 0 for none."""
    await tx.execute(_ONE_AT_A_TIME)
    return int(await tx.fetch_value(_REVISION, {"key": key}) or 0)


async def put(tx: Transaction, one: WalletType, updated_by: str) -> None:
    settings = {
        "names": dict(one.names),
        "spendable": one.spendable,
        "transferable": one.transferable,
        "life": {"kind": one.life.kind, "periods": one.life.periods},
        "pending_days": one.pending_days,
        "negative_policy": one.negative_policy,
        "notice_days": sorted(set(one.notice_days), reverse=True),
    }
    params = {"key": one.key, "settings": json.dumps(settings), "now": tx.now, "updated_by": updated_by}
    await tx.execute(_PUT, params)
