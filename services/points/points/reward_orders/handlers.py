"""The story of an order: all that is checked, taken and told happens in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row

from common.events.points import PointsRedeemed
from common.events.rewards import RewardOrdered
from common.security.callers import Caller
from common.security.cipher import PersonalDataErasedError
from common.security.grants import Grant
from common.storage import Transaction
from common.storage.programme import programme
from points import keyring
from points.errors import MemberUnknownError
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.ledger.domain import Cause, Wallet
from points.merges import handlers as merges
from points.redemption import handlers as redemption
from points.reward_offers import handlers as offers
from points.reward_offers.handlers import WALLET
from points.reward_orders import domain, issuing, store
from points.reward_orders.domain import Order, Wanted
from points.reward_orders.refusals import OrderUnknownError, RequestIdReusedError
from points.rewards import domain as catalogue
from points.rewards import handlers as rewards
from points.rewards.domain import Customer, Price, Reward, Terms

REDEEMED, REWARD = "redeemed", "reward"
ADDRESS = "reward address"
"""The purpose addresses are sealed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order, and whether it was placed now or is there since the caller asked the first time."""

    order: Order
    is_new: bool


async def order(tx: Transaction, caller: Caller, wanted: Wanted, grant: Grant | None = None) -> Placed:
    """Check, take the stock, spend the points, keep the order, tell. Raises what speaks against it (RewardRefusedError,
    InsufficientPointsError, AddressNeededError, GrantRequiredError …), MemberUnknownError, RewardUnknownError,
    RequestIdReusedError.
    """
    members = await merges.with_survivors(tx, [wanted.member_id])
    wallets, known = await facts.lock(tx, members, [facts.SEGMENTS])
    owner = known.owner(wanted.member_id)
    if not wallets.knows(owner):
        raise MemberUnknownError(wanted.member_id)
    asked, wanted = wanted.member_id, replace(wanted, member_id=owner)
    if before := await store.of_request(tx, caller.subject, wanted.request_id):
        return Placed(order=await _same(tx, before, wanted, asked), is_new=False)
    settings = await programme(tx)
    wallet = wallets.of(owner, WALLET)
    customer = offers.customer_of(known, owner, settings, tx, spendable=wallet.spendable, debt=wallet.debt)
    reward, price = await _chosen(tx, wanted, customer, rewards.terms_of(settings))
    placed = domain.placed(
        wanted,
        reward,
        price,
        order_id=uuid4(),
        currency=settings.currency,
        actor=caller.subject,
        now=tx.now,
    )
    await redemption.use_grant(
        tx, grant, placed.points, members=[owner, asked], member_id=owner, used_for=placed.order_id
    )
    placed = await _paid_in_points(tx, wallet, placed)
    if wanted.address is not None:
        sealed = await keyring.current().seal(tx, owner, wanted.address, purpose=ADDRESS)
        placed = replace(placed, address=sealed.box)
    await rewards.take_stock(tx, reward, placed.quantity, placed.order_id, caller.subject)
    await _keep(tx, placed)
    issued = await issuing.issue(tx, placed)
    if issued is not placed:
        await store.change(tx, issued)
        placed = issued
    facts_of_it = {"points": placed.points, "money": placed.money, "quantity": placed.quantity}
    await store.note(tx, placed, "", caller, "", facts_of_it)
    await ledger.save(tx, wallets)
    _tell(tx, placed, wallet)
    return Placed(order=placed, is_new=True)


async def _chosen(tx: Transaction, wanted: Wanted, customer: Customer, terms: Terms) -> tuple[Reward, Price]:
    """The reward and its price for this member. Raises the first thing that speaks against it."""
    reward = await rewards.of_key(tx, wanted.reward)
    used = (await offers.used(tx, customer.member_id, [reward], terms)).get(reward.reward, {})
    for objection in catalogue.objections(
        reward, customer, quantity=wanted.quantity, option=wanted.option, used=used, now=tx.now, terms=terms
    ):
        raise objection
    domain.check_address(reward, wanted.address is not None)
    options = catalogue.prices_for(reward, customer)
    return reward, options[wanted.option] if wanted.option else next(iter(options.values()))


async def _paid_in_points(tx: Transaction, wallet: Wallet, placed: Order) -> Order:
    if not placed.points:
        return placed
    cause = Cause(REDEEMED, "", "", str(placed.order_id), tx.now, tx.now)
    sequence = await ledger.spend(tx, wallet, placed.points, cause)
    return replace(placed, sequence=sequence)


async def _keep(tx: Transaction, placed: Order) -> None:
    """Orders of one member take turns; for another member the same request_id may have come at the same time."""
    if not await store.add(tx, placed):
        other = await store.of_request(tx, placed.ordered_by, placed.request_id)
        assert other is not None
        raise RequestIdReusedError(placed.request_id, other.order_id)


async def _same(tx: Transaction, before: Order, wanted: Wanted, asked: UUID) -> Order:
    same_address = wanted.address == await address_of(tx, before) or await store.has_new_address(tx, before.order_id)
    if not domain.is_same(before, wanted, asked) or not same_address:
        raise RequestIdReusedError(wanted.request_id, before.order_id)
    return before


def _tell(tx: Transaction, placed: Order, wallet: Wallet) -> None:
    if placed.points:
        tx.emit(
            PointsRedeemed(
                member_id=placed.member_id,
                wallet=WALLET,
                sequence=placed.sequence,
                points=placed.points,
                balance=wallet.spendable,
                debt=wallet.debt,
                occurred_at=tx.now,
                redemption_id=str(placed.order_id),
                reason=REWARD,
                reference=placed.reward,
            )
        )
    tx.emit(RewardOrdered(**told(placed), occurred_at=tx.now, state=placed.state, pay_until=placed.pay_until))


def told(order: Order) -> dict[str, Any]:
    """What all events of an order say."""
    return {
        "reward_order_id": order.order_id,
        "member_id": order.member_id,
        "reward": order.reward,
        "name": order.name,
        "kind": order.kind,
        "quantity": order.quantity,
        "points": order.points,
        "money": order.money,
        "currency": order.currency,
    }


async def address_of(tx: Transaction, order: Order) -> dict[str, str] | None:
    """Where goods go. None when nothing was kept, or when nobody can read it any more."""
    if order.address is None:
        return None
    try:
        return await keyring.current().open(tx, order.member_id, order.address, purpose=ADDRESS)
    except PersonalDataErasedError:
        return None


async def addresses_of(tx: Transaction, found: Sequence[Order]) -> Mapping[UUID, dict[str, str]]:
    """By order; those that nobody can read any more are left out."""
    opened: dict[UUID, dict[str, str]] = {}
    rest = [one for one in found if one.address is not None]
    while rest:  # each time one order of every member
        part = {one.member_id: one for one in reversed(rest)}
        boxes = {one.member_id: one.address for one in part.values() if one.address is not None}
        addresses = await keyring.current().open_many(tx, boxes, purpose=ADDRESS)
        opened |= {part[member_id].order_id: address for member_id, address in addresses.items()}
        taken = {one.order_id for one in part.values()}
        rest = [one for one in rest if one.order_id not in taken]
    return opened


async def of_id(tx: Transaction, order_id: UUID) -> Order:
    """Raises OrderUnknownError."""
    found = await store.read(tx, order_id)
    if found is None:
        raise OrderUnknownError(order_id)
    return found


async def orders(
    tx: Transaction,
    *,
    states: Sequence[str] | None = None,
    member_id: UUID | None = None,
    reward: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int,
) -> list[Order]:
    """The newest first, of a member with those that were merged into it. `since` is inclusive, `until` exclusive."""
    members = None if member_id is None else await facts.group(tx, member_id)
    return await store.orders(
        tx, states=states, member_ids=members, reward=reward, since=since, until=until, before=before, limit=limit
    )


async def history(tx: Transaction, order_id: UUID, *, after: int, limit: int) -> Sequence[Row[Any]]:
    """Every change, in order. Raises OrderUnknownError."""
    await of_id(tx, order_id)
    return await store.history(tx, order_id, after=after, limit=limit)


async def figures(
    tx: Transaction, *, since: datetime, until: datetime, reward: str | None = None
) -> Sequence[Row[Any]]:
    """By local day of the programme and reward: `day, reward, kind, orders, quantity, points, money` of what was
    ordered that day, and `orders_undone, quantity_undone, points_undone, money_undone` of what was cancelled or
    returned that day, whenever it had been ordered. `since` is inclusive, `until` exclusive; money in minor units.
    """
    zone = (await programme(tx)).time_zone
    return await store.figures(tx, since=since, until=until, zone=zone, reward=reward)
