"""What the routes answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from analytics.proof import handlers as proof
from common.storage import Database
from tests.analytics.builders import (
    clawed_back,
    earned,
    hear,
    notice,
    purchase,
    refund,
    registered,
    settings,
    tier_changed,
)

MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


@pytest.fixture(autouse=True)
async def facts(analytics_database: Database) -> None:
    await hear(
        analytics_database,
        registered("lin", region="上海"),
        registered("wang", region="北京", status="left"),
        tier_changed("lin", ("base", "2026-01-01 00:00"), ("gold", "2026-03-01 18:00")),
        purchase("1", amount=20_000, discount=2_000),
        purchase("2", when="2026-03-10 12:00", amount=10_000),
        purchase("3", who="wang", when="2026-02-10 12:00", amount=5_000, channel="shop"),
        refund("r", "1", amount=4_000),
        refund("waits", "9", amount=70),
        earned("lin", 1, 180),
        clawed_back("lin", 2, 40),
        notice(1),
        notice(2, channel="email"),
    )


async def get(client: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_figures_show_everything_in_one_look(analyst: httpx.AsyncClient, analytics_database: Database) -> None:
    async with analytics_database.transaction() as tx:
        await proof.prove(tx)
    body = await get(analyst, "/v1/figures")
    assert body["purchases"] == {
        "purchases": 3,
        "gross": 35_000,
        "discount": 2_000,
        "returns": 1,
        "returned": 4_000,
        "net": 29_000,
        "returns_waiting": 1,
        "returned_waiting": 70,
        "returns_refused": 0,
        "returned_refused": 0,
    }
    assert body["members"] == {"known": 2, "active": 1}
    assert (body["points"]["earned"], body["points"]["outstanding"]) == (180, 140)
    assert (body["notices"], body["duplicates"]) == ({"sent": 2}, {})
    heard = datetime.fromisoformat(body["latest_fact_at"])
    assert timedelta(0) <= datetime.now(UTC) - heard < timedelta(minutes=5)
    assert [(found["rollup"], found["drifted"]) for found in body["proofs"]][-1] == ("spend_days", 0)


async def test_purchases_of_members_nobody_told_of_are_counted_apart(
    analyst: httpx.AsyncClient, analytics_database: Database
) -> None:
    before = (await get(analyst, "/v1/figures"))["unknown_members"]
    await hear(analytics_database, purchase("strange", who="nobody has heard of", amount=7_700))
    after = (await get(analyst, "/v1/figures"))["unknown_members"]
    assert (after["purchases"] - before["purchases"], after["gross"] - before["gross"]) == (1, 7_700)


async def test_spend_tells_gross_returned_and_net(analyst: httpx.AsyncClient) -> None:
    body = await get(analyst, "/v1/spend", **MARCH, period="month")
    assert body["total"] == {
        "orders": 2,
        "gross": 30_000,
        "discount": 2_000,
        "returns": 1,
        "returned": 4_000,
        "net": 24_000,
        "average_order": 14_000.0,
    }
    assert body["range_before"] == {"from": "2026-02-01", "to": "2026-02-28"}
    assert (body["change"]["gross"], body["change"]["returned"]) == (5.0, None)
    assert body["periods"][0]["span"] == {"from": "2026-03-01", "to": "2026-03-31"}
    assert body["periods"][0]["buyers"] == 1


async def test_today_is_null_in_a_series(analyst: httpx.AsyncClient, analytics_database: Database) -> None:
    await hear(analytics_database, purchase("now", when=datetime.now(UTC)))
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=2), today + timedelta(days=1)
    body = await get(analyst, "/v1/spend", **{"from": str(first), "to": str(last)}, period="day")
    assert [one["finished"] for one in body["periods"]][-1] is False
    assert body["periods"][-1]["amounts"] is None
    assert body["total"]["orders"] == 1
    assert (body["before"], body["change"]) == (None, None)


async def test_members_and_breakdown(analyst: httpx.AsyncClient) -> None:
    spread = await get(analyst, "/v1/spend/members", **MARCH)
    assert (spread["buyers"], spread["mean_paid"], spread["top"][0]["amounts"]["net"]) == (1, 28_000.0, 24_000)
    assert spread["percentiles"][3] == {"share": 0.5, "paid": 28_000, "net": 24_000}
    tiers = await get(analyst, "/v1/spend/breakdown", **MARCH, by="tier_then")
    assert [(item["key"], item["amounts"]["gross"]) for item in tiers["items"]] == [("base", 20_000), ("gold", 10_000)]
    regions = await get(analyst, "/v1/spend/breakdown", **{**MARCH, "from": "2026-02-01"}, by="region")
    assert {item["key"]: item["buyers"] for item in regions["items"]} == {"上海": 1, "北京": 1}


async def test_frequency_retention_and_trend(analyst: httpx.AsyncClient) -> None:
    body = await get(analyst, "/v1/frequency", same_day_once=True)
    assert (body["repeats"]["repeat_customers"], body["repeats"]["mean_repeat_spend"]) == (1, 10_000.0)
    assert body["gaps"]["distribution"][2] == {"from_days": 8, "to_days": 14, "purchases": 1}
    assert body["definition"].endswith("count as one.")
    cohorts = (await get(analyst, "/v1/retention", **{**MARCH, "from": "2026-02-01"}, later=1))["cohorts"]
    assert [(cohort["size"], cohort["cells"][1]["members"]) for cohort in cohorts] == [(1, 0), (1, 0)]
    trend = await get(analyst, "/v1/trend", **{**MARCH, "from": "2026-02-01"})
    assert [one["change"] and one["change"]["orders"] for one in trend["periods"]] == [None, 1.0]
    assert [season["number"] for season in trend["by_weekday"]] == [1, 2, 3, 4, 5, 6, 7]


async def test_points_and_notices(analyst: httpx.AsyncClient) -> None:
    points = await get(analyst, "/v1/points", **MARCH)
    assert points["periods"][0]["points"]["clawed_back"] == 40
    assert (points["outstanding_before"], points["outstanding_after"]) == (0, 140)
    notices = await get(analyst, "/v1/notices/figures", **MARCH)
    assert (notices["total"], len(notices["items"])) == ({"sent": 2}, 2)


async def test_answers_say_that_a_rebuild_is_on(analyst: httpx.AsyncClient, analytics_database: Database) -> None:
    await hear(analytics_database, settings(1, time_zone="America/New_York", currency="USD"))
    body = await get(analyst, "/v1/figures")
    assert (body["rebuilding"], body["time_zone"], body["currency"]) == (True, "America/New_York", "USD")
