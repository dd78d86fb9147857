"""What a route asks of its caller: `dependencies=[allow("points:read")]`, or `[public()]` for nobody in particular.

Every route declares one of the two; `create_app` refuses to start otherwise. The check happens before the body is read.
"""

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPBearer

from common.security.callers import Caller
from common.security.roles import PERMISSIONS
from common.security.tokens import TokenError, TokenVerifier

_CALLER = "loyalty.caller"
_BEARER = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    description="An access token: from members' `POST /v1/oauth/token` (client credentials) or a staff log-in, or from "
    "the OIDC issuer the installation names.",
    auto_error=False,
)


class PermissionMissingError(Exception):
    """The caller is known, and may not do this."""

    def __init__(self, permission: str) -> None:
        super().__init__(f"This needs the permission {permission}, which your roles or your token's scope do not give.")
        self.permission = permission


class Allow:
    """The mark of a route for callers with one permission."""

    def __init__(self, permission: str) -> None:
        self.permission = permission

    async def __call__(self, request: Request, bearer: Annotated[Any, Security(_BEARER)]) -> Caller:
        return await authorize(request, self.permission)


class Public:
    """The mark of a route for everybody."""

    async def __call__(self) -> None:
        return None


def allow(permission: str) -> Any:
    """The route is for callers with this permission (`noun:verb`, see `roles`)."""
    if permission not in PERMISSIONS:
        raise ValueError(f"permission {permission!r} is not in common.security.roles.PERMISSIONS")
    return Depends(Allow(permission))


def public() -> Any:
    """The route is for everybody, token or not: health, log-in, callbacks that carry their own signature."""
    return Depends(Public())


def door_of(dependencies: list[Dependency]) -> Allow | Public | None:
    """The one mark among a route's dependencies. Raises ValueError when there are several."""
    doors = [entry.dependency for entry in dependencies if isinstance(entry.dependency, (Allow, Public))]
    if len(doors) > 1:
        raise ValueError("a route has one allow(...) or public(), not several")
    return doors[0] if doors else None


async def authorize(request: Request, permission: str) -> Caller:
    """The caller, verified once per request.

    Raises TokenError (401), PermissionMissingError (403), KeysUnavailableError (503).
    """
    caller = request.scope.get(_CALLER)
    if not isinstance(caller, Caller):
        verifier: TokenVerifier = request.app.state.verifier
        caller = await verifier.caller(_bearer_of(request))
        request.scope[_CALLER] = caller
    if not caller.may(permission):
        raise PermissionMissingError(permission)
    return caller


def caller_of(request: Request) -> Caller | None:
    """The caller, if the route asked for one."""
    caller = request.scope.get(_CALLER)
    return caller if isinstance(caller, Caller) else None


def _bearer_of(request: Request) -> str:
    headers = request.headers.getlist("authorization")
    if not headers:
        raise TokenError("missing", "This needs an access token: Authorization: Bearer <token>.")
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise TokenError("malformed", "The Authorization header must be once: Bearer <token>.")
    return token.strip()


def _current(request: Request) -> Caller:
    caller = caller_of(request)
    if caller is None:
        raise RuntimeError("CurrentCaller on a route without allow(...)")
    return caller


CurrentCaller = Annotated[Caller, Depends(_current)]
"""The caller of this request; only on routes with `allow(...)`."""
