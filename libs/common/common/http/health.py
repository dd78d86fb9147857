"""Is the process alive, is it ready, what has it counted: for orchestrators and Prometheus, without a token."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from common.http.route import Router
from common.runtime import metrics
from common.runtime.health import Check, readiness
from common.security.permissions import public

router = Router(tags=["health"], dependencies=[public()])


class Live(BaseModel):
    """The process answers."""

    status: str


class Ready(BaseModel):
    """Whether requests can be served; each check with "ok" or the reason why not."""

    status: str
    checks: dict[str, str]


@router.get("/health/live")
async def live() -> Live:
    """The process runs. Says nothing of what it depends on: restarting would not mend that."""
    return Live(status="alive")


@router.get("/health/ready", response_model=Ready, responses={503: {"model": Ready, "description": "Not ready"}})
async def ready(request: Request) -> Response:
    """The database answers: requests may come. The broker is not asked, the API works without it."""
    checks: Mapping[str, Check] = request.app.state.ready_checks
    status, body = await readiness(checks)
    return JSONResponse(body, status_code=status)


@router.get("/metrics", include_in_schema=False)
async def exposed() -> Response:
    return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)
