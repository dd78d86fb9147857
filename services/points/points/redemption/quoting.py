"""What an order may use, asked before anything is written."""

from uuid import UUID

from common.storage import Transaction
from common.storage.programme import programme
from points.errors import WalletNotSpendableError
from points.ledger import handlers as ledger
from points.merges import handlers as merges
from points.redemption import domain, handlers, money, store
from points.redemption.domain import Line
from points.redemption.money import Offer, Policy
from points.wallet_types import handlers as wallet_types


async def quote(
    tx: Transaction, member_id: UUID, wallet: str, order: handlers.Order, *, source: str
) -> tuple[Policy, Offer, tuple[Line, ...]]:
    """How many points may be used for this order, and how they would be split over its lines. Writes nothing.

    Raises MemberUnknownError, WalletNotSpendableError, CurrencyMismatchError, OrderAmountError.
    """
    settings, allowed = await programme(tx), await handlers.policy(tx)
    handlers.check_order(order, settings)
    payer = await merges.survivor(tx, member_id)
    if not (await wallet_types.load(tx)).of(wallet).spendable:
        raise WalletNotSpendableError(payer, wallet)
    rows = await ledger.balances(tx, payer, soon=tx.now)
    spendable = next((row.available for row in rows if row.wallet == wallet and not row.debt), 0)
    used = await handlers.used_today(tx, payer, settings, allowed)
    found = money.offer(
        allowed,
        amount=order.amount,
        spendable=spendable,
        left_today=None if allowed.daily_points is None else allowed.daily_points - used.points,
        on_order=await store.used_on_order(tx, source, order.order_id),
        times_left=None if allowed.daily_times is None else allowed.daily_times - used.times,
    )
    return allowed, found, domain.over_lines(order.lines, found.points, found.value)
