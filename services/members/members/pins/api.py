"""HTTP door to payment PINs. A PIN comes in, is compared, and is neither kept, logged nor given back."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request, Response
from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from common.http import CurrentCaller, RequestBody, ResponseBody, Router, Tx, allow, may_answer
from common.http.problems import ProblemBody
from common.security.oauth import NO_STORE
from common.storage import Database
from members.keyring import Keys
from members.pins import handlers
from members.pins.domain import DIGITS
from members.pins.handlers import Asked
from members.signing.handlers import Terms

router = Router(tags=["pins"])

MAX_POINTS = 10**12


def _six_digits(pin: SecretStr) -> SecretStr:
    text = pin.get_secret_value()
    if len(text) != DIGITS or not (text.isascii() and text.isdigit()):
        raise ValueError(f"is not {DIGITS} digits")
    return pin


PinText = Annotated[
    SecretStr,
    AfterValidator(_six_digits),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{6}$", "writeOnly": True}),
]
TRIED: dict[int | str, dict[str, Any]] = {
    **may_answer(404, 409),
    403: {"model": ProblemBody, "description": "The PIN is wrong, or this may not be done"},
    423: {"model": ProblemBody, "description": "Too many wrong PINs"},
}


class PinBody(RequestBody):
    """`current_pin` is needed where there is one."""

    pin: PinText
    current_pin: PinText | None = None


class GrantBody(RequestBody):
    """What the member agrees to by typing the PIN."""

    pin: PinText
    purpose: Literal["redeem"] = "redeem"
    max_points: Annotated[int, Field(ge=1, le=MAX_POINTS, strict=True)]


class PinResponse(ResponseBody):
    """Whether there is a PIN, since when, and until when it is locked after too many wrong ones."""

    is_set: bool
    changed_at: datetime | None
    locked_until: datetime | None


class GrantResponse(ResponseBody):
    """Hand `grant` on to what the member agreed to. It serves once, up to `max_points`, until `expires_at`."""

    grant: str
    grant_id: str
    purpose: str
    max_points: int
    expires_at: datetime


@router.get("/v1/members/{member_id}/pin", dependencies=[allow("members:read")], responses=may_answer(404))
async def read(member_id: UUID, tx: Tx, keys: Keys) -> PinResponse:
    pin = await handlers.state(tx, keys, member_id)
    locked = pin.locked_until if pin and pin.locked_until and pin.locked_until > tx.now else None
    return PinResponse(is_set=pin is not None, changed_at=pin.changed_at if pin else None, locked_until=locked)


@router.put("/v1/members/{member_id}/pin", status_code=204, dependencies=[allow("pins:write")], responses=TRIED)
async def write(member_id: UUID, body: PinBody, request: Request, keys: Keys, caller: CurrentCaller) -> None:
    """Set the first PIN, or change it."""
    current = body.current_pin.get_secret_value() if body.current_pin else None
    await handlers.write(_database(request), caller, keys, member_id, body.pin.get_secret_value(), current=current)


@router.delete(
    "/v1/members/{member_id}/pin", status_code=204, dependencies=[allow("pins:reset")], responses=may_answer(404)
)
async def reset(member_id: UUID, tx: Tx, keys: Keys, caller: CurrentCaller) -> None:
    """Take it away (forgotten, locked): the member sets another."""
    await handlers.reset(tx, caller, keys, member_id)


@router.post("/v1/members/{member_id}/pin-grants", status_code=201, dependencies=[allow("pins:grant")], responses=TRIED)
async def grant(
    member_id: UUID, body: GrantBody, request: Request, response: Response, keys: Keys, caller: CurrentCaller
) -> GrantResponse:
    asked = Asked(member_id=member_id, purpose=body.purpose, max_points=body.max_points)
    terms = Terms.of(request.app.state.settings)
    made = await handlers.grant(_database(request), caller, keys, terms, asked, body.pin.get_secret_value())
    response.headers.update(NO_STORE)
    return GrantResponse(
        grant=made.token,
        grant_id=made.grant.grant_id,
        purpose=made.grant.purpose,
        max_points=made.grant.max_points,
        expires_at=made.grant.expires_at,
    )


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database
