"""Is the process alive, and is it ready? And the HTTP server that says so."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from common.runtime import metrics

CHECK_LIMIT_SECONDS = 2.0

Check = Callable[[], Awaitable[str | None]]
"""Why something is not ready, in words; None when it is."""


async def check_all(checks: Mapping[str, Check]) -> dict[str, str]:
    """Each check's name with "ok" or the reason why not; a check that raises or takes 2 s is a reason too."""

    async def one(check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_LIMIT_SECONDS):
                return await check() or "ok"
        except TimeoutError:
            return f"no answer within {CHECK_LIMIT_SECONDS:g} s"
        except Exception as error:
            return f"does not answer: {type(error).__name__}"

    return dict(zip(checks, await asyncio.gather(*map(one, checks.values())), strict=True))


async def readiness(checks: Mapping[str, Check]) -> tuple[int, dict[str, Any]]:
    """HTTP status and body of /health/ready: 200 when every check is well, else 503."""
    found = await check_all(checks)
    ready = all(answer == "ok" for answer in found.values())
    return (200 if ready else 503), {"status": "ready" if ready else "unready", "checks": found}


def health_app(checks: Mapping[str, Check]) -> Starlette:
    """The worker's own HTTP: /health/live, /health/ready, /metrics."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        status, body = await readiness(checks)
        return JSONResponse(body, status_code=status)

    async def exposed(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    return Starlette(routes=[Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", exposed)])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to the process, not to one of its servers


class HttpServerStoppedError(RuntimeError):
    """The HTTP server ended although nobody asked it to."""


async def serve(app: Any, *, host: str, port: int, stop: asyncio.Event, grace_seconds: float = 10) -> None:
    """Answer HTTP until `stop`, then finish the requests in hand. An address in use raises OSError."""
    listener = socket.create_server(
        (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="auto",
        timeout_graceful_shutdown=max(1, int(grace_seconds)),
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = _Server(config)
    waiting = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    finally:
        waiting.cancel()
        listener.close()
    if not stop.is_set():
        raise HttpServerStoppedError(f"the HTTP server on {host}:{port} ended by itself")
