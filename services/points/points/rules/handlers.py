"""Publishing earning rules, and finding the version that is valid."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.rules import store
from points.rules.domain import PURCHASE_RATE, RuleBook, fraction

MAX_VERSION = 2**31 - 1


async def rule_book(tx: Transaction) -> RuleBook:
    """All published versions of the purchase rate."""
    return RuleBook(await store.published(tx, PURCHASE_RATE))


async def latest(tx: Transaction, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Versions below `before`, the newest first."""
    below = MAX_VERSION if before is None else max(0, min(before, MAX_VERSION))
    return await store.latest(tx, PURCHASE_RATE, before=below, limit=limit)


async def publish(
    tx: Transaction,
    caller: Caller,
    *,
    wallet: str,
    points: int,
    per_minor_units: int,
    multipliers: Mapping[str, str],
    effective_from: datetime | None,
) -> Row[Any]:
    """Add the next version, effective now unless said otherwise. Raises MultiplierError."""
    for tier, multiplier in multipliers.items():
        fraction(tier, multiplier)
    row = await store.publish(
        tx,
        rule=PURCHASE_RATE,
        wallet=wallet,
        points=points,
        per_minor_units=per_minor_units,
        multipliers=multipliers,
        effective_from=effective_from or tx.now,
        published_by=caller.subject,
    )
    await audit(tx, caller, "earning_rule.published", f"{PURCHASE_RATE}/{_version(row)}")
    return row


def _version(row: Any) -> int:
    return int(row.version)


def multipliers_of(row: Any) -> dict[str, str]:
    """The multipliers of a stored version, by tier."""
    found: dict[str, str] = json.loads(row.multipliers)
    return found
