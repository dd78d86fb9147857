"""All SQL on the daily roll-up of spend, and on spend by member."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from analytics.calendar.domain import Range, positions
from analytics.spend.domain import Amounts, Counted
from common.storage import Transaction

Dimension = Literal["channel", "region", "gender", "tier", "tier_then"]

PERCENTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)

ROOM = "SET LOCAL work_mem = '64MB'"
"""Sums over all members stay in memory."""

ADD = """
    INSERT INTO spend_days (day, channel, orders, gross, discount, returns, returned, recorded_at)
    SELECT day, channel, orders, gross, discount, returns, returned, CAST(:recorded_at AS timestamptz)
    FROM unnest(
        CAST(:day AS date[]), CAST(:channel AS text[]), CAST(:orders AS bigint[]), CAST(:gross AS numeric[]),
        CAST(:discount AS numeric[]), CAST(:returns AS bigint[]), CAST(:returned AS numeric[])
    ) AS given (day, channel, orders, gross, discount, returns, returned)
"""

FOLD = """
    WITH crowded AS (
        SELECT day, channel FROM spend_days GROUP BY day, channel HAVING count(*) > 1 LIMIT :limit
    ), gone AS (
        DELETE FROM spend_days d USING crowded c WHERE d.day = c.day AND d.channel = c.channel RETURNING d.*
    )
    INSERT INTO spend_days (day, channel, orders, gross, discount, returns, returned, recorded_at)
    SELECT day, channel, sum(orders), sum(gross), sum(discount), sum(returns), sum(returned), max(recorded_at)
    FROM gone GROUP BY day, channel
    HAVING (sum(orders), sum(gross), sum(discount), sum(returns), sum(returned)) <> (0, 0, 0, 0, 0)
"""

DAYS = """
    SELECT day, sum(orders) AS orders, sum(gross) AS gross, sum(discount) AS discount, sum(returns) AS returns,
        sum(returned) AS returned
    FROM spend_days WHERE day BETWEEN :first AND :last GROUP BY day ORDER BY day
"""

TOTAL = """
    SELECT coalesce(sum(orders), 0) AS orders, coalesce(sum(gross), 0) AS gross, coalesce(sum(discount), 0) AS discount,
        coalesce(sum(returns), 0) AS returns, coalesce(sum(returned), 0) AS returned, max(recorded_at) AS recorded_at
    FROM spend_days
"""

BUYERS = "SELECT count(*) FROM (SELECT DISTINCT member_id FROM purchases WHERE day BETWEEN :first AND :last) AS b"

BUYERS_BY_PERIOD = """
    WITH visits AS (
        SELECT member_id, day, (CAST(:positions AS smallint[]))[day - CAST(:first AS date) + 1] AS period
        FROM purchases WHERE day BETWEEN CAST(:first AS date) AND :last
    ), steps AS (
        SELECT period, lag(period) OVER (PARTITION BY member_id ORDER BY day) AS before FROM visits
    )
    SELECT period, count(*) FILTER (WHERE before IS DISTINCT FROM period) AS buyers FROM steps GROUP BY period
"""

_BY_MEMBER = """
    WITH bought AS (
        SELECT member_id, count(*) AS orders, sum(amount) AS gross, sum(discount) AS discount
        FROM purchases WHERE day BETWEEN :first AND :last GROUP BY member_id
    ), gave_back AS (
        SELECT member_id, count(*) AS returns, sum(amount) AS returned
        FROM returns WHERE day BETWEEN :first AND :last AND state = 'applied' GROUP BY member_id
    ), spent AS (
        SELECT member_id, orders, gross, discount, coalesce(returns, 0) AS returns, coalesce(returned, 0) AS returned,
            gross - discount AS paid, gross - discount - coalesce(returned, 0) AS net
        FROM bought LEFT JOIN gave_back USING (member_id)
    )
"""

DISTRIBUTION = (
    _BY_MEMBER
    + """
    SELECT count(*) AS buyers, coalesce(sum(paid), 0) AS paid, coalesce(sum(net), 0) AS net,
        percentile_disc(CAST(:percentiles AS float8[])) WITHIN GROUP (ORDER BY paid) AS paid_at,
        percentile_disc(CAST(:percentiles AS float8[])) WITHIN GROUP (ORDER BY net) AS net_at
    FROM spent
"""
)

TOP = (
    _BY_MEMBER
    + """
    SELECT member_id, orders, gross, discount, returns, returned FROM spent ORDER BY net DESC, member_id LIMIT :limit
