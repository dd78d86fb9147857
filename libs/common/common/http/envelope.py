"""ASGI middleware around everything: request id, size limit, trace header, an answer for what was not foreseen."""

import asyncio
import re
import uuid
from contextlib import suppress

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common import trace_context
from common.http.answers import Answers, internal_error
from common.http.problems import BY_STATUS, problem_response
from common.runtime import logs

REQUEST_ID = "X-Request-Id"
DRAIN_BYTES = 32 * 1024 * 1024
DRAIN_SECONDS = 5.0
_PLAIN = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")


class Envelope:
    """Answers carry `X-Request-Id` (the client's, if it is plain) and `traceparent`; errors never carry a stack."""

    def __init__(self, app: ASGIApp, *, answers: Answers, max_body_bytes: int) -> None:
        self._app = app
        self._answers = answers
        self._max_body_bytes = max_body_bytes
        self._log = logs.logger("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = headers.get(REQUEST_ID, "")
        request_id = asked if _PLAIN.fullmatch(asked) else uuid.uuid4().hex
        token = None
        if not trace_context.current.get():
            given = headers.get("traceparent", "")
            token = trace_context.current.set(trace_context.child_of(given if trace_context.valid(given) else ""))
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self._answer(scope, receive, _stamped(send, request_id))
        finally:
            if token is not None:
                trace_context.current.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            if _announced(scope) > self._max_body_bytes:
                await _drain(scope, receive)
                await self._too_large()(scope, receive, noting)
                return
            await self._app(scope, self._limited(receive), noting)
        except Exception as error:
            response = self._answers.answer(error)
            if response is None or response.status_code >= 500:
                self._log.error("request failed", exc_info=error, method=scope["method"])
            if started:
                raise  # the answer is on its way already: let the server break the connection off
            await (response or internal_error())(scope, receive, noting)

    def _limited(self, receive: Receive) -> Receive:
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body_bytes:
                raise HTTPException(413, self._sentence())
            return message

        return limited

    def _too_large(self) -> ASGIApp:
        return problem_response(BY_STATUS[413], self._sentence(), headers={"Connection": "close"})

    def _sentence(self) -> str:
        return f"A body has at most {self._max_body_bytes} bytes."


async def _drain(scope: Scope, receive: Receive) -> None:
    """Take in, within limits, a body that nobody will read.

    A connection that is closed on bytes still under way is reset, and the client never sees the answer.
    """
    if "expect" in Headers(scope=scope):
        return  # the client asks before it sends
    left = DRAIN_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def _stamped(send: Send, request_id: str) -> Send:
    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = request_id
            headers["traceparent"] = trace_context.current.get()
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return stamped


def _announced(scope: Scope) -> int:
    """The length the client announces; 0 when it does not say (then the bytes are counted)."""
    text = Headers(scope=scope).get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
