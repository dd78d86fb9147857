"""The OpenAPI document of members is true, and nothing that is sent makes a server error."""

import asyncio
from collections.abc import Callable

from pydantic import SecretStr

from common.http import create_app
from common.security.tokens import TokenVerifier
from common.storage import Database
from members.api import ROUTERS
from members.problems import PROBLEMS
from members.settings import Settings
from tests.common.http.conformance import CHECKS, conformance

BATCHES = "v1/(members|purchases)/batch"


async def test_schemathesis_finds_nothing(
    database: Database, settings: Settings, verifier: TokenVerifier, token: Callable[..., str]
) -> None:
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(
        service="members",
        routers=ROUTERS,
        problems=PROBLEMS,
        settings=settings.model_copy(update={"database_url": SecretStr(url)}),
        verifier=verifier,
    )
    admin = token(role="admin")
    exclude = f"^/(metrics|v1/(dead-letters|audit-log|jobs).*|{BATCHES})$"  # the framework's own are tried in its tests
    findings = await asyncio.to_thread(conformance, app, token=admin, max_examples=3, exclude=exclude)
    assert findings == "", findings
    # A batch is answered item by item: what is wrong with one does not refuse the others.
    item_by_item = [check for check in CHECKS if check != "negative_data_rejection"]
    findings = await asyncio.to_thread(
        conformance, app, token=admin, max_examples=5, exclude=f"^(?!/{BATCHES}$)", checks=item_by_item
    )
    assert findings == "", findings
