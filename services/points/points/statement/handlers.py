"""Tells members and staff what moved and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import Accrual, Repricing
from points.errors import PurchaseUnknownError
from points.ledger import handlers as ledger
from points.ledger.domain import Transfer
from points.returns import handlers as returns
from points.returns.domain import Return

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A transfer, and the purchase that explains it."""

    transfer: Transfer
    accrual: Accrual | None


async def statement(tx: Transaction, member_id: UUID, wallet: str, *, before: int | None, limit: int) -> list[Movement]:
    """A wallet's transfers below the sequence `before`, the newest first. Raises MemberUnknownError."""
    transfers = await ledger.newest(tx, member_id, wallet, before=before, limit=limit)
    orders = {(one.order_source, one.order_id) for one in transfers if one.order_id}
    known = await accruals.by_keys(tx, orders) if orders else {}
    return [Movement(transfer=one, accrual=known.get((one.order_source, one.order_id))) for one in transfers]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one purchase."""

    accrual: Accrual
    repricings: Sequence[Repricing]
    returns: Sequence[Return]


async def explain(tx: Transaction, source: str, order_id: str) -> Explanation:
    """Raises PurchaseUnknownError."""
    key = (source, order_id)
    accrual = (await accruals.by_keys(tx, [key])).get(key)
    if accrual is None:
        raise PurchaseUnknownError(source, order_id)
    return Explanation(
        accrual=accrual, repricings=await accruals.repricings(tx, key), returns=await returns.of_order(tx, key)
    )


async def purchases(
    tx: Transaction,
    member_id: UUID,
    *,
    occurred_from: datetime | None,
    occurred_until: datetime | None,
    before: tuple[datetime, str, str] | None,
    limit: int,
) -> list[Accrual]:
    """A member's purchases that occurred in [from, until), the latest first. Raises MemberUnknownError."""
    await ledger.wallets_of(tx, member_id)
    return await accruals.page(
        tx,
        member_id,
        occurred_from=occurred_from or EARLIEST,
        occurred_until=occurred_until or LATEST,
        before=before or (LATEST, "", ""),
        limit=limit,
    )
