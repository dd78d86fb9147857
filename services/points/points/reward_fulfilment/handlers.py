"""What happens to an order after it was placed: paid, sent, delivered, cancelled, returned, let in at the door."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from common.events.points import PointsGivenBack
from common.events.rewards import RewardOrderChanged
from common.http import check_revision
from common.security.callers import SYSTEM, Caller
from common.storage import Transaction
from points import keyring
from points.ledger import handlers as ledger
from points.ledger.domain import Cause, GivenBack, Wallet
from points.ledger.handlers import Wallets
from points.merges import handlers as merges
from points.reward_offers.handlers import WALLET
from points.reward_orders import domain, issuing, store
from points.reward_orders.domain import ACCEPTED, AWAITING_PAYMENT, CANCELLED, FULFILLED, SHIPPED, Order
from points.reward_orders.handlers import ADDRESS as SEALED_FOR
from points.reward_orders.handlers import REWARD, address_of, told
from points.reward_orders.refusals import OrderUnknownError
from points.reward_tickets import handlers as tickets
from points.reward_tickets.domain import Ticket, TicketOfOtherRewardError
from points.rewards import handlers as rewards

BACK = "given_back"
ADDRESS, SHIPMENT = "address", "shipment"
"""What can be corrected."""
NOT_PAID = "not_paid_in_time"
OVERDUE_LIMIT = 200
OPERATOR = "rewards:fulfil"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """An order that was cancelled or returned, and what became of its points (None when it cost none)."""

    order: Order
    back: GivenBack | None


async def advance(
    tx: Transaction,
    caller: Caller,
    order_id: UUID,
    state: str,
    *,
    seen: int | None,
    note: str = "",
    carrier: str = "",
    tracking: str = "",
) -> Order:
    """Picking, shipped, delivered, fulfilled. Raises OrderUnknownError, BadTransitionError, ProblemError (412)."""
    before = await _locked_row(tx, order_id, seen)
    after = domain.advanced(before, state, tx.now)
    if state == SHIPPED:
        after = replace(after, carrier=carrier, tracking=tracking)
    await _keep(tx, caller, before, after, note, {"carrier": carrier, "tracking": tracking})
    return after


async def correct_shipment(
    tx: Transaction, caller: Caller, order_id: UUID, *, seen: int | None, carrier: str, tracking: str, note: str = ""
) -> Order:
    """Put right who carries the parcel and its number, and tell it. The same again changes nothing. Raises
    OrderUnknownError, NotCorrectableError, AddressNotNeededError, ProblemError (412).
    """
    before = await _locked_row(tx, order_id, seen)
    after = replace(domain.corrected(before, SHIPMENT, tx.now), carrier=carrier, tracking=tracking)
    if (before.carrier, before.tracking) == (carrier, tracking):
        return before
    was = {"previous_carrier": before.carrier, "previous_tracking": before.tracking}
    await _keep(
        tx, caller, before, after, note, {"corrected": SHIPMENT, "carrier": carrier, "tracking": tracking, **was}
    )
    return after


async def correct_address(
    tx: Transaction,
    caller: Caller,
    order_id: UUID,
    address: Mapping[str, str],
    *,
    seen: int | None,
    note: str = "",
) -> Order:
    """Seal another address for what has not gone out. History says that it changed, neither from where nor to where.
    The same again changes nothing. Raises OrderUnknownError, NotCorrectableError, AddressNotNeededError,
    PersonalDataErasedError, ProblemError (412).
    """
    before = await _locked_row(tx, order_id, seen)
    after = domain.corrected(before, ADDRESS, tx.now)
    if address == await address_of(tx, before):
        return before
    sealed = await keyring.current().seal(tx, before.member_id, address, purpose=SEALED_FOR)
    after = replace(after, address=sealed.box)
    await store.change(tx, after)
    await store.note(tx, after, before.state, caller, note, {"corrected": ADDRESS})
    return after


async def pay(tx: Transaction, caller: Caller, order_id: UUID, reference: str) -> Order:
    """The money of an order came. The same reference again changes nothing. Raises OrderUnknownError,
    BadTransitionError, PaymentTooLateError, and CouponRefusedError when there is no coupon to give out.
    """
    _, before = await _locked(tx, order_id)
    if before.paid_at is not None and before.payment_reference == reference:
        return before
    after = domain.paid(before, reference, tx.now)
    after = await issuing.issue(tx, after)
    await _keep(tx, caller, before, after, "", {"payment_reference": reference})
    return after


async def undo(
    tx: Transaction, caller: Caller, order_id: UUID, state: str, *, reason: str, restock: bool, seen: int | None
) -> Undone:
    """Cancel, or take back what was delivered: the points go back into their lots, pieces into the stock, limits are
    free again. Raises OrderUnknownError, BadTransitionError, AlreadyUsedError, ProblemError (412).
    """
    wallets, before = await _locked(tx, order_id)
    check_revision(seen, before.revision)
    undone = await _undo(tx, caller, wallets, before, state, reason=reason, restock=restock)
    await merges.forward(tx, wallets, [before.member_id])
    await ledger.save(tx, wallets)
    return undone


async def cancel_overdue(tx: Transaction) -> None:
    """Timed job: orders whose money did not come in time."""
    overdue = await store.overdue(tx, tx.now, OVERDUE_LIMIT)
    if not overdue:
        return
    members = sorted({member_id for _, member_id in overdue})
    wallets = await ledger.lock(tx, await merges.with_survivors(tx, members))
    for before in await store.lock_many(tx, [order_id for order_id, _ in overdue]):
        if before.state == AWAITING_PAYMENT:  # nobody was faster
            await _undo(tx, SYSTEM, wallets, before, CANCELLED, reason=NOT_PAID, restock=True)
    await merges.forward(tx, wallets, members)
    await ledger.save(tx, wallets)


async def check_in(tx: Transaction, caller: Caller, code: str, reward: str) -> tuple[Order, Ticket]:
    """Let in who shows this code, once; with the last ticket the order is fulfilled. `reward` "" lets in to anything.

    Raises TicketUnknownError, TicketUsedError, TicketRevokedError, TicketOfOtherRewardError.
    """
    ticket = await tickets.of_code(tx, code)
    order = await _locked_row(tx, ticket.order_id, None)
    if reward and order.reward != reward:
        raise TicketOfOtherRewardError(ticket.ticket_id, order.reward, reward)
    used, left = await tickets.use(tx, caller, code)
    if not left and order.state == ACCEPTED:
        after = domain.moved(order, FULFILLED, tx.now)
        await _keep(tx, caller, order, after, "", {"ticket_id": str(used.ticket_id)})
        order = after
    return order, used


async def _undo(
    tx: Transaction, caller: Caller, wallets: Wallets, before: Order, state: str, *, reason: str, restock: bool
) -> Undone:
    after = domain.moved(before, state, tx.now, by_member=caller is not SYSTEM and not caller.may(OPERATOR))
    if restock:  # the stock before the coupons, as an order takes them
        await rewards.put_back(tx, before.reward, before.quantity, before.order_id, caller.subject)
    await issuing.take_back(tx, before)
    wallet = wallets.of(before.member_id, WALLET)
    back = await _give_back(tx, wallet, before)
    if back is not None:
        after = replace(after, given_back=back.points, renewed=back.renewed, grace_until=back.grace_until)
    facts: dict[str, object] = {"given_back": after.given_back, "renewed": after.renewed, "restocked": restock}
    if after.grace_until is not None:
        facts["grace_until"] = after.grace_until.isoformat()
    await _keep(tx, caller, before, after, reason, facts)
    return Undone(order=after, back=back)


async def _give_back(tx: Transaction, wallet: Wallet, order: Order) -> GivenBack | None:
    if not order.points:
        return None
    cause = Cause(BACK, "", "", str(order.order_id), tx.now, tx.now)
    back = await ledger.give_back(tx, wallet, order.sequence, order.points, cause)
    tx.emit(
        PointsGivenBack(
            member_id=order.member_id,
            wallet=WALLET,
            sequence=back.sequence,
            points=back.points,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=tx.now,
            redemption_id=str(order.order_id),
            reason=REWARD,
            renewed=back.renewed,
            grace_until=back.grace_until,
        )
    )
    return back


async def _keep(
    tx: Transaction, caller: Caller, before: Order, after: Order, reason: str, facts: Mapping[str, object]
) -> None:
    await store.change(tx, after)
    await store.note(tx, after, before.state, caller, reason, facts)
    tx.emit(
        RewardOrderChanged(
            **told(after),
            occurred_at=tx.now,
            state=after.state,
            previous_state=before.state,
            carrier=after.carrier,
            tracking=after.tracking,
            reason=reason,
            to_refund=after.money if domain.payment_state(after) == domain.TO_REFUND else 0,
        )
    )


async def _locked_row(tx: Transaction, order_id: UUID, seen: int | None) -> Order:
    found = await store.lock(tx, order_id)
    if found is None:
        raise OrderUnknownError(order_id)
    check_revision(seen, found.revision)
    return found


async def _locked(tx: Transaction, order_id: UUID) -> tuple[Wallets, Order]:
    """The member's wallets first, then the order."""
    member_id = await store.member_of(tx, order_id)
    if member_id is None:
        raise OrderUnknownError(order_id)
    wallets = await ledger.lock(tx, await merges.with_survivors(tx, [member_id]))
    return wallets, await _locked_row(tx, order_id, None)
