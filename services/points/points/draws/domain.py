"""Draws: who may play when, for how much, what a play gives. Pure; the proof is in proof.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from points.incentives.domain import ACTIVE, Audience, Incentive

POINTS, COUPON, GOODS, NOTHING = "points", "coupon", "goods", "nothing"
OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prize:
    key: str
    name: Mapping[str, str]
    kind: str
    weight: int
    stock: int | None
    points: int
    coupon: str | None
    reward: str | None

    @property
    def label(self) -> str:
        return self.name["zh"] or self.name["en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    incentive: Incentive
    total: int
    prizes: Sequence[Prize]
    fallback: str
    cost: int
    wallet: str
    expires_days: int | None
    free_per_day: int
    per_day: int | None
    per_member: int | None
    opens_at: datetime | None
    closes_at: datetime | None
    audience: Audience

    @property
    def key(self) -> str:
        return self.incentive.key

    @classmethod
    def of(cls, incentive: Incentive) -> "Draw":
        facts = incentive.definition
        return cls(
            incentive=incentive,
            total=facts["total"],
            prizes=[Prize(**prize) for prize in facts["prizes"]],
            fallback=facts["fallback"],
            cost=facts["cost"],
            wallet=facts["wallet"],
            expires_days=facts["expires_days"],
            free_per_day=facts["free_per_day"],
            per_day=facts["per_day"],
            per_member=facts["per_member"],
            opens_at=_instant(facts["opens_at"]),
            closes_at=_instant(facts["closes_at"]),
            audience=Audience.of(facts["audience"]),
        )

    def prize(self, key: str) -> Prize:
        return next(prize for prize in self.prizes if prize.key == key)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class Epoch(NamedTuple):
    """Plays under one seed. `commitment` is known from the beginning, `seed` (hexadecimal) once it is closed."""

    draw: str
    epoch: int
    commitment: str
    sealed_seed: bytes
    seed: str | None
    plays: int
    opened_at: datetime
    closed_at: datetime | None


class Play(NamedTuple):
    """One play. `drawn` by its ticket; `prize` is what was given: the fallback when the drawn one had run out. The
    epoch's `commitment` is kept with it, so that a member's receipt says what was promised.
    """

    draw: str
    epoch: int
    number: int
    play_id: UUID
    member_id: UUID
    commitment: str
    pseudonym: str
    client_seed: str
    ticket: int
    drawn: str
    prize: str
    prize_kind: str
    points: int
    sequence: int
    coupon_id: UUID | None
    reward: str
    free: bool
    cost: int
    cost_sequence: int
    day: date
    played_at: datetime
    handed_over_at: datetime | None
    undone_at: datetime | None


class Played(NamedTuple):
    """How often a member played: ever, on the day that is asked about, and for nothing on that day."""

    ever: int
    today: int
    free_today: int


class DrawClosedError(Exception):
    """The draw is not open; `reason`: not_active, not_yet, over."""

    def __init__(self, draw: Draw, reason: str) -> None:
        sentences = {"not_active": "is not active", "not_yet": "has not opened yet", "over": "is over"}
        super().__init__(f"{draw.key} {sentences[reason]}.")
        self.draw = draw.key
        self.reason = reason
        self.opens_at = draw.opens_at
        self.closes_at = draw.closes_at


class PlayUnknownError(Exception):
    def __init__(self, play_id: UUID) -> None:
        super().__init__(f"There is no play {play_id}.")
        self.play_id = play_id


class EpochUnknownError(Exception):
    def __init__(self, draw: str, epoch: int) -> None:
        super().__init__(f"There is no epoch {epoch} of draw {draw}.")
        self.draw = draw
        self.epoch = epoch


class NotRevealedError(Exception):
    """The epoch is still open: its seed is not known to anybody yet."""

    def __init__(self, draw: str, epoch: int, commitment: str) -> None:
        super().__init__(f"Epoch {epoch} of draw {draw} is open; its seed is revealed when it is closed.")
        self.draw = draw
        self.epoch = epoch
        self.commitment = commitment


class PlayNotUndoneError(Exception):
    """The play stays; `reason`: already_undone, prize_used, handed_over."""

    def __init__(self, play_id: UUID, reason: str, prize: str) -> None:
        sentences = {
            "already_undone": "it was undone before",
            "prize_used": "its prize was used",
            "handed_over": "its prize was handed over",
        }
        super().__init__(f"Play {play_id} is not undone: {sentences[reason]}.")
        self.play_id = play_id
        self.reason = reason
        self.prize = prize


class NothingToHandOverError(Exception):
    """There is nothing to hand over: the play won neither goods nor a coupon that is still owed, or it was undone."""

    def __init__(self, play_id: UUID, prize_kind: str) -> None:
        super().__init__(f"Play {play_id} has nothing to hand over.")
        self.play_id = play_id
        self.prize_kind = prize_kind


def closed_reason(draw: Draw, now: datetime) -> str:
    """Why nobody can play now, as a reason of DrawClosedError; "" when the draw is open."""
    if draw.closes_at is not None and now >= draw.closes_at:
        return OVER
    if draw.incentive.state != ACTIVE:
        return "not_active"
    if draw.opens_at is not None and now < draw.opens_at:
        return "not_yet"
    return ""


def limit_reached(draw: Draw, played: Played) -> tuple[str, int] | None:
    """Which limit is used up, and how much it allows; None when one more play is left."""
    if draw.per_member is not None and played.ever >= draw.per_member:
        return "plays_per_member", draw.per_member
    if draw.per_day is not None and played.today >= draw.per_day:
        return "plays_per_day", draw.per_day
    return None


def cost_of_next(draw: Draw, played: Played) -> int:
    return 0 if played.free_today < draw.free_per_day else draw.cost
