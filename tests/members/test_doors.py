"""Every route is behind its door."""

from collections.abc import Callable

from fastapi import FastAPI

from common.events.registry import SUBSCRIBERS
from common.http import public_routes, walk
from members.consumer import SUBSCRIPTIONS

PUBLIC = {
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /.well-known/jwks.json",
    "GET /.well-known/openid-configuration",
    "POST /v1/oauth/token",
    "POST /v1/staff/login",
    "POST /v1/staff/password",
}


async def test_every_route_is_behind_its_door(app: FastAPI, token: Callable[..., str]) -> None:
    assert await walk(app, token) == []


def test_no_other_route_is_open_to_everybody(app: FastAPI) -> None:
    assert public_routes(app) == PUBLIC


def test_subscriptions_are_those_the_topology_binds() -> None:
    assert tuple(one.contract.TYPE for one in SUBSCRIPTIONS) == tuple(
        sorted(SUBSCRIBERS["members"], key=[s.contract.TYPE for s in SUBSCRIPTIONS].index)
    )
