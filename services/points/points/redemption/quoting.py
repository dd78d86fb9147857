"""What an order may use, asked before anything is written."""

from uuid import UUID

from common.storage import Transaction
from common.storage.programme import programme
from points.ledger import handlers as ledger
from points.merges import handlers as merges
from points.redemption import domain, handlers, money
from points.redemption.domain import Line
from points.redemption.money import Offer, Policy


async def quote(
    tx: Transaction, member_id: UUID, wallet: str, order: handlers.Order
) -> tuple[Policy, Offer, tuple[Line, ...]]:
    """How many points may be used for this order, and how they would be split over its lines. Writes nothing.

    Raises MemberUnknownError, CurrencyMismatchError, OrderAmountError.
    """
    settings, allowed = await programme(tx), await handlers.policy(tx)
    handlers.check_order(order, settings)
    payer = await merges.survivor(tx, member_id)
    rows = await ledger.balances(tx, payer, soon=tx.now)
    spendable = next((row.available for row in rows if row.wallet == wallet and not row.debt), 0)
    used = await handlers.used_today(tx, payer, settings)
    left = None if allowed.daily_points is None else allowed.daily_points - used.points
    if allowed.daily_times is not None and used.times >= allowed.daily_times:
        left = 0
    found = money.offer(allowed, amount=order.amount, spendable=spendable, left_today=left)
    return allowed, found, domain.over_lines(order.lines, found.points, found.value)
