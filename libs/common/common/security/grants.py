"""PIN grants: a short-lived, signed word of members that a member gave the payment PIN for one purpose.

A grant is a JWT signed with the keys of the access tokens and found by the same JWKS, but of another `typ`: it opens no
door, and an access token is no grant. Who accepts it (points) keeps `grant_id` with what it was used for, so that a
grant pays once.

Claims: `iss`, `aud`, `sub` (the member's id), `purpose`, `max_points`, `jti`, `iat`, `exp` (at most five minutes on).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard
from uuid import UUID

from common.security.signing import SigningKey
from common.security.tokens import GRANT_TYPE, TokenError, TokenVerifier, sign_claims

REDEEM = "redeem"
MAX_LIFETIME_SECONDS = 300

REFUSALS = (
    *("malformed", "expired", "not_yet_valid", "wrong_issuer", "wrong_audience", "unknown_key", "bad_signature"),
    *("wrong_type", "wrong_member", "wrong_purpose", "too_little"),
)
"""What `GrantError.reason` can be."""


class GrantError(Exception):
    """The grant does not cover this; `reason` is one of REFUSALS and `detail` a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the member agreed to. `grant_id` is unique: remember it to let a grant be used once."""

    grant_id: str
    member_id: UUID
    purpose: str
    max_points: int
    expires_at: datetime


def sign_grant(key: SigningKey, grant: Grant, *, issuer: str, audience: str, now: datetime) -> str:
    """The grant in JWT compact form. Raises ValueError for a lifetime or a number of points that is none."""
    if not timedelta(0) < grant.expires_at - now <= timedelta(seconds=MAX_LIFETIME_SECONDS):
        raise ValueError(f"a grant lives 1 to {MAX_LIFETIME_SECONDS} seconds")
    if grant.max_points < 1:
        raise ValueError("a grant is for at least one point")
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": str(grant.member_id),
        "purpose": grant.purpose,
        "max_points": grant.max_points,
        "jti": grant.grant_id,
        "iat": int(now.timestamp()),
        "exp": int(grant.expires_at.timestamp()),
    }
    return sign_claims(key, claims, typ=GRANT_TYPE)


class GrantVerifier:
    """Reads grants. `common.http.verifier.grants_for(settings)` makes the one of a service."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def verify(self, token: str, *, member_id: UUID, points: int, purpose: str = REDEEM) -> Grant:
        """The grant, if it covers `points` of this member for this purpose. Raises GrantError, KeysUnavailableError.

        That it was not used before is for the caller to know.
        """
        grant = await self.read(token)
        if grant.member_id != member_id:
            raise GrantError("wrong_member", "The grant is of another member.")
        if grant.purpose != purpose:
            raise GrantError("wrong_purpose", f"The grant is not for {purpose!r}.")
        if points > grant.max_points:
            raise GrantError("too_little", f"The grant covers {grant.max_points} points, not {points}.")
        return grant

    async def read(self, token: str) -> Grant:
        """The grant, whoever it is of. Raises GrantError, KeysUnavailableError."""
        try:
            claims = await self._verifier.verified(token, grant=True)
        except TokenError as error:
            raise GrantError(error.reason, error.detail) from None
        return _grant_of(claims)


def _grant_of(claims: dict[str, Any]) -> Grant:
    issued_at, ends_at, max_points = (claims.get(name) for name in ("iat", "exp", "max_points"))
    if not (_whole(issued_at) and _whole(ends_at)) or not 0 < ends_at - issued_at <= MAX_LIFETIME_SECONDS:
        raise GrantError("malformed", f"A grant lives {MAX_LIFETIME_SECONDS} seconds at most.")
    grant_id, purpose = claims.get("jti"), claims.get("purpose")
    if not isinstance(grant_id, str) or not 1 <= len(grant_id) <= 200 or "\x00" in grant_id:
        raise GrantError("malformed", "A grant has an id (jti) of 1 to 200 characters.")
    if not isinstance(purpose, str) or not _whole(max_points) or max_points < 1:
        raise GrantError("malformed", "A grant says what for (purpose) and up to how many points (max_points).")
    try:
        member_id = UUID(claims["sub"])
        expires_at = datetime.fromtimestamp(ends_at, UTC)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        raise GrantError("malformed", "A grant's subject is the member's id, and its end an instant.") from None
    return Grant(grant_id=grant_id, member_id=member_id, purpose=purpose, max_points=max_points, expires_at=expires_at)


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
