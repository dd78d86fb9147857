"""Figures of spend: totals and periods, members, breakdowns, trend."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import ConfigDict, Field

from analytics.calendar.api import Answer, By, Over, Snapshot, Span, span_of
from analytics.spend import domain, handlers
from analytics.spend.store import PERCENTILES, Dimension
from common.http import ResponseBody, Router, allow, may_answer

router = Router(tags=["spend"])

MONEY = (
    "gross: goods before discount, by the local day of the purchase; discount: taken off by the seller; "
    "returned: given back for goods, by the local day of the return, only for returns whose purchase is "
    "known; net = gross - discount - returned; average_order = (gross - discount) / orders; buyers: different "
    "members with a purchase. "
)
PERIODS = "A period has figures only when it is over and lies wholly in the range; else they are null. "

SPEND = (
    MONEY + PERIODS + "change compares with the range before: as many whole months before when the range is whole "
    "months, else as many days; it is null while the range is not over."
)
MEMBERS = (
    MONEY + "Members with at least one purchase in the range. paid = gross - discount. A percentile is the smallest "
    "value that at least this share of these members do not exceed."
)
BREAKDOWN = (
    MONEY + "channel: of the purchase; region, gender, tier: what is known of the member now; tier_then: the tier held "
    "just before the purchase. A return counts where its purchase does. key is null where nothing is known."
)
TREND = (
    MONEY + PERIODS + "change compares a period with the one before it. by_month and by_weekday (1 is Monday) sum the "
    "finished days of the range; net_per_day is net / days."
)


class AmountsBody(ResponseBody):
    """Sums in minor units; gross, returned and net are always apart."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    orders: int
    gross: int
    discount: int
    returns: int
    returned: int
    net: int
    average_order: float | None


class ChangeBody(ResponseBody):
    """Relative change: 0.25 is a quarter more; null where there was nothing before."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    orders: float | None
    gross: float | None
    returned: float | None
    net: float | None


class PeriodBody(ResponseBody):
    span: Span
    finished: bool
    amounts: AmountsBody | None
    buyers: int | None


class SpendBody(Answer):
    range: Span
    total: AmountsBody
    buyers: int
    range_before: Span
    before: AmountsBody | None
    change: ChangeBody | None
    periods: list[PeriodBody]


class TrendPeriodBody(PeriodBody):
    change: ChangeBody | None


class SeasonBody(ResponseBody):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    number: int = Field(description="Month of the year, or weekday (1 is Monday).")
    days: int
    amounts: AmountsBody
    net_per_day: float | None


class TrendBody(Answer):
    range: Span
    periods: list[TrendPeriodBody]
    by_month: list[SeasonBody]
    by_weekday: list[SeasonBody]


class PercentileBody(ResponseBody):
    share: float = Field(description="0.5 is the median.")
    paid: int
    net: int


class MemberBody(ResponseBody):
    member_id: UUID
    amounts: AmountsBody


class MembersBody(Answer):
    range: Span
    buyers: int
    mean_paid: float | None
    mean_net: float | None
    percentiles: list[PercentileBody]
    top: list[MemberBody] = Field(description="By net, highest first.")


class ShareBody(ResponseBody):
    key: str | None
    buyers: int
    amounts: AmountsBody


class BreakdownBody(Answer):
    range: Span
    by: Dimension
    items: list[ShareBody] = Field(description="By gross, highest first.")


@router.get("/v1/spend", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def spend(over: Over, view: Snapshot, period: By = "month") -> SpendBody:
    """What was spent in a range, against the range before, and by period."""
    found = await handlers.spend(view.tx, over, view.calendar, period)
    return SpendBody.model_validate(
        {
            **view.answer(SPEND),
            "range": span_of(over),
            "total": _amounts(found.total),
            "buyers": found.buyers,
            "range_before": span_of(found.range_before),
            "before": _known(found.before),
            "change": _change(found.change),
            "periods": [PeriodBody.model_validate(_period(one)) for one in found.periods],
        }
    )


@router.get("/v1/spend/members", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def members(over: Over, view: Snapshot, limit: Annotated[int, Query(ge=0, le=200)] = 20) -> MembersBody:
    """How spend is spread over members, and who spent most."""
    spread, top = await handlers.members(view.tx, over, limit=limit)
    return MembersBody.model_validate(
        {
            **view.answer(MEMBERS),
            "range": span_of(over),
            "buyers": spread.buyers,
            "mean_paid": domain.ratio(spread.paid, spread.buyers, digits=2),
            "mean_net": domain.ratio(spread.net, spread.buyers, digits=2),
            "percentiles": [
                PercentileBody(share=share, paid=paid, net=net)
                for share, paid, net in zip(PERCENTILES, spread.paid_at, spread.net_at, strict=False)
            ],
            "top": [MemberBody(member_id=one.member_id, amounts=_amounts(one.amounts)) for one in top],
        }
    )


@router.get("/v1/spend/breakdown", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def breakdown(
    over: Over, view: Snapshot, by: Dimension, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> BreakdownBody:
    """Spend by tier, tier at the time, region, gender or channel."""
    shares = await handlers.breakdown(view.tx, over, by, limit=limit)
    items = [ShareBody(key=one.key, buyers=one.buyers, amounts=_amounts(one.amounts)) for one in shares]
    return BreakdownBody.model_validate({**view.answer(BREAKDOWN), "range": span_of(over), "by": by, "items": items})


@router.get("/v1/trend", dependencies=[allow("analytics:read")], responses=may_answer(422))
async def trend(over: Over, view: Snapshot, period: By = "month") -> TrendBody:
    """Periods one after another, each against the one before; seasons by month and weekday."""
    found = await handlers.trend(view.tx, over, view.calendar, period)
    return TrendBody.model_validate(
        {
            **view.answer(TREND),
            "range": span_of(over),
            "periods": [
                TrendPeriodBody.model_validate({**_period(one), "change": _change(change)})
                for one, change in found.periods
            ],
            "by_month": [SeasonBody.model_validate(one) for one in found.by_month],
            "by_weekday": [SeasonBody.model_validate(one) for one in found.by_weekday],
        }
    )


def _amounts(amounts: domain.Amounts) -> AmountsBody:
    return AmountsBody.model_validate(amounts)


def _known(amounts: domain.Amounts | None) -> AmountsBody | None:
    return None if amounts is None else _amounts(amounts)


def _change(change: domain.Change | None) -> ChangeBody | None:
    return None if change is None else ChangeBody.model_validate(change)


def _period(one: domain.PeriodAmounts) -> dict[str, object]:
    return {
        "span": span_of(one.span),
        "finished": one.finished,
        "amounts": _known(one.amounts),
        "buyers": one.buyers,
    }
