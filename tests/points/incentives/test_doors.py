"""Whatever is sent to the doors of streaks, tasks, badges and draws: a clear refusal, never a server error."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from common.http import create_app
from common.security.tokens import TokenVerifier
from common.storage import Database
from points.badges.api import router as badges
from points.draws.api import router as draws
from points.draws.proof_api import router as draw_proofs
from points.incentives.api import router as incentives
from points.problems import PROBLEMS
from points.settings import Settings
from points.streaks.api import router as streaks
from points.tasks.api import router as tasks
from tests.common.http.conformance import conformance


@pytest.mark.slow
@pytest.mark.parametrize(
    "routers", [[streaks, tasks, badges], [draws, draw_proofs], [incentives]], ids=["members", "draws", "definitions"]
)
async def test_nothing_that_is_sent_makes_a_server_error(
    points_database: Database, verifier: TokenVerifier, token: Callable[..., str], routers: list[object]
) -> None:
    url = points_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(
        service="points",
        routers=routers,  # type: ignore[arg-type]
        problems=PROBLEMS,
        settings=Settings(database_url=SecretStr(url)),
        verifier=verifier,
    )
    exclude = "^/(metrics|v1/(dead-letters|audit-log|jobs).*)$"
    found = await asyncio.to_thread(conformance, app, token=token(role="admin"), max_examples=5, exclude=exclude)
    assert found == "", found
