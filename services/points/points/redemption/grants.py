"""Reads the grant in a request: a member's word, given at members for the PIN."""

from fastapi import Request

from common.security.grants import Grant, GrantVerifier


async def grant_in(request: Request, token: str | None) -> Grant | None:
    """The grant that was sent, None for none. Raises GrantError, KeysUnavailableError."""
    if token is None:
        return None
    known: GrantVerifier | None = getattr(request.app.state, "grants", None)
    return await (known or GrantVerifier(request.app.state.verifier)).read(token)
