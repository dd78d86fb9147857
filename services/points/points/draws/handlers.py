"""Playing: pay, pick, take from the stock, give, in one transaction; and taking a play back."""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from common.events.incentives import DrawPlayed, DrawUndone
from common.events.programme import ProgrammeSettings
from common.security.audit import audit
from common.security.callers import Caller
from common.security.grants import Grant
from common.storage import Transaction
from common.storage.programme import programme
from points.coupons import handlers as coupons
from points.coupons.refusals import CouponRefusedError, CouponStateError
from points.draws import domain, epochs, proof, store
from points.draws.domain import (
    COUPON,
    GOODS,
    POINTS,
    Draw,
    DrawClosedError,
    Epoch,
    NothingToHandOverError,
    Play,
    PlayNotUndoneError,
    PlayUnknownError,
    Prize,
)
from points.draws.epochs import close_epoch, open_epoch
from points.facts import handlers as facts
from points.incentives import audiences
from points.incentives import handlers as incentives
from points.incentives.domain import DRAW, LimitReachedError, NotInAudienceError
from points.ledger import handlers as ledger
from points.ledger.domain import REDEMPTION, Cause, Wallet
from points.merges import finding
from points.merges import handlers as merges
from points.payouts import handlers as payouts
from points.payouts.domain import Occasion, Reward
from points.redemption import handlers as redemption
from points.times import day_of, local_day

__all__ = ["close_epoch", "hand_over", "open_epoch", "play", "undo"]

REDEEMED, GIVEN_BACK = "redeemed", "given_back"


async def play(tx: Transaction, member_id: UUID, key: str, client_seed: str, grant: Grant | None = None) -> Play:
    """Play once; `grant` is the member's word for points, where the programme asks for one.

    Raises MemberUnknownError, IncentiveUnknownError, DrawClosedError, NotInAudienceError, LimitReachedError,
    GrantRequiredError, GrantRefusedError, InsufficientPointsError, PersonalDataClosedError (no master key to open the
    seed).
    """
    asked, (member_id, wallets) = member_id, await finding.lock_survivor(tx, member_id)
    draw, settings = Draw.of(await incentives.one(tx, DRAW, key)), await programme(tx)
    if reason := domain.closed_reason(draw, tx.now):
        raise DrawClosedError(draw, reason)
    today = local_day(tx.now, ZoneInfo(settings.time_zone))
    cost, play_id, cost_sequence = await _next_cost(tx, member_id, draw, settings, today), uuid4(), 0
    if cost:
        await redemption.use_grant(tx, grant, cost, members=[member_id, asked], member_id=member_id, used_for=play_id)
        cost_sequence = await _pay(tx, wallets.of(member_id, draw.wallet), draw, cost, play_id)
    # The second look is for an epoch that was renewed while this play waited for the one before.
    epoch = await store.next_number(tx, key) or await store.next_number(tx, key)
    if epoch is None:
        raise DrawClosedError(draw, "not_active")
    pseudonym, ticket, drawn, given = await _pick(tx, draw, epoch, member_id, client_seed)
    prize = draw.prize(given)
    occasion = _occasion(draw, member_id, play_id, tx.now)
    reward = Reward(points=prize.points, wallet=draw.wallet, expires_days=draw.expires_days)
    sequence = await payouts.give(tx, wallets, settings, occasion, reward)
    played = Play(
        key,
        epoch.epoch,
        epoch.plays,
        play_id,
        member_id,
        epoch.commitment,
        pseudonym,
        client_seed,
        ticket,
        drawn,
        given,
        prize.kind,
        prize.points,
        sequence,
        await _coupon(tx, prize, member_id, play_id),
        prize.reward or "",
        cost == 0,
        cost,
        cost_sequence,
        today,
        tx.now,
        None,
        None,
    )
    await store.add_play(tx, played)
    await ledger.save(tx, wallets)
    tx.emit(DrawPlayed(**_told(draw, played), occurred_at=tx.now))
    return played


