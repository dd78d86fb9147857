"""Which route is behind which door: the check at the start, and the walk for each service's test.

def test_every_route_is_behind_its_door(app, token):
    assert public_routes(app) == {"GET /health/live", "GET /health/ready", "GET /metrics"}
    assert await walk(app, token) == []
"""

from collections.abc import Callable, Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIRouter
from starlette.routing import BaseRoute

from common.http.route import Route
from common.security.permissions import Allow, Public, door_of
from common.security.roles import ROLES


class UnguardedRouteError(Exception):
    """A route that does not say who may call it, or that the framework could not guard."""


def routes_of(app: FastAPI) -> list[APIRoute]:
    """Every route of the application, those of included routers too."""
    return [route for route in _leaves(app.routes) if isinstance(route, APIRoute)]


def methods_of(route: APIRoute) -> list[str]:
    return sorted(route.methods or ())


def routes_without_permission(app: FastAPI) -> list[str]:
    """Routes (`GET /v1/members`) with neither `allow(...)` nor `public()`."""
    return [_name(route) for route in routes_of(app) if door_of(route.dependencies) is None]


def public_routes(app: FastAPI) -> set[str]:
    """Routes that everybody may call: to be listed in a test, so that a new one is seen."""
    return {_name(route) for route in routes_of(app) if isinstance(door_of(route.dependencies), Public)}


def refuse_unguarded(app: FastAPI) -> None:
    """Raises UnguardedRouteError naming every route that is not fit to be served."""
    strange = [_name(route) for route in routes_of(app) if not isinstance(route, Route)]
    if strange:
        raise UnguardedRouteError(f"make these routes with common.http.Router, not APIRouter: {', '.join(strange)}")
    unguarded = routes_without_permission(app)
    if unguarded:
        raise UnguardedRouteError(f"these routes need dependencies=[allow(...)] or [public()]: {', '.join(unguarded)}")
    names = [f"{method} {route.path_format}" for route in routes_of(app) for method in methods_of(route)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnguardedRouteError(f"these routes are there twice, the second would never answer: {', '.join(twice)}")


async def walk(app: FastAPI, token: Callable[..., str]) -> list[str]:
    """Call every guarded route without a token and with each role that lacks the permission; `token(role=…)` makes one.

    Returns what was let in wrongly, one sentence each: empty is well. Nothing is done by these calls.
    """
    import httpx

    tokens = {role: token(role=role) for role in ROLES}
    wrong: list[str] = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://walk") as client:
        for route in routes_of(app):
            door = door_of(route.dependencies)
            if not isinstance(door, Allow):
                continue
            path = route.path_format.replace("{", "").replace("}", "")
            for method in methods_of(route):
                answer = await client.request(method, path)
                if answer.status_code != 401:
                    wrong.append(f"{method} {route.path_format} without a token answers {answer.status_code}, not 401")
                for role, granted in ROLES.items():
                    if door.permission in granted:
                        continue
                    headers = {"Authorization": f"Bearer {tokens[role]}"}
                    answer = await client.request(method, path, headers=headers)
                    if answer.status_code != 403:
                        wrong.append(f"{method} {route.path_format} as {role} answers {answer.status_code}, not 403")
    return wrong


def _leaves(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        included = getattr(route, "original_router", None)  # FastAPI keeps an included router as one route
        if isinstance(included, APIRouter):
            yield from _leaves(included.routes)
        else:
            yield route


def _name(route: APIRoute) -> str:
    return f"{'/'.join(methods_of(route))} {route.path_format}"
