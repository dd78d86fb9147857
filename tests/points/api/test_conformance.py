"""Whatever is sent to the doors of points gets an answer that the API's document promises, never a server error."""

import asyncio
from collections.abc import Callable

import pytest
from fastapi import APIRouter
from pydantic import SecretStr

from common.http import create_app
from common.security.tokens import TokenVerifier
from common.storage import Database
from points.__main__ import SERVICE
from points.settings import Settings
from tests.common.http.conformance import conformance
from tests.points.world import happen, member, purchase

EXAMPLES = 3
AT_ONCE = 20
"""Operations of one test: each makes its own data, and one that fails names few."""
FRAMEWORK = "^/(metrics|v1/(dead-letters|audit-log|jobs).*)$"
"""Tried in the tests of common."""


def groups() -> list[list[APIRouter]]:
    found: list[list[APIRouter]] = [[]]
    for router in SERVICE.routers:
        if sum(len(one.routes) for one in (*found[-1], router)) > AT_ONCE and found[-1]:
            found.append([])
        found[-1].append(router)
    return found


@pytest.mark.parametrize("routers", groups(), ids=lambda routers: str(routers[0].tags[0]).replace(" ", "-"))
async def test_nothing_that_is_sent_makes_a_server_error(
    points_database: Database, verifier: TokenVerifier, token: Callable[..., str], routers: list[APIRouter]
) -> None:
    await happen(points_database, purchase(await member(points_database), "a", 10_00))
    url = points_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(
        service="points",
        routers=routers,
        problems=SERVICE.problems,
        settings=Settings(database_url=SecretStr(url)),
        verifier=verifier,
    )
    found = await asyncio.to_thread(
        conformance, app, token=token(role="admin"), max_examples=EXAMPLES, exclude=FRAMEWORK
    )
    assert found == "", found
