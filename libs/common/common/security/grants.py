"""Grants: a member's own word for one deed, as a JWT signed by members once the PIN was right.

Claims: `iss aud sub` (the member's id) `purpose` (`redeem`) `max_points iat exp jti`. A grant lives five minutes at most
and serves once: whoever honours it keeps its `jti`. Its header says `typ: grant+jwt`, so that it is never taken for an
access token, nor an access token for a grant.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from common.security.signing import SigningKey
from common.security.tokens import GRANT_TYPE, TokenError, TokenVerifier, sign_claims

REDEEM = "redeem"
MAX_LIFETIME_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a member allowed: up to `max_points`, for one `purpose`, until `expires_at`. `grant_id` is its `jti`."""

    grant_id: str
    member_id: UUID
    purpose: str
    max_points: int
    expires_at: datetime


def sign_grant(
    key: SigningKey,
    *,
    issuer: str,
    audience: str,
    member_id: UUID,
    max_points: int,
    grant_id: str,
    now: datetime,
    lifetime_seconds: int = MAX_LIFETIME_SECONDS,
    purpose: str = REDEEM,
) -> str:
    """A signed grant in JWT compact form. Raises ValueError for a lifetime or a number of points that is none."""
    if not 1 <= lifetime_seconds <= MAX_LIFETIME_SECONDS:
        raise ValueError(f"a grant lives 1 to {MAX_LIFETIME_SECONDS} seconds")
    if max_points < 1:
        raise ValueError("a grant is for at least one point")
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": str(member_id),
        "purpose": purpose,
        "max_points": max_points,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(seconds=lifetime_seconds)).timestamp()),
        "jti": grant_id,
    }
    return sign_claims(key, claims, typ=GRANT_TYPE)


async def grant_of(verifier: TokenVerifier, token: str) -> Grant:
    """The grant in this token. Raises TokenError, KeysUnavailableError."""
    claims = await verifier.verified(token, grant=True)
    issued_at, expires_at = claims.get("iat"), claims["exp"]
    if not _whole(issued_at) or not _whole(expires_at) or expires_at - issued_at > MAX_LIFETIME_SECONDS:
        raise TokenError("malformed", f"A grant lives {MAX_LIFETIME_SECONDS} seconds at most.")
    grant_id, purpose, max_points = claims.get("jti"), claims.get("purpose"), claims.get("max_points")
    if not isinstance(grant_id, str) or not 1 <= len(grant_id) <= 200 or "\x00" in grant_id:
        raise TokenError("malformed", "A grant has an id (jti) of 1 to 200 characters.")
    if not isinstance(purpose, str) or not _whole(max_points):
        raise TokenError("malformed", "A grant says what for (purpose) and up to how many points (max_points).")
    try:
        member_id = UUID(claims["sub"])
    except (ValueError, AttributeError):
        raise TokenError("malformed", "A grant's subject is the member's id.") from None
    return Grant(
        grant_id=grant_id,
        member_id=member_id,
        purpose=purpose,
        max_points=int(max_points),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