async def _next_cost(tx: Transaction, member_id: UUID, draw: Draw, settings: ProgrammeSettings, today: date) -> int:
    """What this play costs, if the member may play at all. Raises LimitReachedError, NotInAudienceError."""
    played = await store.played(tx, await facts.group(tx, member_id), draw.key, today)
    reached = domain.limit_reached(draw, played)
    if reached is not None:
        limit, allowed = reached
        tomorrow = day_of(tx.now, ZoneInfo(settings.time_zone))[1]
        raise LimitReachedError(draw.key, limit, allowed, tomorrow if limit == "plays_per_day" else None)
    if not draw.audience.is_everybody:
        (standing,) = await audiences.standings(tx, settings, [(member_id, tx.now)])
        if not draw.audience.includes(standing.tier, standing.segments):
            raise NotInAudienceError(draw.key, standing.tier, draw.audience)
    return domain.cost_of_next(draw, played)


async def _pay(tx: Transaction, wallet: Wallet, draw: Draw, cost: int, play_id: UUID) -> int:
    """The sequence of the debit. Raises InsufficientPointsError."""
    cause = Cause(REDEEMED, "", "", str(play_id), tx.now, tx.now)
    sequence = await ledger.spend(tx, wallet, cost, cause, to_account=REDEMPTION)
    payouts.tell_spent(tx, wallet, sequence, cost, str(play_id), "draw", key=draw.key)
    return sequence


async def _pick(
    tx: Transaction, draw: Draw, epoch: Epoch, member_id: UUID, client_seed: str
) -> tuple[str, int, str, str]:
    """(pseudonym, ticket, what it drew, what is given and now out of the stock): see proof.py."""
    pseudonym = proof.pseudonym_of(draw.key, epoch.epoch, member_id)
    ticket = proof.ticket_of(epochs.open_seed(epoch), client_seed, epoch.plays, pseudonym, draw.total)
    table = [proof.Place(key=prize.key, weight=prize.weight) for prize in draw.prizes]
    drawn = proof.drawn_by(ticket, table).key
    if await store.take(tx, draw.key, epoch.epoch, drawn):
        return pseudonym, ticket, drawn, drawn
    await store.take(tx, draw.key, epoch.epoch, draw.fallback)
    return pseudonym, ticket, drawn, draw.fallback


async def _coupon(tx: Transaction, prize: Prize, member_id: UUID, play_id: UUID) -> UUID | None:
    """The coupon that was won; None where none can be issued now: the play stays as the proof says, the coupon is owed
    and handed over later.
    """
    if prize.coupon is None:
        return None
    try:
        issued = await coupons.issue(
            tx,
            template=prize.coupon,
            member_id=member_id,
            reason="draw",
            reference=str(play_id),
            occurred_at=tx.now,
        )
    except CouponRefusedError:
        return None
    return issued.coupon_id


def _occasion(draw: Draw, member_id: UUID, play_id: UUID, at: datetime) -> Occasion:
    return Occasion(
        member_id=member_id,
        kind="draw",
        key=draw.key,
        revision=draw.incentive.revision,
        reference=f"draw:{play_id}",
        occurred_at=at,
    )


def _told(draw: Draw, played: Play) -> dict[str, Any]:
    """What both events say of a play."""
    prize = draw.prize(played.prize)
    return {
        "member_id": played.member_id,
        "key": draw.key,
        "name": draw.incentive.name,
        "play_id": played.play_id,
        "cost": played.cost,
        "prize": "" if prize.kind == domain.NOTHING else prize.label,
        "prize_kind": prize.kind,
        "points": prize.points,
    }


