"""The catalogue kept by operators, and the stock that orders take from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from common.events.programme import ProgrammeSettings
from common.http import check_revision
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.coupon_templates import handlers as coupon_templates
from points.coupon_templates.domain import ACTIVE
from points.rewards import domain, store
from points.rewards.domain import Reward, Terms
from points.rewards.refusals import (
    OutOfStockError,
    RewardInvalidError,
    RewardKeyTakenError,
    RewardUnknownError,
    StockUnlimitedError,
)

INITIAL, RESTOCK, CORRECTION, ORDERED, GIVEN_BACK = "initial", "restock", "correction", "ordered", "given_back"


def terms_of(settings: ProgrammeSettings) -> Terms:
    return Terms(zone=ZoneInfo(settings.time_zone), first_day_of_week=settings.first_day_of_week)


async def create(tx: Transaction, caller: Caller, reward: Reward) -> Reward:
    """A new reward, hidden. Raises RewardInvalidError, RewardKeyTakenError."""
    domain.check(reward)
    if not await store.add(tx, reward, caller.subject):
        raise RewardKeyTakenError(reward.reward)
    if reward.stock is not None:
        await store.count_stock(tx, reward.reward, reward.stock, reason=INITIAL, note="", actor=caller.subject)
    await audit(tx, caller, "reward.created", reward.reward, stock=reward.stock)
    return reward


async def change(tx: Transaction, caller: Caller, wanted: Reward, seen: int | None) -> Reward:
    """Replace all but the state, the stock and the kind, which stays. Raises RewardUnknownError, RewardInvalidError,
    ProblemError (412) when somebody else was faster.
    """
    current = await _locked(tx, wanted.reward, seen)
    if wanted.kind != current.kind:
        raise RewardInvalidError("kind", f"stays {current.kind}: make another reward")
    after = replace(wanted, state=current.state, stock=current.stock, revision=current.revision + 1)
    domain.check(after)
    if after.state == domain.PUBLISHED and after.coupon_template != current.coupon_template:
        await _check_template(tx, after.coupon_template)
    await store.change(tx, after, caller.subject)
    await audit(tx, caller, "reward.changed", after.reward, revision=after.revision, fields=_changed(current, after))
    return after


async def move(tx: Transaction, caller: Caller, reward: str, state: str, seen: int | None) -> Reward:
    """Publish, hide or archive. Raises RewardUnknownError, BadTransitionError, ProblemError (412), RewardInvalidError
    when there is no coupon to give out.
    """
    current = await _locked(tx, reward, seen)
    after = domain.moved(current, state)
    if after.state == domain.PUBLISHED:
        await _check_template(tx, after.coupon_template)
    await store.change(tx, after, caller.subject)
    await audit(tx, caller, f"reward.{state}", reward, previous_state=current.state)
    return after


async def restock(tx: Transaction, caller: Caller, reward: str, change: int, note: str) -> Row[Any]:
    """Add pieces, or take some away. Raises RewardUnknownError, StockUnlimitedError, OutOfStockError."""
    found = await of_key(tx, reward)
    if found.stock is None:
        raise StockUnlimitedError(reward)
    row = await store.move_stock(tx, reward, change, reason=RESTOCK, reference="", note=note, actor=caller.subject)
    if row is None:
        raise OutOfStockError(reward, found.stock, -change)
    await audit(tx, caller, "reward.restocked", reward, change=change, stock=row.stock, note=note)
    return row


async def count(tx: Transaction, caller: Caller, reward: str, stock: int | None, note: str) -> Row[Any]:
    """What was counted on the shelf, None for unlimited. Raises RewardUnknownError, RewardInvalidError."""
    found = await of_key(tx, reward)
    domain.check(replace(found, stock=stock))
    row = await store.count_stock(tx, reward, stock, reason=CORRECTION, note=note, actor=caller.subject)
    assert row is not None
    await audit(tx, caller, "reward.stock_corrected", reward, stock=stock, note=note)
    return row


async def take_stock(tx: Transaction, reward: Reward, quantity: int, order: object, actor: str) -> None:
    """For an order, in one guarded step; holds the row until the transaction ends. Raises OutOfStockError."""
    if reward.stock is not None:
        row = await store.move_stock(
            tx, reward.reward, -quantity, reason=ORDERED, reference=str(order), note="", actor=actor
        )
        if row is None:
            left = (await of_key(tx, reward.reward)).stock
            raise OutOfStockError(reward.reward, left, quantity)


async def put_back(tx: Transaction, reward: str, quantity: int, order: object, actor: str) -> None:
    """Of an order that was cancelled or came back; nothing when the stock has no limit."""
    await store.move_stock(tx, reward, quantity, reason=GIVEN_BACK, reference=str(order), note="", actor=actor)


async def of_key(tx: Transaction, reward: str) -> Reward:
    """Raises RewardUnknownError."""
    found = await store.of_keys(tx, [reward])
    if reward not in found:
        raise RewardUnknownError(reward)
    return found[reward]


async def of_keys(tx: Transaction, rewards: Iterable[str]) -> Mapping[str, Reward]:
    return await store.of_keys(tx, rewards)


async def catalogue(
    tx: Transaction, *, state: str | None, kind: str | None, words: str, after: tuple[int, str], limit: int
) -> list[Reward]:
    """By `sort`, then key. `words` are searched in names and key."""
    return await store.catalogue(
        tx, state=state, kind=kind, words=words.strip().lower() or None, after=after, limit=limit
    )


async def stock_changes(tx: Transaction, reward: str, *, below: int, limit: int) -> Sequence[Row[Any]]:
    """The newest first. Raises RewardUnknownError."""
    await of_key(tx, reward)
    return await store.stock_changes(tx, reward, below=below, limit=limit)


async def _check_template(tx: Transaction, template: str) -> None:
    """What is published can be given out. Raises RewardInvalidError."""
    if template:
        known = (await coupon_templates.issued_now(tx, [template])).get(template)
        if known is None or known.state != ACTIVE:
            raise RewardInvalidError("coupon_template", f"no coupons of template {template} are issued now")


async def _locked(tx: Transaction, reward: str, seen: int | None) -> Reward:
    found = await store.lock(tx, reward)
    if found is None:
        raise RewardUnknownError(reward)
    check_revision(seen, found.revision)
    return found


def _changed(before: Reward, after: Reward) -> list[str]:
    names = Reward.__dataclass_fields__
    return [name for name in names if name != "revision" and getattr(before, name) != getattr(after, name)]
