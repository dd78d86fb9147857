"""Who may see figures, and what is said to questions that make no sense."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from common.storage import Database

RANGE = {"from": "2026-03-01", "to": "2026-03-31"}
ROUTES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/figures", {}),
    ("/v1/spend", RANGE),
    ("/v1/spend/members", RANGE),
    ("/v1/spend/breakdown", {**RANGE, "by": "tier"}),
    ("/v1/trend", RANGE),
    ("/v1/frequency", {}),
    ("/v1/retention", RANGE),
    ("/v1/points", RANGE),
    ("/v1/points/by-rule", RANGE),
    ("/v1/points/by-reward", RANGE),
    ("/v1/coupons", RANGE),
    ("/v1/incentives", RANGE),
    ("/v1/points/returns-set-aside", RANGE),
    ("/v1/notices/figures", RANGE),
]
RANGED = [route for route in ROUTES if route[1] and route[0] != "/v1/frequency"]


def test_every_route_is_walked_here(app: Any) -> None:
    own = ("/v1/figures", "/v1/spend", "/v1/trend", "/v1/frequency", "/v1/retention", "/v1/points", "/v1/notices")
    more = ("/v1/coupons", "/v1/incentives")
    paths = {path for path in app.openapi()["paths"] if path.startswith(own + more)}
    assert paths == {path for path, _ in ROUTES}


async def test_figures_are_for_those_who_say_who_they_are(anonymous: httpx.AsyncClient) -> None:
    for path, params in ROUTES:
        answer = await anonymous.get(path, params=params)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), path


@pytest.mark.parametrize("role", ["support", "publisher"])
async def test_figures_are_not_for_everybody(
    anonymous: httpx.AsyncClient, token: Callable[..., str], role: str
) -> None:
    headers = {"Authorization": f"Bearer {token(role=role)}"}
    for path, params in ROUTES:
        assert (await anonymous.get(path, params=params, headers=headers)).status_code == 403, path


@pytest.mark.parametrize(("path", "params"), ROUTES)
async def test_every_answer_says_what_it_means_and_when_it_was_true(
    analyst: httpx.AsyncClient, path: str, params: dict[str, Any]
) -> None:
    answer = await analyst.get(path, params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert len(body["definition"]) > 100
    assert body["as_of"].endswith("Z")
    assert (body["time_zone"], body["currency"], body["rebuilding"]) == ("Asia/Shanghai", "CNY", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "2026-03-32"},
        {"from": "yesterday"},
        {"from": "0"},
        {"from": "0001-01-01"},
        {"to": "9999-12-31"},
        {"to": "2026-02-01"},
        {"from": "1900-01-01", "to": "2199-12-31", "period": "day"},
        {"period": "year"},
        {"by": "name"},
        {"later": 121},
        {"limit": 201},
        {"limit": "many"},
        {"wallet": ""},
    ],
    ids=str,
)
async def test_a_wrong_parameter_is_refused_where_it_is_known(
    analyst: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    for path, params in RANGED:
        answer = await analyst.get(path, params={**params, **wrong})
        assert answer.status_code == (422 if is_known(path, wrong) else 200), path
        if answer.status_code == 422:
            assert answer.json()["code"] in ("invalid_request", "range_reversed", "range_too_long")


def is_known(path: str, wrong: dict[str, Any]) -> bool:
    known = {
        "/v1/spend": {"period"},
        "/v1/spend/members": {"limit"},
        "/v1/spend/breakdown": {"by", "limit"},
        "/v1/trend": {"period"},
        "/v1/retention": {"period", "later"},
        "/v1/points": {"period", "wallet"},
        "/v1/points/by-rule": {"period", "wallet"},
        "/v1/points/by-reward": {"period"},
        "/v1/coupons": {"period"},
        "/v1/incentives": {"period"},
        "/v1/points/returns-set-aside": {"period"},
        "/v1/notices/figures": set(),
    }[path]
    ranged = {"from", "to"} & set(wrong)
    series = path not in ("/v1/spend/members", "/v1/spend/breakdown")
    return bool(ranged and (len(ranged) == 1 or series)) or bool(set(wrong) & known and "from" not in wrong)


async def test_a_range_is_needed(analyst: httpx.AsyncClient) -> None:
    for path, params in RANGED:
        answer = await analyst.get(path, params={name: text for name, text in params.items() if name != "to"})
        assert answer.status_code == 422, path
        assert [error["field"] for error in answer.json()["errors"]] == ["query.to"]


async def test_a_reversed_range_is_shown_its_days(analyst: httpx.AsyncClient) -> None:
    answer = await analyst.get("/v1/spend", params={"from": "2026-03-02", "to": "2026-03-01"})
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (422, "range_reversed")
    assert (body["first"], body["last"]) == ("2026-03-02", "2026-03-01")


async def test_too_many_periods_are_refused_with_the_limit(analyst: httpx.AsyncClient) -> None:
    answer = await analyst.get("/v1/trend", params={"from": "2000-01-01", "to": "2026-03-01", "period": "day"})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (422, "range_too_long", 1_100)


async def test_reading_changes_nothing(analyst: httpx.AsyncClient, analytics_database: Database) -> None:
    for path, params in ROUTES:
        assert (await analyst.get(path, params=params)).status_code == 200
        assert (await analyst.post(path, params=params)).status_code == 405
