"""HTTP door to clients: their token endpoint, and what admins do with them."""

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field, StrictBool

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
from common.http.fields import Key, ShortText, storable
from common.security.oauth import NO_STORE, OAuthError, read_client_credentials, token_answer
from common.security.roles import PERMISSIONS, ROLES
from members.clients import handlers
from members.clients.domain import Client
from members.keyring import Keys
from members.signing import handlers as signing
from members.signing.api import TOKEN_PATH
from members.signing.handlers import Terms

router = Router(tags=["clients"])

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string"},
                        "client_secret": {"type": "string"},
                        "scope": {"type": "string", "description": "Permissions parted by spaces; all if not given."},
                    },
                }
            }
        },
    }
}


def _role(name: str) -> str:
    if name not in ROLES:
        raise ValueError(f"is none of the roles {', '.join(sorted(ROLES))}")
    return name


def _permission(name: str) -> str:
    if name not in PERMISSIONS:
        raise ValueError("is not a permission")
    return name


Role = Annotated[str, Field(max_length=50), AfterValidator(_role)]
Permission = Annotated[str, Field(max_length=100), AfterValidator(_permission)]
Roles = Annotated[tuple[Role, ...], Field(min_length=1, max_length=10)]
Permissions = Annotated[tuple[Permission, ...], Field(min_length=1, max_length=100)]
ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", max_length=64), AfterValidator(storable)]


class NewClientBody(RequestBody):
    """`source`: the CloudEvents source it hands in purchases for (and what lies below it); a publisher needs one."""

    client_id: ClientId
    name: ShortText = ""
    roles: Roles
    permissions: Annotated[Permissions | None, Field(description="Narrows what the roles may do.")] = None
    source: Key | None = None


class ClientPatch(RequestBody):
    """Only what is to be another."""

    name: ShortText | None = None
    roles: Roles | None = None
    permissions: Permissions | None = None
    source: Key | None = None
    active: StrictBool | None = None

    def fields(self) -> dict[str, Any]:
        nullable = {"permissions", "source"}
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in given.items() if value is not None or name in nullable}


class SecretBody(RequestBody):
    keep_previous: Annotated[bool, Field(description="Let the secret before open for another day.")] = True


class ClientResponse(ResponseBody):
    client_id: str
    revision: int
    name: str
    roles: list[str]
    permissions: list[str] | None
    source: str | None
    active: bool
    previous_valid_until: datetime | None

    @classmethod
    def of(cls, client: Client) -> Self:
        return cls.model_validate(client, from_attributes=True)


class TokenResponse(ResponseBody):
    """An access token (RFC 6749 section 5.1); `scope` only where it is narrower than what the client may."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str | None = None


class TokenRefusal(ResponseBody):
    """A refusal in the words of RFC 6749 section 5.2."""

    error: str
    error_description: str


class ClientSecretResponse(ResponseBody):
    """`client_secret` is shown this once: only its hash is kept."""

    client: ClientResponse
    client_secret: str


@router.post(
    TOKEN_PATH,
    dependencies=[public()],
    openapi_extra=FORM,
    responses={
        200: {"model": TokenResponse, "description": "A token (RFC 6749 section 5.1)"},
        400: {"model": TokenRefusal, "description": "Refused (RFC 6749 section 5.2)"},
        401: {"model": TokenRefusal, "description": "Not this client, or not its secret"},
    },
)
async def token(request: Request, tx: Tx, keys: Keys) -> Response:
    """OAuth 2.0 client credentials: id and secret as HTTP Basic or as form fields."""
    terms = Terms.of(request.app.state.settings)
    try:
        credentials = read_client_credentials(
            content_type=request.headers.get("content-type", ""),
            body=await request.body(),
            authorization=request.headers.get("authorization"),
        )
        client, scope = await handlers.let_in(tx, credentials)
    except OAuthError as error:
        return JSONResponse(error.body, status_code=error.status, headers=error.headers)
    signed = await signing.issue(
        tx,
        keys.cipher.masters,
        terms,
        subject=handlers.SUBJECT + client.client_id,
        kind="client",
        roles=frozenset(client.roles),
        scope=scope,
    )
    return JSONResponse(token_answer(signed, lifetime_seconds=terms.lifetime_seconds, scope=scope), headers=NO_STORE)


@router.get("/v1/clients", dependencies=[allow("clients:read")])
async def clients(tx: Tx, paging: Annotated[Paging[tuple[str]], paged(str)]) -> Page[ClientResponse]:
    rows = await handlers.listed(tx, after=paging.after[0] if paging.after else "", limit=paging.fetch)
    return page(rows, paging, key=lambda one: (one.client_id,), item=ClientResponse.of)


@router.post("/v1/clients", status_code=201, dependencies=[allow("clients:write")], responses=may_answer(409))
async def make(body: NewClientBody, tx: Tx, caller: CurrentCaller, response: Response) -> ClientSecretResponse:
    fields = {name: getattr(body, name) for name in ("name", "roles", "permissions", "source")}
    client, secret = await handlers.make(tx, caller, body.client_id, fields)
    return _shown(client, secret, response)


@router.get("/v1/clients/{client_id}", dependencies=[allow("clients:read")])
async def read(client_id: ClientId, tx: Tx, response: Response) -> ClientResponse:
    client = await handlers.find(tx, client_id)
    response.headers["ETag"] = etag(client.revision)
    return ClientResponse.of(client)


@router.patch("/v1/clients/{client_id}", dependencies=[allow("clients:write")], responses=may_answer(412))
async def change(
    client_id: ClientId, body: ClientPatch, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> ClientResponse:
    client = await handlers.change(tx, caller, client_id, body.fields(), seen=seen)
    response.headers["ETag"] = etag(client.revision)
    return ClientResponse.of(client)


@router.post("/v1/clients/{client_id}/secret", status_code=201, dependencies=[allow("clients:write")])
async def renew_secret(
    client_id: ClientId, body: SecretBody, tx: Tx, caller: CurrentCaller, response: Response
) -> ClientSecretResponse:
    client, secret = await handlers.renew_secret(tx, caller, client_id, keep_previous=body.keep_previous)
    return _shown(client, secret, response)


def _shown(client: Client, secret: str, response: Response) -> ClientSecretResponse:
    response.headers.update(NO_STORE)
    response.headers["ETag"] = etag(client.revision)
    return ClientSecretResponse(client=ClientResponse.of(client), client_secret=secret)
