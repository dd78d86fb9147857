"""What is seen of each HTTP request: a span, the metrics, one log line, and the trace id for whoever answers."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from common.runtime import logs, metrics, tracing

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SILENT = ("/health/", "/metrics")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN_ROUTE = "(none)"


class Observed:
    """ASGI middleware, the outermost one: continues the caller's `traceparent`, counts and logs the answer.

    Probes and scrapes are neither logged nor traced. A request that ended without an answer counts as status 500.
    """

    def __init__(self, app: App, *, service: str) -> None:
        self._app = app
        self._service = service
        self._log = logs.logger("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(SILENT):
            await self._app(scope, receive, send)
            return
        parent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")
        started, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        with tracing.span(method, parent=parent, kind="server") as attributes:
            try:
                await self._app(scope, receive, noting)
            finally:
                seconds, route = time.perf_counter() - started, route_of(scope)
                attributes.update(
                    {
                        "name": f"{method} {route}",
                        "http.request.method": method,
                        "http.route": route,
                        "http.response.status_code": status,
                    }
                )
                metrics.request_answered(self._service, method, route, status, seconds)
                self._log.info(
                    "request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1)
                )


def route_of(scope: Scope) -> str:
    """The template of the route that answered (`/v1/members/{member_id}`), "(none)" where no route matched."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else UNKNOWN_ROUTE