async def undo(tx: Transaction, caller: Caller, play_id: UUID, reason: str) -> Play:
    """Take a play back: its prize, if it was not used, and its cost into the lots it came from. The prize does not go
    back into the epoch's stock (the proof replays it), but into the next epoch's.

    Raises PlayUnknownError, PlayNotUndoneError.
    """
    first = await _play(tx, play_id)
    wallets = await finding.lock_with_survivors(tx, [first.member_id])
    played = await _play(tx, play_id, locked=True)
    if played.undone_at is not None:
        raise PlayNotUndoneError(play_id, "already_undone", played.prize)
    if played.handed_over_at is not None:
        raise PlayNotUndoneError(play_id, "handed_over", played.prize)
    draw, settings = Draw.of(await incentives.one(tx, DRAW, played.draw)), await programme(tx)
    wallet = wallets.of(played.member_id, draw.wallet)
    if played.prize_kind == POINTS:
        await _take_points_back(tx, wallets, settings, draw, played)
    if played.coupon_id is not None:
        try:
            await coupons.revoke(tx, played.coupon_id, "draw_undone")
        except CouponStateError:
            raise PlayNotUndoneError(play_id, "prize_used", played.prize) from None
    if played.cost:
        cause = Cause(GIVEN_BACK, "", "", str(play_id), tx.now, tx.now)
        back = await ledger.give_back(
            tx, wallet, played.cost_sequence, played.cost, cause, grace_days=settings.grace_days
        )
        payouts.tell_given_back(tx, wallet, back, str(play_id), "draw")
    await store.undo(tx, play_id)
    tx.emit(DrawUndone(**_told(draw, played), occurred_at=tx.now))
    await merges.forward(tx, wallets, [played.member_id])
    await ledger.save(tx, wallets)
    await audit(tx, caller, "draw_play.undone", play_id, draw=played.draw, reason=reason)
    return await _play(tx, play_id)


async def _take_points_back(
    tx: Transaction, wallets: ledger.Wallets, settings: ProgrammeSettings, draw: Draw, played: Play
) -> None:
    """Out of the lot they are in, with the member or whom it was merged into. Raises PlayNotUndoneError."""
    places = await finding.lots_now(tx, played.member_id, draw.wallet, [played.sequence])
    for member_id, sequences in places.items():
        wallet = wallets.of(member_id, draw.wallet)
        await ledger.load_named(tx, wallet, sequences)
        if any(lot.sequence in sequences and lot.remaining == played.points for lot in wallet.lots or ()):
            occasion = _occasion(draw, member_id, played.play_id, tx.now)
            await payouts.take_back(tx, wallets, settings, occasion, draw.wallet, played.points)
            return
    raise PlayNotUndoneError(played.play_id, "prize_used", played.prize)


async def hand_over(tx: Transaction, caller: Caller, play_id: UUID) -> Play:
    """Goods were given to the member, or a coupon that was owed can be issued now, to whom the member is now.

    Raises PlayUnknownError, NothingToHandOverError, CouponRefusedError.
    """
    played = await _play(tx, play_id, locked=True)
    owed = played.prize_kind == COUPON and played.coupon_id is None
    if played.undone_at is not None or played.handed_over_at is not None or not (played.prize_kind == GOODS or owed):
        raise NothingToHandOverError(play_id, played.prize_kind)
    coupon_id = None
    if owed:
        prize = Draw.of(await incentives.one(tx, DRAW, played.draw)).prize(played.prize)
        assert prize.coupon is not None
        issued = await coupons.issue(
            tx,
            template=prize.coupon,
            member_id=await merges.survivor(tx, played.member_id),
            reason="draw",
            reference=str(play_id),
            occurred_at=tx.now,
        )
        coupon_id = issued.coupon_id
    await store.hand_over(tx, play_id, coupon_id)
    await audit(tx, caller, "draw_play.handed_over", play_id, draw=played.draw)
    return await _play(tx, play_id)


async def _play(tx: Transaction, play_id: UUID, *, locked: bool = False) -> Play:
    found = await store.by_id(tx, play_id, locked=locked)
    if found is None:
        raise PlayUnknownError(play_id)
    return found
