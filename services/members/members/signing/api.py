"""Where verifiers find the public keys, and the change of keys by hand."""

from datetime import datetime
from typing import Any

from fastapi import Request, Response

from common.http import CurrentCaller, ResponseBody, Router, Tx, allow, public
from common.http.verifier import JWKS_PATH
from common.security.oauth import discovery_document
from common.security.signing import jwks_of
from members.keyring import Keys
from members.signing import handlers, store
from members.signing.handlers import Terms

router = Router(tags=["tokens"])

TOKEN_PATH = "/v1/oauth/token"  # noqa: S105 – an address
CACHED = "public, max-age=60"


class SigningKeyResponse(ResponseBody):
    kid: str
    created_at: datetime
    signs_from: datetime
    retires_at: datetime | None


@router.get(JWKS_PATH, dependencies=[public()])
async def jwks(tx: Tx, response: Response) -> dict[str, Any]:
    """RFC 7517: the keys by which tokens are believed."""
    response.headers["Cache-Control"] = CACHED
    return jwks_of(await handlers.public_keys(tx))


@router.get("/.well-known/openid-configuration", dependencies=[public()])
async def discovery(request: Request, response: Response) -> dict[str, Any]:
    """OpenID Connect discovery, as far as verifiers need it."""
    response.headers["Cache-Control"] = CACHED
    issuer = request.app.state.settings.token_issuer
    return discovery_document(issuer, token_path=TOKEN_PATH, jwks_path=JWKS_PATH)


@router.get("/v1/signing-keys", dependencies=[allow("clients:read")])
async def keys(tx: Tx) -> list[SigningKeyResponse]:
    return [SigningKeyResponse.model_validate(row, from_attributes=True) for row in await store.published(tx)]


@router.post("/v1/signing-keys", status_code=201, dependencies=[allow("clients:write")])
async def rotate(request: Request, tx: Tx, keyring: Keys, caller: CurrentCaller) -> list[SigningKeyResponse]:
    """A new key; the others are believed until their last token has expired."""
    lifetime = Terms.of(request.app.state.settings).lifetime_seconds
    await handlers.rotate(tx, caller, keyring.cipher.masters, lifetime_seconds=lifetime)
    return await keys(tx)
