"""HTTP door to staff: logging in, and what admins do with accounts."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Request, Response
from pydantic import AfterValidator, Field, SecretStr, StrictBool

from common.http import (
    CurrentCaller,
    IfMatch,
    Page,
    Paging,
    RequestBody,
    ResponseBody,
    Router,
    Tx,
    allow,
    etag,
    may_answer,
    page,
    paged,
    public,
)
from common.http.fields import ShortText, storable
from common.http.problems import ProblemBody
from common.security.oauth import NO_STORE, token_answer
from common.storage import Database
from members.clients.api import Role
from members.keyring import Keyring, Keys
from members.signing import handlers as signing
from members.signing.handlers import Terms
from members.staff import handlers
from members.staff.domain import MAX_PASSWORD, Staff

router = Router(tags=["staff"])

EMAIL = r"^[^\s@\x00]+@[^\s@\x00]+$"
Email = Annotated[str, Field(max_length=254, pattern=EMAIL), AfterValidator(storable)]
Password = Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]
LOCKED: dict[int | str, dict[str, Any]] = {
    401: {"model": ProblemBody, "description": "E-mail address or password wrong"},
    423: {"model": ProblemBody, "description": "Too many wrong passwords"},
}


class LoginBody(RequestBody):
    email: Email
    password: Password


class PasswordBody(RequestBody):
    """Changing one's own password needs the old one, not a token."""

    email: Email
    password: Password
    new_password: Password


class NewStaffBody(RequestBody):
    email: Email
    name: ShortText = ""
    role: Role
    password: Password


class StaffPatch(RequestBody):
    """Only what is to be another. A new password also unlocks the account."""

    name: ShortText | None = None
    role: Role | None = None
    active: StrictBool | None = None
    password: Password | None = None

    def fields(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in given.items()
            if value is not None
        }


class StaffResponse(ResponseBody):
    staff_id: UUID
    revision: int
    email: str
    name: str
    role: str
    active: bool
    created_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, staff: Staff) -> Self:
        return cls.model_validate(staff, from_attributes=True)


class LoginResponse(ResponseBody):
    """Send `access_token` as `Authorization: Bearer …`; it holds for `expires_in` seconds."""

    access_token: str
    token_type: str
    expires_in: int
    staff: StaffResponse


@router.post("/v1/staff/login", dependencies=[public()], responses=LOCKED)
async def log_in(body: LoginBody, request: Request, response: Response, keys: Keys) -> LoginResponse:
    staff = await handlers.log_in(_database(request), body.email, body.password.get_secret_value())
    return await _let_in(request, response, keys, staff)


@router.post("/v1/staff/password", dependencies=[public()], responses=LOCKED)
async def change_password(body: PasswordBody, request: Request, response: Response, keys: Keys) -> LoginResponse:
    old, new = body.password.get_secret_value(), body.new_password.get_secret_value()
    staff = await handlers.change_password(_database(request), body.email, old, new)
    return await _let_in(request, response, keys, staff)


@router.get("/v1/staff", dependencies=[allow("staff:read")])
async def staff(tx: Tx, paging: Annotated[Paging[tuple[str]], paged(str)]) -> Page[StaffResponse]:
    rows = await handlers.listed(tx, after=paging.after[0] if paging.after else "", limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.email,), item=StaffResponse.of)


@router.post("/v1/staff", status_code=201, dependencies=[allow("staff:write")], responses=may_answer(409))
async def make(body: NewStaffBody, tx: Tx, caller: CurrentCaller, response: Response) -> StaffResponse:
    password = body.password.get_secret_value()
    made = await handlers.make(tx, caller, email=body.email, name=body.name, role=body.role, password=password)
    response.headers["ETag"] = etag(made.revision)
    return StaffResponse.of(made)


@router.get("/v1/staff/{staff_id}", dependencies=[allow("staff:read")])
async def read(staff_id: UUID, tx: Tx, response: Response) -> StaffResponse:
    found = await handlers.find(tx, staff_id)
    response.headers["ETag"] = etag(found.revision)
    return StaffResponse.of(found)


@router.patch("/v1/staff/{staff_id}", dependencies=[allow("staff:write")], responses=may_answer(409, 412))
async def change(
    staff_id: UUID, body: StaffPatch, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> StaffResponse:
    changed = await handlers.change(tx, caller, staff_id, body.fields(), seen=seen)
    response.headers["ETag"] = etag(changed.revision)
    return StaffResponse.of(changed)


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _let_in(request: Request, response: Response, keys: Keyring, staff: Staff) -> LoginResponse:
    terms = Terms.of(request.app.state.settings)
    caller = handlers.caller_for(staff)
    async with _database(request).transaction() as tx:
        token = await signing.issue(
            tx, keys.cipher.masters, terms, subject=caller.subject, kind=caller.kind, roles=caller.roles
        )
    response.headers.update(NO_STORE)
    answer = token_answer(token, lifetime_seconds=terms.lifetime_seconds, scope=None)
    return LoginResponse.model_validate({**answer, "staff": StaffResponse.of(staff)})
