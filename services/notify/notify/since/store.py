"""SQL of the latest states and balances."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from notify.since.domain import Thing

_KEEP_THINGS = """
    INSERT INTO things (kind, key, state, at, rank)
    SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:states AS text[]),
        CAST(:at AS timestamptz[]), CAST(:ranks AS integer[]))
    ON CONFLICT (kind, key) DO UPDATE SET state = excluded.state, at = excluded.at, rank = excluded.rank
    WHERE (excluded.at, excluded.rank) > (things.at, things.rank)
"""
_THINGS = """
    SELECT kind, key, state FROM things
    JOIN (SELECT DISTINCT * FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])) AS asked (kind, key)) AS asked
        USING (kind, key)
"""
_KEEP_BALANCES = """
    INSERT INTO balances (member_id, wallet, sequence, balance, debt)
    SELECT * FROM unnest(CAST(:member_ids AS uuid[]), CAST(:wallets AS text[]), CAST(:sequences AS bigint[]),
        CAST(:balances AS bigint[]), CAST(:debts AS bigint[]))
    ON CONFLICT (member_id, wallet) DO UPDATE
        SET sequence = excluded.sequence, balance = excluded.balance, debt = excluded.debt
    WHERE excluded.sequence > balances.sequence
"""
_BALANCES = """
    SELECT member_id, wallet, sequence, balance, debt FROM balances WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
"""

Movement = tuple[UUID, str, int, int, int]
"""(member, wallet, sequence, balance, debt)"""


async def keep_things(tx: Transaction, things: Sequence[Thing]) -> None:
    """Sorted by kind and key, each once; an older state changes nothing."""
    await tx.execute(
        _KEEP_THINGS,
        {
            "kinds": [one.kind for one in things],
            "keys": [one.key for one in things],
            "states": [one.state for one in things],
            "at": [one.at for one in things],
            "ranks": [one.rank for one in things],
        },
    )


async def states(tx: Transaction, places: Sequence[tuple[str, str]]) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_THINGS, {"kinds": [kind for kind, _ in places], "keys": [key for _, key in places]})


async def keep_balances(tx: Transaction, movements: Sequence[Movement]) -> None:
    """Sorted by member and wallet, each wallet once; an older movement changes nothing."""
    names = ("member_ids", "wallets", "sequences", "balances", "debts")
    columns = zip(*movements, strict=True)
    await tx.execute(_KEEP_BALANCES, {name: list(column) for name, column in zip(names, columns, strict=True)})


async def balances(tx: Transaction, member_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_BALANCES, {"member_ids": list(member_ids)})
