"""`Router`: FastAPI's router whose routes know their door, their transaction and their idempotency key.

In this order, for each request: who is it and may they (before the body is read) → is the body of a kind that is read
here → one transaction → the route → commit → the answer is sent.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, params
from fastapi.responses import Response
from fastapi.routing import APIRoute

from common.http.database_errors import may_succeed_again
from common.http.idempotency import Handler, answer_once, key_of
from common.http.problems import BY_STATUS, ProblemError
from common.http.transaction import open_transaction, wants_transaction
from common.security.permissions import Allow, authorize, door_of


class Route(APIRoute):
    """One route of a `Router`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        door = door_of(self.dependencies)
        in_transaction = wants_transaction(self.dependant)
        reads_json = self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)

        async def handle(request: Request) -> Response:
            key = None
            if isinstance(door, Allow):
                caller = await authorize(request, door.permission)
                key = await key_of(request, caller)
            if reads_json:
                await _refuse_other_media_types(request)
            if key is not None:
                found = key
                return await _again_once(lambda: answer_once(request, found, answer))
            if in_transaction:
                return await _again_once(lambda: _in_transaction(request, answer))
            return await answer(request)

        return handle


class Router(APIRouter):
    """A subject's routes: `router = Router(tags=["ledger"])`. Takes what FastAPI's APIRouter takes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"route_class": Route, **options})


async def _in_transaction(request: Request, answer: Handler) -> Response:
    async with open_transaction(request):
        return await answer(request)


async def _again_once(attempt: Callable[[], Awaitable[Response]]) -> Response:
    """Nothing was committed when PostgreSQL chose this transaction as the victim, so it may simply be done again."""
    try:
        return await attempt()
    except Exception as error:
        if not may_succeed_again(error):
            raise
    return await attempt()


async def _refuse_other_media_types(request: Request) -> None:
    if not await request.body():
        return  # FastAPI says which fields are missing
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise ProblemError(BY_STATUS[415], "Send application/json.", headers={"Accept": "application/json"})
