"""Reports for those who run the programme, and for those who publish to it."""

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from common.http import Page, Paging, ResponseBody, Router, Tx, allow, may_answer, page, paged
from common.http.fields import Day, Instant, Key
from common.storage.programme import programme
from points.ledger.handlers import FIRST_WALLET
from points.reports import handlers
from points.reports.domain import NAMES, Figures, Period

router = Router(tags=["reports"])

BySender = paged(str, str)
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)


class SenderDuplicates(ResponseBody):
    """What one sender sent more than once, by type of event."""

    source: str
    type: str
    duplicates: int = Field(description="Messages that repeated what was known, with the same body: no further effect.")
    days: int = Field(description="On how many days (UTC) that happened.")
    reused: int = Field(
        description="Messages that used a known id (an order) for another body: set aside, nothing posted."
    )
    first: datetime
    last: datetime


@router.get(
    "/v1/reports/duplicates",
    dependencies=[allow("points:read")],
    responses=may_answer(422),
    summary="Who sends what twice",
)
async def duplicates(
    tx: Tx,
    paging: Annotated[Paging[tuple[str, str]], BySender],
    source: Annotated[Key | None, Query(description="One sender alone.")] = None,
    since: Annotated[Instant | None, Query(description="Included; repeats are counted by the day (UTC).")] = None,
    until: Annotated[Instant | None, Query(description="Not included.")] = None,
) -> Page[SenderDuplicates]:
    """Ordered by sender and type. Every effect happens once, whatever is sent twice; this tells senders of it."""
    rows = await handlers.duplicates(
        tx,
        source=source,
        since=since or EARLIEST,
        until=until or LATEST,
        after=paging.after or ("", ""),
        limit=paging.fetch,
    )
    return page(
        rows,
        paging,
        key=lambda row: (row.source, row.type),
        item=lambda row: SenderDuplicates.model_validate(row, from_attributes=True),
    )


DEFINITION = (
    "Points of one type of wallet by the local day, in the programme's zone, on which they moved. earned: issued "
    "by rules and incentives; corrected_down: taken because a late fact changed what was earned; redeemed and "
    "given_back: spent, and spent points that came back; expired; unexpired: of what was asked back, what had "
    "expired before; clawed_back: asked back for returns; written_off: what was not there of it and nobody owes, and "
    "debts that people wrote off; owed_again: such debts that are owed again; adjusted: by people. outstanding: what "
    "members have (waiting and held points included) less what they owe. A period has figures once it is over; total "
    "is of the asked days up to now."
)


class PointsFigures(ResponseBody):
    earned: int
    corrected_down: int
    redeemed: int
    given_back: int
    expired: int
    unexpired: int
    clawed_back: int
    written_off: int
    owed_again: int
    adjusted_up: int
    adjusted_down: int
    change: int = Field(description="What members have more than before.")


class PointsSpan(ResponseBody):
    first: date
    last: date
    figures: PointsFigures | None = Field(description="Null while the period is not over.")
    outstanding: int | None


class PointsReport(ResponseBody):
    as_of: datetime
    definition: str
    wallet: str
    first: date
    last: date
    total: PointsFigures
    outstanding_now: int
    periods: list[PointsSpan]


def _figures(found: Figures) -> PointsFigures:
    return PointsFigures(**{name: getattr(found, name) for name in NAMES}, change=found.change)


First = Annotated[Day | None, Query(description="First local day. Default: 30 days back.")]
Last = Annotated[Day | None, Query(description="Last local day, included. Default: today.")]


