"""Every route says who may call it; one that does not keeps the service from starting."""

from collections.abc import Callable

import pytest
from fastapi import APIRouter, Depends, FastAPI

from common.http import Router, allow, create_app, public, public_routes, routes_without_permission, walk
from common.http.doors import UnguardedRouteError
from common.security.callers import Caller
from common.security.permissions import Allow
from common.security.roles import PERMISSIONS, ROLES, permissions_of
from common.security.tokens import TokenVerifier
from common.storage import Database


async def test_every_route_is_behind_its_door(app: FastAPI, token: Callable[..., str]) -> None:
    assert routes_without_permission(app) == []
    assert public_routes(app) == {"GET /health/live", "GET /health/ready", "GET /metrics", "POST /v1/bytes"}
    assert await walk(app, token) == []


class Gullible(TokenVerifier):
    """Takes everybody for an administrator."""

    async def caller(self, token: str) -> Caller:
        return Caller(subject="anybody", kind="staff", roles=frozenset({"admin"}), permissions=PERMISSIONS)


async def test_the_walk_finds_doors_that_stand_open(
    app: FastAPI, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    app.state.verifier = Gullible(verifier.rules, verifier.keys)
    wrong = await walk(app, token)
    assert "GET /v1/untouched as publisher answers 200, not 403" in wrong
    assert not any("without a token" in sentence for sentence in wrong)


def made(router: APIRouter, database: Database, verifier: TokenVerifier) -> FastAPI:
    return create_app(service="things", routers=[router], database=database, verifier=verifier)


def test_a_route_without_a_door_keeps_the_service_from_starting(database: Database, verifier: TokenVerifier) -> None:
    router = Router()

    @router.get("/v1/open")
    async def forgotten() -> None: ...

    with pytest.raises(UnguardedRouteError, match="GET /v1/open"):
        made(router, database, verifier)


def test_a_plain_router_keeps_the_service_from_starting(database: Database, verifier: TokenVerifier) -> None:
    router = APIRouter()

    @router.get("/v1/plain", dependencies=[allow("points:read")])
    async def plain() -> None: ...

    with pytest.raises(UnguardedRouteError, match=r"common\.http\.Router"):
        made(router, database, verifier)


def test_the_same_address_twice_keeps_the_service_from_starting(database: Database, verifier: TokenVerifier) -> None:
    router = Router(dependencies=[public()])

    @router.get("/v1/twice")
    async def first() -> None: ...

    @router.get("/v1/twice")
    async def second() -> None: ...

    with pytest.raises(UnguardedRouteError, match="twice"):
        made(router, database, verifier)


def test_two_doors_are_refused() -> None:
    router = Router(dependencies=[public()])
    with pytest.raises(ValueError, match="not several"):
        router.get("/v1/both", dependencies=[allow("points:read")])(lambda: None)


def test_a_door_given_when_routers_are_joined_does_not_count(database: Database, verifier: TokenVerifier) -> None:
    inner, outer = Router(), Router()
    inner.get("/v1/inner")(lambda: None)
    outer.include_router(inner, dependencies=[Depends(Allow("points:read"))])
    with pytest.raises(UnguardedRouteError, match="/v1/inner"):
        made(outer, database, verifier)


def test_an_unknown_permission_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="points:red"):
        allow("points:red")


def test_roles_give_only_permissions_that_exist() -> None:
    assert set(ROLES) == {"admin", "operator", "support", "analyst", "auditor", "publisher", "checkout"}
    for granted in ROLES.values():
        assert granted <= PERMISSIONS
    assert ROLES["publisher"] == {"purchases:write"}
    assert not any(name.endswith((":write", ":reveal")) for name in ROLES["auditor"])
    assert not any(name.startswith("members:") for name in ROLES["analyst"])
    assert not any(name.startswith("members:") or name == "pins:reset" for name in ROLES["checkout"])
    assert not {"pins:write", "pins:grant"} & ROLES["support"], "support could spend what is a member's"


def test_a_scope_only_takes_away() -> None:
    assert permissions_of({"analyst"}, "analytics:read staff:write") == {"analytics:read"}
    assert permissions_of({"analyst"}, "") == frozenset()
    assert permissions_of({"nobody"}) == frozenset()
    assert permissions_of({"publisher", "analyst"}) == ROLES["publisher"] | ROLES["analyst"]
