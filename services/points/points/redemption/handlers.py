"""Points are held, spent and given back: lock the member, decide, save, tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from common.events.points import PointsHeld, PointsRedeemed
from common.events.programme import ProgrammeSettings
from common.security.callers import Caller
from common.security.grants import Grant
from common.storage import Transaction
from common.storage.programme import programme
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.ledger.domain import HELD as HELD_ACCOUNT
from points.ledger.domain import REDEMPTION, Cause, Wallet
from points.merges import finding
from points.merges import handlers as merges
from points.policies import handlers as policies
from points.redemption import domain, money, store
from points.redemption.domain import CONFIRMED, HELD, Line, Redemption, UsedToday
from points.redemption.errors import (
    CurrencyMismatchError,
    GrantRefusedError,
    OrderAmountError,
    RedemptionUnknownError,
    ReferenceReusedError,
)
from points.redemption.money import Policy
from points.times import day_of

RESERVED, HOLD_ENDED, REDEEMED = "reserved", "hold_ended", "redeemed"
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
LAST_ID = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the points pay for; `amount` and the lines' amounts are minor units."""

    order_id: str
    amount: int
    currency: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request to redeem or hold. (`source`, `reference`) is the caller's own key, "" for none."""

    member_id: UUID
    wallet: str
    points: int
    source: str
    reference: str
    body_hash: bytes
    order: Order | None = None
    grant: Grant | None = None
    hold: bool = False
    hold_seconds: int | None = None


def policy_of(kept: policies.Kept) -> Policy:
    return Policy(revision=kept.revision, **kept.settings)


async def policy(tx: Transaction) -> Policy:
    return policy_of(await policies.current(tx, policies.REDEMPTION))


async def redeem(tx: Transaction, caller: Caller, wish: Wish) -> Redemption:
    """Spend points, or hold them. The same reference with the same body gives what it gave before.

    Raises MemberUnknownError, InsufficientPointsError, WalletNotSpendableError, NotAllowedPointsError,
    LimitReachedError, GrantRequiredError, GrantRefusedError, CurrencyMismatchError, ReferenceReusedError.
    """
    settings, allowed = await programme(tx), await policy(tx)
    check_order(wish.order, settings)
    member_id, wallets = await finding.lock_survivor(tx, wish.member_id)
    if seen := await asked_before(tx, wish):
        return seen
    domain.check(
        allowed,
        wish.points,
        amount=wish.order.amount if wish.order else None,
        used=await used_today(tx, member_id, settings, allowed),
        on_order=await _on_order(tx, wish),
    )
    redemption_id = uuid4()
    await use_grant(
        tx,
        wish.grant,
        wish.points,
        members=[member_id, wish.member_id],
        member_id=member_id,
        used_for=redemption_id,
        allowed=allowed,
    )
    wallet = wallets.of(member_id, wish.wallet)
    kind, account = (RESERVED, HELD_ACCOUNT) if wish.hold else (REDEEMED, REDEMPTION)
    cause = Cause(kind, "", "", str(redemption_id), tx.now, tx.now)
    sequence = await ledger.spend(tx, wallet, wish.points, cause, to_account=account)
    new = _new(wish, allowed, member_id, redemption_id, sequence, caller, tx.now)
    if not await store.add(tx, new):
        raise ReferenceReusedError(wish.source, wish.reference)
    await ledger.save(tx, wallets)
    if wish.hold and new.expires_at is not None:
        tx.emit(
            PointsHeld(
                **moved(wallet, sequence, new.held, tx.now),
                **domain.as_money(new, new.value),
                hold_id=new.redemption_id,
                expires_at=new.expires_at,
            )
        )
    else:
        tell_redeemed(tx, new, wallet, sequence)
    return new


def check_order(order: Order | None, settings: ProgrammeSettings) -> None:
    if order is None:
        return
    if order.currency != settings.currency:
        raise CurrencyMismatchError(order.currency, settings.currency)
    of_lines = sum(line.amount for line in order.lines)
    if order.lines and of_lines != order.amount:
        raise OrderAmountError(order.amount, of_lines)


async def asked_before(tx: Transaction, wish: Wish) -> Redemption | None:
    """What this reference stands for already, whatever has become of its grant. Raises ReferenceReusedError."""
    seen = await store.by_reference(tx, wish.source, wish.reference) if wish.reference else None
    if seen is not None and seen.body_hash != wish.body_hash:
        raise ReferenceReusedError(wish.source, wish.reference)
    return seen


