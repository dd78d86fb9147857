"""Figures of points."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

from analytics.calendar.api import Answer, By, Over, Snapshot, Span, span_of
from analytics.calendar.domain import Range
from analytics.happenings import handlers as happenings
from analytics.points_usage import handlers
from analytics.points_usage.domain import PointsSums
from common.http import ResponseBody, Router, allow, may_answer
from common.http.fields import Key

router = Router(tags=["points"])

DEFINITION = (
    "Points of one wallet type by the local day they are about (a purchase's, a return's). earned: credited, pending "
    "ones included; pending: of these, what waited at first; released: what of them can be spent by now; redeemed, "
    "given_back, expired, adjusted (up, down), transferred (in, out): as the words say; unexpired: of what returns and "
    "corrections took, what had expired and was told as expired before; clawed_back: asked back for "
    "returns, whether or not they were still there; repriced: what corrections of earlier credits added or (below 0) "
    "took; written_off: of what clawbacks and corrections were to take, what was not there and nobody owes; "
    "outstanding: members' balances, points held for redemptions included, less their debts, since the beginning; "
    "waiting: pending points that are neither released nor taken back. A period has figures only when it is over and "
    "lies wholly in the range; else they are null."
)


class PointsBody(ResponseBody):
    movements: int
    earned: int
    clawed_back: int
    repriced: int
    written_off: int
    pending: int
    released: int
    redeemed: int
    given_back: int
    expired: int
    unexpired: int
    adjusted_up: int
    adjusted_down: int
    transferred_in: int
    transferred_out: int


RULES = (
    "Points of one wallet type that each version of an earning rule gave, pending ones included, before returns; "
    "credits: how often. A purchase that several rules paid for counts for each of them with its share. "
    "budget_exhausted: how often the rule's budget was used up in the range."
)


class RuleBody(ResponseBody):
    rule: str
    version: int
    name: str
    credits: int
    points: int
    budget_exhausted: int


class RulePeriodBody(ResponseBody):
    """`points` by rule, all versions together; null unless the period is over and wholly asked for."""

    span: Span
    finished: bool
    points: dict[str, int] | None


class ByRuleBody(Answer):
    range: Span
    wallet: str
    points: int
    items: list[RuleBody]
    periods: list[RulePeriodBody]


class PointsPeriodBody(ResponseBody):
    span: Span
    finished: bool
    points: PointsBody | None
    outstanding: int | None


class UsageBody(Answer):
    range: Span
    wallet: str
    total: PointsBody
    outstanding_before: int
    outstanding_after: int
    waiting_after: int
    periods: list[PointsPeriodBody]


@router.get("/v1/points", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def points(
    over: Over, view: Snapshot, period: By = "month", wallet: Annotated[Key, Query()] = "points"
) -> UsageBody:
    """What was earned and taken back, and what members had at the end of each period."""
    found = await handlers.usage(view.tx, wallet, over, view.calendar, period)
    return UsageBody.model_validate(
        {
            **view.answer(DEFINITION),
            "range": span_of(over),
            "wallet": wallet,
            "total": _body(found.total),
            "outstanding_before": found.outstanding_before,
            "outstanding_after": found.outstanding_after,
            "waiting_after": found.waiting_after,
            "periods": [
                PointsPeriodBody(
                    span=span_of(one.span),
                    finished=one.finished,
                    points=None if one.sums is None else _body(one.sums),
                    outstanding=one.outstanding,
                )
                for one in found.periods
            ],
        }
    )


@router.get("/v1/points/by-rule", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def by_rule(
    over: Over, view: Snapshot, period: By = "month", wallet: Annotated[Key, Query()] = "points"
) -> ByRuleBody:
    """What each rule gave."""
    spans = view.calendar.spans(over, period)
    rows = await handlers.by_rule(view.tx, wallet, over)
    told = await happenings.happened(view.tx, ("rule",), over, view.calendar, period)
    exhausted = {line.subject: line.kinds["budget_exhausted"].times for line in told.lines if _EXHAUSTED in line.kinds}
    items: dict[tuple[str, int], list[int]] = {}
    for row in rows:
        sums = items.setdefault((row.rule, row.version), [0, 0])
        sums[0] += int(row.credits)
        sums[1] += int(row.points)
    return ByRuleBody.model_validate(
        {
            **view.answer(RULES),
            "range": span_of(over),
            "wallet": wallet,
            "points": sum(points for _, points in items.values()),
            "items": [
                RuleBody(
                    rule=rule,
                    version=version,
                    name=told.names.get(("rule", rule), ""),
                    credits=credits,
                    points=points,
                    budget_exhausted=exhausted.get(rule, 0),
                )
                for (rule, version), (credits, points) in sorted(items.items())
            ],
            "periods": [_rule_period(rows, span, over, finished=view.calendar.finished(span)) for span in spans],
        }
    )


_EXHAUSTED = "budget_exhausted"


def _rule_period(rows: Sequence[Any], span: Range, over: Range, *, finished: bool) -> RulePeriodBody:
    known = finished and span.first in over and span.last in over
    points: dict[str, int] = {}
    for row in rows if known else ():
        if row.day in span:
            points[row.rule] = points.get(row.rule, 0) + int(row.points)
    return RulePeriodBody(span=span_of(span), finished=finished, points=points if known else None)


def _body(sums: PointsSums) -> PointsBody:
    kinds = ("pending", "released", "redeemed", "given_back", "expired", "unexpired")
    both_ways = ("adjusted_up", "adjusted_down", "transferred_in", "transferred_out")
    return PointsBody(
        movements=sums.movements,
        earned=sums.earned,
        clawed_back=sums.clawed_back,
        repriced=sums.repriced,
        written_off=sums.written_off,
        **{kind: sums.points(kind) for kind in (*kinds, *both_ways)},
    )