"""
)

_KEYS: Mapping[Dimension, tuple[str, str]] = {
    "channel": ("f.channel", ""),
    "region": ("m.region", "LEFT JOIN members m ON m.member_id = f.member_id"),
    "gender": ("m.gender", "LEFT JOIN members m ON m.member_id = f.member_id"),
    "tier": (
        "coalesce(h.tier, m.tier)",
        "LEFT JOIN members m ON m.member_id = f.member_id LEFT JOIN tier_histories h ON h.member_id = f.member_id",
    ),
    "tier_then": (
        "coalesce(s.tier, CASE WHEN h.member_id IS NULL THEN m.tier END)",
        "LEFT JOIN members m ON m.member_id = f.member_id LEFT JOIN tier_histories h ON h.member_id = f.member_id "
        "LEFT JOIN tier_spans s ON s.member_id = f.member_id AND s.since < f.occurred_at "
        "AND (s.until IS NULL OR f.occurred_at <= s.until)",
    ),
}

BREAKDOWN: Mapping[Dimension, str] = {
    dimension: f"""
    WITH f AS (
        SELECT member_id, occurred_at, channel, 1 AS orders, amount AS gross, discount, 0 AS returns,
            CAST(0 AS bigint) AS returned
        FROM purchases WHERE day BETWEEN :first AND :last
        UNION ALL
        SELECT p.member_id, p.occurred_at, p.channel, 0, 0, 0, 1, r.amount
        FROM returns r JOIN purchases p ON p.source = r.order_source AND p.order_id = r.order_id
        WHERE r.day BETWEEN :first AND :last AND r.state = 'applied'
    )
    SELECT {key} AS key, sum(orders) AS orders, count(DISTINCT f.member_id) FILTER (WHERE orders = 1) AS buyers,
        sum(gross) AS gross, sum(discount) AS discount, sum(returns) AS returns, sum(returned) AS returned
    FROM f {joins}
    GROUP BY 1
    ORDER BY sum(gross) DESC, 1 NULLS LAST
    LIMIT :limit
"""
    for dimension, (key, joins) in _KEYS.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Spend of members with at least one purchase: sums, and the value at each of PERCENTILES (minor units)."""

    buyers: int
    paid: int
    net: int
    paid_at: Sequence[int]
    net_at: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSpend:
    member_id: UUID
    amounts: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One value of a dimension; `key` is None where it is not known."""

    key: str | None
    buyers: int
    amounts: Amounts


async def add(tx: Transaction, counted: Sequence[Counted], *, moved: bool = False) -> None:
    """One row for each entry; readers sum. `moved`: no new facts, but old ones on other days."""
    await tx.execute(
        ADD,
        {
            "recorded_at": None if moved else tx.now,
            "day": [one.day for one in counted],
            "channel": [one.channel for one in counted],
            "orders": [one.orders for one in counted],
            "gross": [Decimal(one.gross) for one in counted],
            "discount": [Decimal(one.discount) for one in counted],
            "returns": [one.returns for one in counted],
            "returned": [Decimal(one.returned) for one in counted],
        },
    )


async def fold(tx: Transaction, *, limit: int) -> int:
    """Make one row of the rows of each key, for up to `limit` keys. Returns the number of rows left of them."""
    return await tx.execute(FOLD, {"limit": limit})


async def days(tx: Transaction, over: Range) -> dict[date, Amounts]:
    """What each day adds up to; days without anything are missing."""
    rows = await tx.fetch_all(DAYS, {"first": over.first, "last": over.last})
    return {row.day: _amounts(row) for row in rows}


async def everything(tx: Transaction) -> tuple[Amounts, datetime | None]:
    """The sum of all days, and when the last fact was recorded."""
    row = await tx.fetch_one(TOTAL)
    assert row is not None
    return _amounts(row), row.recorded_at


async def buyers(tx: Transaction, over: Range) -> int:
    """Different members with a purchase in `over`."""
    await tx.execute(ROOM)
    return int(await tx.fetch_value(BUYERS, {"first": over.first, "last": over.last}))


async def buyers_by_period(tx: Transaction, spans: Sequence[Range]) -> dict[date, int]:
    """Different members with a purchase in each of `spans` (adjoining), by first day."""
    await tx.execute(ROOM)
    rows = await tx.fetch_all(
        BUYERS_BY_PERIOD,
        {"positions": positions(spans), "first": spans[0].first, "last": spans[-1].last},
    )
    return {spans[row.period - 1].first: row.buyers for row in rows}


async def distribution(tx: Transaction, over: Range) -> Distribution:
    await tx.execute(ROOM)
    row = await tx.fetch_one(DISTRIBUTION, {"first": over.first, "last": over.last, "percentiles": list(PERCENTILES)})
    assert row is not None
    return Distribution(
        buyers=row.buyers,
        paid=int(row.paid),
        net=int(row.net),
        paid_at=[int(value) for value in row.paid_at or ()],
        net_at=[int(value) for value in row.net_at or ()],
    )


async def top(tx: Transaction, over: Range, *, limit: int) -> list[MemberSpend]:
    """The members with the highest net spend in `over`, ties by member id."""
    await tx.execute(ROOM)
    rows = await tx.fetch_all(TOP, {"first": over.first, "last": over.last, "limit": limit})
    return [MemberSpend(member_id=row.member_id, amounts=_amounts(row)) for row in rows]


async def breakdown(tx: Transaction, over: Range, dimension: Dimension, *, limit: int) -> list[Share]:
    """The `limit` values of `dimension` with the highest gross."""
    await tx.execute(ROOM)
    rows = await tx.fetch_all(BREAKDOWN[dimension], {"first": over.first, "last": over.last, "limit": limit})
    return [Share(key=row.key or None, buyers=row.buyers, amounts=_amounts(row)) for row in rows]


def _amounts(row: Any) -> Amounts:
    return Amounts(
        orders=int(row.orders),
        gross=int(row.gross),
        discount=int(row.discount),
        returns=int(row.returns),
        returned=int(row.returned),
    )