async def used_today(tx: Transaction, member_id: UUID, settings: ProgrammeSettings, allowed: Policy) -> UsedToday:
    """By the member and those merged into it; nothing is counted that the policy does not limit."""
    begin, end = day_of(tx.now, ZoneInfo(settings.time_zone))
    if allowed.daily_points is None and allowed.daily_times is None:
        return UsedToday(points=0, times=0, resets_at=end)
    return await store.used_since(tx, await facts.group(tx, member_id), begin, end)


async def _on_order(tx: Transaction, wish: Wish) -> int:
    """Points that are on the order already, whoever pays: its share is one, however often points are used for it."""
    if wish.order is None:
        return 0
    await store.take_turns(tx, wish.source, wish.order.order_id)
    return await store.used_on_order(tx, wish.source, wish.order.order_id)


async def use_grant(
    tx: Transaction,
    grant: Grant | None,
    points: int,
    *,
    members: Sequence[UUID],
    member_id: UUID,
    used_for: UUID,
    allowed: Policy | None = None,
) -> None:
    """Let a grant serve for `points` of `member_id`, once; it may be of any of `members` (one that was merged).

    Raises GrantRequiredError where the policy asks for one and none was sent, GrantRefusedError.
    """
    domain.check_grant(
        allowed or await policy(tx),
        points,
        given=grant is not None,
        members=members,
        of=grant.member_id if grant else None,
        purpose=grant.purpose if grant else "",
        most=grant.max_points if grant else 0,
    )
    if grant is not None and not await store.use_grant(
        tx,
        grant.grant_id,
        member_id=member_id,
        redemption_id=used_for,
        max_points=grant.max_points,
        expires_at=grant.expires_at,
    ):
        raise GrantRefusedError("used", "The grant was used before: ask for a new one.")


def _new(
    wish: Wish, allowed: Policy, member_id: UUID, redemption_id: UUID, sequence: int, caller: Caller, now: datetime
) -> Redemption:
    order = wish.order
    value = money.worth(allowed, wish.points) if order else None
    seconds = wish.hold_seconds or allowed.hold_seconds
    return Redemption(
        redemption_id=redemption_id,
        member_id=member_id,
        wallet=wish.wallet,
        source=wish.source,
        reference=wish.reference,
        body_hash=wish.body_hash,
        state=HELD if wish.hold else CONFIRMED,
        held=wish.points,
        points=0 if wish.hold else wish.points,
        given_back=0,
        order_id=order.order_id if order else "",
        currency=order.currency if order else "",
        order_amount=order.amount if order else None,
        value=value,
        policy_revision=allowed.revision,
        debit_sequence=sequence,
        created_at=now,
        created_by=caller.subject,
        expires_at=now + timedelta(seconds=seconds) if wish.hold else None,
        settled_at=None if wish.hold else now,
        lines=domain.over_lines(order.lines, wish.points, value or 0) if order else (),
    )


async def locked(tx: Transaction, redemption_id: UUID) -> tuple[Redemption, ledger.Wallets]:
    """A redemption and the wallets of its member and its survivors. Raises RedemptionUnknownError."""
    found = await get(tx, redemption_id)
    wallets = await ledger.lock(tx, await merges.with_survivors(tx, [found.member_id]))
    (now,) = await store.locked(tx, [redemption_id])
    return now, wallets


def moved(wallet: Wallet, sequence: int, points: int, now: datetime) -> dict[str, Any]:
    return {
        "member_id": wallet.member_id,
        "wallet": wallet.name,
        "sequence": sequence,
        "points": points,
        "balance": wallet.spendable,
        "debt": wallet.debt,
        "occurred_at": now,
    }


def tell_redeemed(tx: Transaction, done: Redemption, wallet: Wallet, sequence: int) -> None:
    tx.emit(
        PointsRedeemed(
            **moved(wallet, sequence, done.points, tx.now),
            **domain.as_money(done, done.value),
            redemption_id=str(done.redemption_id),
            reference=done.order_id or done.reference,
        )
    )


async def get(tx: Transaction, redemption_id: UUID) -> Redemption:
    found = await store.by_id(tx, redemption_id)
    if found is None:
        raise RedemptionUnknownError(redemption_id)
    return found


async def persons(tx: Transaction, member_id: UUID) -> list[UUID]:
    """Who the member is now, and all that were merged into that one. Raises MemberUnknownError."""
    await ledger.wallets_of(tx, member_id)
    return await facts.group(tx, await merges.survivor(tx, member_id))


async def by_ids(tx: Transaction, redemption_ids: Iterable[UUID]) -> dict[UUID, Redemption]:
    """Those that are known."""
    return await store.by_ids(tx, redemption_ids)
