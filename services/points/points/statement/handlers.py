"""Tells members and staff what moved and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import Accrual, Purchase, Repricing
from points.errors import PurchaseUnknownError
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.ledger.domain import Transfer
from points.returns import handlers as returns
from points.returns.domain import Return
from points.statement import origins
from points.statement.domain import Incentive, Origin, word_of

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """A purchase and what it earned."""

    purchase: Purchase
    credits: Sequence[Accrual]


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A transfer, and what explains it: a purchase of the member's own, or something else that points know of.

    Of somebody else's purchase (who was referred bought it) only the transfer's order source and id are told.
    """

    transfer: Transfer
    earned: Earned | None
    origin: Origin | None
    incentive: Incentive | None


async def statement(
    tx: Transaction, member_id: UUID, wallet: str, chosen: ledger.Chosen, *, before: int | None, limit: int
) -> list[Movement]:
    """A wallet's transfers below the sequence `before`, the newest first; a purchase only where the member, or one that
    was merged into it, bought it. Raises MemberUnknownError.
    """
    transfers = await ledger.newest(tx, member_id, wallet, chosen, before=before, limit=limit)
    orders = {(one.order_source, one.order_id) for one in transfers if one.order_id}
    bought = await accruals.purchases(tx, orders) if orders else {}
    buyers = await facts.group(tx, member_id) if bought else []
    own = [purchase for purchase in bought.values() if purchase.member_id in buyers]
    known = {one.purchase.key: one for one in await _earned(tx, own)}
    others, incentives = await origins.origins(tx, transfers), await origins.incentives(tx, transfers)
    return [
        Movement(
            transfer=one,
            earned=known.get((one.order_source, one.order_id)),
            origin=others.get(found) if (found := origins.id_in(one.reference)) else None,
            incentive=incentives.get(word_of(one)),
        )
        for one in transfers
    ]


async def _earned(tx: Transaction, purchases: Sequence[Purchase]) -> list[Earned]:
    credits = await accruals.by_keys(tx, [one.key for one in purchases]) if purchases else {}
    return [Earned(purchase=one, credits=credits.get(one.key, [])) for one in purchases]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one purchase."""

    earned: Earned
    repricings: Sequence[Repricing]
    returns: Sequence[Return]


async def explain(tx: Transaction, source: str, order_id: str) -> Explanation:
    """Raises PurchaseUnknownError."""
    key = (source, order_id)
    purchase = (await accruals.purchases(tx, [key])).get(key)
    if purchase is None:
        raise PurchaseUnknownError(source, order_id)
    (earned,) = await _earned(tx, [purchase])
    return Explanation(
        earned=earned, repricings=await accruals.repricings(tx, key), returns=await returns.of_order(tx, key)
    )


async def purchases(
    tx: Transaction,
    member_id: UUID,
    *,
    occurred_from: datetime | None,
    occurred_until: datetime | None,
    before: tuple[datetime, str, str] | None,
    limit: int,
) -> list[Earned]:
    """A member's purchases that occurred in [from, until), the latest first. Raises MemberUnknownError."""
    await ledger.wallets_of(tx, member_id)
    bought = await accruals.page(
        tx,
        await facts.group(tx, member_id),
        occurred_from=occurred_from or EARLIEST,
        occurred_until=occurred_until or LATEST,
        before=before or (LATEST, "", ""),
        limit=limit,
    )
    return await _earned(tx, bought)
