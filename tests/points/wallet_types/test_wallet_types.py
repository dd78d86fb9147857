"""Types of wallets: when their points end, and how they are set."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.storage import Database
from points.wallet_types import handlers
from points.wallet_types.domain import GROWTH, POINTS, Life, WalletType, life_end

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def local(zone: ZoneInfo, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=zone)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("life", "earned", "end"),
    [
        (Life(kind="months", periods=1), local(SHANGHAI, 2025, 1, 31, 9), local(SHANGHAI, 2025, 2, 28, 9)),
        (Life(kind="months", periods=1), local(SHANGHAI, 2024, 1, 31, 9), local(SHANGHAI, 2024, 2, 29, 9)),
        (Life(kind="months", periods=12), local(SHANGHAI, 2024, 2, 29, 9), local(SHANGHAI, 2025, 2, 28, 9)),
        (Life(kind="days", periods=30), local(SHANGHAI, 2025, 1, 31, 9), local(SHANGHAI, 2025, 3, 2, 9)),
        (Life(kind="days", periods=1), local(NEW_YORK, 2025, 3, 8, 12), local(NEW_YORK, 2025, 3, 9, 12)),
        (Life(kind="end_of_month"), local(SHANGHAI, 2025, 1, 31, 23), local(SHANGHAI, 2025, 2, 1)),
        (Life(kind="end_of_month"), local(SHANGHAI, 2025, 2, 1), local(SHANGHAI, 2025, 3, 1)),
        (Life(kind="end_of_month", periods=12), local(SHANGHAI, 2025, 12, 5), local(SHANGHAI, 2026, 12, 1)),
        (Life(kind="end_of_year"), local(SHANGHAI, 2025, 12, 31, 23), local(SHANGHAI, 2026, 1, 1)),
        (Life(kind="end_of_year", periods=2), local(SHANGHAI, 2025, 1, 1), local(SHANGHAI, 2027, 1, 1)),
        (Life(kind="programme"), local(SHANGHAI, 2025, 8, 31), local(SHANGHAI, 2026, 2, 28)),
        (Life(kind="never"), local(SHANGHAI, 2025, 8, 31), None),
    ],
)
def test_points_end_when_their_type_says(life: Life, earned: datetime, end: datetime | None) -> None:
    zone = earned.tzinfo
    assert isinstance(zone, ZoneInfo)
    assert life_end(life, earned.astimezone(UTC), zone, programme_months=6) == end


def test_end_of_month_is_that_of_the_programmes_zone() -> None:
    instant = datetime(2025, 1, 31, 17, tzinfo=UTC)  # the 1st of February in Shanghai
    assert life_end(Life(kind="end_of_month"), instant, SHANGHAI) == datetime(2025, 2, 28, 16, tzinfo=UTC)
    assert life_end(Life(kind="end_of_month"), instant, ZoneInfo("UTC")) == datetime(2025, 2, 1, tzinfo=UTC)


@given(
    st.integers(0, 6_600_000_000).map(lambda seconds: datetime.fromtimestamp(631_152_000 + seconds, UTC)),
    st.sampled_from(["days", "months", "end_of_month", "end_of_year"]),
    st.integers(1, 100),
    st.sampled_from(["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_end_is_after_the_beginning_and_grows_with_the_periods(
    earned: datetime, kind: str, periods: int, zone: str
) -> None:
    ends = [life_end(Life(kind=kind, periods=periods + more), earned, ZoneInfo(zone)) for more in (0, 1)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert earned < ends[0] < ends[1]


def test_waiting_is_in_local_days() -> None:
    found = WalletType(key="points", pending_days=7).available_at(datetime(2025, 3, 8, 17, tzinfo=UTC), NEW_YORK)
    assert found == datetime(2025, 3, 15, 16, tzinfo=UTC)
    assert WalletType(key="points").available_at(datetime(2025, 3, 8, tzinfo=UTC), NEW_YORK) is None


async def test_points_and_growth_are_built_in(points_database: Database) -> None:
    async with points_database.transaction() as tx:
        types = await handlers.load(tx)
    assert (types.of(POINTS).spendable, types.of(GROWTH).spendable) == (True, False)
    assert types.of(GROWTH).expires_at(datetime(2025, 1, 1, tzinfo=UTC), SHANGHAI, 12) is None
    assert types.of(POINTS).expires_at(datetime(2025, 1, 1, tzinfo=UTC), SHANGHAI, 0) is None
    assert types.of("stars").spendable
    assert not types.knows("stars")


async def test_type_is_set_whole_and_read_again(operator: Any) -> None:
    wanted = {
        "names": {"zh-CN": "星星", "en": "Stars"},
        "spendable": True,
        "transferable": False,
        "life": {"kind": "end_of_year", "periods": 2},
        "pending_days": 7,
        "negative_policy": "clamp",
        "notice_days": [7, 60, 7],
    }
    answer = await operator.put("/v1/wallet-types/stars", json=wanted)
    assert answer.status_code == 200, answer.text
    expected = {**wanted, "key": "stars", "revision": 1, "notice_days": [60, 7]}
    assert answer.json() == expected
    assert (await operator.get("/v1/wallet-types/stars")).json() == expected
    listed = (await operator.get("/v1/wallet-types")).json()["items"]
    assert [one["key"] for one in listed] == ["growth", "points", "stars"]


async def test_stale_change_is_refused(operator: Any) -> None:
    assert (await operator.get("/v1/wallet-types/points")).headers["ETag"] == '"0"'
    first = await operator.put("/v1/wallet-types/points", json={"pending_days": 3}, headers={"If-Match": '"0"'})
    assert (first.status_code, first.headers["ETag"]) == (200, '"1"')
    stale = await operator.put("/v1/wallet-types/points", json={}, headers={"If-Match": '"0"'})
    assert stale.status_code == 412


@pytest.mark.parametrize(
    "wrong",
    [
        {"life": {"kind": "weeks"}},
        {"life": {"kind": "end_of_year", "periods": 101}},
        {"life": {"kind": "days", "periods": 0}},
        {"pending_days": -1},
        {"negative_policy": "maybe"},
        {"notice_days": [0]},
        {"names": {"中文": "x"}},
        {"colour": "red"},
    ],
)
async def test_what_makes_no_sense_is_refused(operator: Any, wrong: dict[str, Any]) -> None:
    assert (await operator.put("/v1/wallet-types/points", json=wrong)).status_code == 422


async def test_unknown_type_is_not_found_and_strangers_may_not_change(operator: Any, client: Any) -> None:
    missing = await operator.get("/v1/wallet-types/stars")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_wallet_type")
    async with client(role="auditor") as auditor:
        assert (await auditor.put("/v1/wallet-types/points", json={})).status_code == 403
        assert (await auditor.get("/v1/wallet-types")).status_code == 200
