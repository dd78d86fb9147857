"""Whatever is sent to the doors of coupons: a clear refusal, never a server error."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from common.http import create_app
from common.security.tokens import TokenVerifier
from common.storage import Database
from points.coupon_batches.api import router as coupon_batches
from points.coupon_checkout.api import router as coupon_checkout
from points.coupon_pools.api import router as coupon_pools
from points.coupon_templates.api import router as coupon_templates
from points.coupons.api import router as coupons
from points.problems import PROBLEMS
from points.settings import Settings
from tests.common.http.conformance import conformance


@pytest.mark.slow
@pytest.mark.parametrize(
    "routers",
    [[coupon_templates, coupon_pools], [coupon_checkout, coupons], [coupon_batches]],
    ids=["templates", "checkout", "bulk"],
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