@router.get(
    "/v1/reports/points",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="Earned, redeemed, expired, clawed back and outstanding, by day, week or month",
)
async def points(
    tx: Tx,
    wallet: Annotated[Key, Query()] = FIRST_WALLET,
    first: First = None,
    last: Last = None,
    period: Annotated[Period, Query()] = "day",
) -> PointsReport:
    since, until = handlers.default_range(tx, first, last, (await programme(tx)).time_zone)
    found = await handlers.usage(tx, wallet, since, until, period)
    return PointsReport(
        as_of=tx.now,
        definition=DEFINITION,
        wallet=wallet,
        first=since,
        last=until,
        total=_figures(found.total),
        outstanding_now=found.outstanding_now,
        periods=[
            PointsSpan(
                first=one.first,
                last=one.last,
                figures=None if one.figures is None else _figures(one.figures),
                outstanding=one.outstanding,
            )
            for one in found.periods
        ],
    )


class RuleFigures(ResponseBody):
    rule: str
    version: int
    wallet: str
    occasions: int = Field(description="Purchases and activities that it paid for.")
    points: int
    cut: int = Field(
        description="Points that a limit or a budget cut off, of purchases and activities that earned something."
    )
    taken_back: int = Field(description="Its share of what returns took back, in proportion, whatever lines came back.")
    redeemed: int = Field(description="Its share of what was spent of the lots, less what was given back.")
    expired: int = Field(description="Its share of what expired in the lots.")
    outstanding: int = Field(description="Its share of what is left in the lots: waiting and held points included.")


RULES_DEFINITION = (
    "points: what rules gave for purchases and activities of the asked days. The rest is what has become of it until "
    "as_of. A credit opens lots, and points go on in others when members are merged, give them away or get expired "
    "ones back with grace: all these are the credit's lots. Debits take the earliest expiring lot first and keep from "
    "which; what was spent of a credit's lots, what expired and what is left is shared among its rules in proportion "
    "to the points that each gave. taken_back is of the purchase that was returned: where its points were spent, "
    "others' lots paid for it, or a debt. In each wallet the shares are rounded so that every column adds up (largest "
    "remainder). points are taken_back, redeemed, expired and outstanding together, less debts and what was written "
    "off, and but for corrections by people."
)


class RulesReport(ResponseBody):
    as_of: datetime
    definition: str
    first: date
    last: date
    rules: list[RuleFigures]


@router.get(
    "/v1/reports/rules",
    dependencies=[allow("points:read")],
    responses=may_answer(422),
    summary="What each rule paid, and what became of it: redeemed, expired, taken back, outstanding",
)
async def rules(tx: Tx, first: First = None, last: Last = None) -> RulesReport:
    """By the day of the purchase or activity. What streaks, tasks, badges and draws gave is in the report by day.

    `definition` in the answer says how what became of points is shared among rules.
    """
    since, until = handlers.default_range(tx, first, last, (await programme(tx)).time_zone)
    rows = await handlers.by_rule(tx, since, until)
    return RulesReport(
        as_of=tx.now,
        definition=RULES_DEFINITION,
        first=since,
        last=until,
        rules=[RuleFigures.model_validate(row, from_attributes=True) for row in rows],
    )


class RewardFigures(ResponseBody):
    day: date = Field(description="Local day of the order, or of what undid it.")
    reward: str
    kind: str
    orders: int
    quantity: int
    points: int
    money: int = Field(description="Minor units.")
    orders_undone: int = Field(description="Cancelled or returned on that day.")
    quantity_undone: int
    points_undone: int
    money_undone: int


class RewardsReport(ResponseBody):
    as_of: datetime
    first: date
    last: date
    days: list[RewardFigures]


@router.get(
    "/v1/reports/rewards",
    dependencies=[allow("points:read")],
    responses=may_answer(422),
    summary="What rewards were ordered and undone, by day",
)
async def rewards(
    tx: Tx, first: First = None, last: Last = None, reward: Annotated[Key | None, Query()] = None
) -> RewardsReport:
    since, until = handlers.default_range(tx, first, last, (await programme(tx)).time_zone)
    rows = await handlers.by_reward(tx, since, until, reward)
    return RewardsReport(
        as_of=tx.now,
        first=since,
        last=until,
        days=[RewardFigures.model_validate(row, from_attributes=True) for row in rows],
    )
