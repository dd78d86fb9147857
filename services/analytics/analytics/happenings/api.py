"""Figures of coupons, rewards and incentives."""

from typing import Any

from analytics.calendar.api import Answer, By, Over, Snapshot, Span, View, span_of
from analytics.calendar.domain import Period, Range
from analytics.happenings import handlers
from analytics.happenings.domain import Tally
from common.http import ResponseBody, Router, allow, may_answer

router = Router(tags=["points"])

_COMMON = (
    " `times` counts events, `quantity` the pieces they speak of, `points` and `money` (minor units) are sums of them; "
    "each event counts once, on the local day it is about. A period has figures only when it is over and lies wholly "
    "in the range; else they are null."
)
COUPONS = (
    "Coupons by template. issued: given to members or made for them; used: redeemed on an order, `money` is the "
    "discount they gave (gross of returns); returned: usable again; revoked: taken back unused; expired: ended unused; "
    "expiring: told ahead." + _COMMON
)
REWARDS = (
    "Rewards by key. ordered: `quantity` pieces for `points` and `money`; the other kinds are states that orders came "
    "to: cancelled and returned give their points back." + _COMMON
)
INCENTIVES = (
    "streak: reached; task: completed (gross of revoked), revoked; badge: awarded, revoked; draw: won, lost with "
    "`quantity` the points it cost to play (gross of undone), undone. `points` is what it brought." + _COMMON
)
RETURNS = (
    "Returns that points set aside, by reason. referred: people are to decide, for the member has fewer points than it "
    "takes back; refused: it had waited and contradicts its purchase, or people rejected it. `money` is what was given "
    "back for the goods." + _COMMON
)


class TallyBody(ResponseBody):
    times: int
    quantity: int
    points: int
    money: int


class SubjectBody(ResponseBody):
    """One template, reward, streak … over the whole range, by what happened."""

    about: str
    key: str
    name: str
    happened: dict[str, TallyBody]


class HappenedPeriodBody(ResponseBody):
    span: Span
    finished: bool
    happened: dict[str, TallyBody] | None


class HappenedBody(Answer):
    range: Span
    total: dict[str, TallyBody]
    items: list[SubjectBody]
    periods: list[HappenedPeriodBody]


@router.get("/v1/coupons", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def coupons(over: Over, view: Snapshot, period: By = "month") -> HappenedBody:
    """Issued, used, returned, revoked and expired, by template."""
    return await _answer(view, ("coupon",), COUPONS, over, period)


@router.get("/v1/points/by-reward", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def by_reward(over: Over, view: Snapshot, period: By = "month") -> HappenedBody:
    """What points were spent on: orders of rewards and what became of them."""
    return await _answer(view, ("reward",), REWARDS, over, period)


@router.get("/v1/incentives", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def incentives(over: Over, view: Snapshot, period: By = "month") -> HappenedBody:
    """Streaks, tasks, badges and draws."""
    return await _answer(view, ("streak", "task", "badge", "draw"), INCENTIVES, over, period)


@router.get("/v1/points/returns-set-aside", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def returns_set_aside(over: Over, view: Snapshot, period: By = "month") -> HappenedBody:
    """Returns that took no points: referred to people, or refused."""
    return await _answer(view, ("return",), RETURNS, over, period)


async def _answer(view: View, about: tuple[str, ...], definition: str, over: Range, period: Period) -> HappenedBody:
    found = await handlers.happened(view.tx, about, over, view.calendar, period)
    body: dict[str, Any] = {
        **view.answer(definition),
        "range": span_of(over),
        "total": _bodies(found.total),
        "items": [
            SubjectBody(
                about=line.about,
                key=line.subject,
                name=found.names.get((line.about, line.subject), ""),
                happened=_bodies(line.kinds),
            )
            for line in found.lines
        ],
        "periods": [
            HappenedPeriodBody(
                span=span_of(one.span),
                finished=one.finished,
                happened=None if one.kinds is None else _bodies(one.kinds),
            )
            for one in found.periods
        ],
    }
    return HappenedBody.model_validate(body)


def _bodies(kinds: Any) -> dict[str, TallyBody]:
    found: dict[str, Tally] = dict(kinds)
    return {
        kind: TallyBody(times=one.times, quantity=one.quantity, points=one.points, money=one.money)
        for kind, one in sorted(found.items())
    }
