"""Access tokens: JWTs signed with Ed25519 by members, or by any OIDC issuer the setting names.

Claims of our own: `iss sub aud iat exp jti kind roles` and, for clients that asked for less than they may, `scope`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from common.security import jwts
from common.security.callers import Caller, Kind
from common.security.jwts import MAX_TOKEN_BYTES as MAX_TOKEN_BYTES
from common.security.jwts import OWN_ALGORITHMS as OWN_ALGORITHMS
from common.security.jwts import Reason as Reason
from common.security.jwts import TokenError as TokenError
from common.security.keysets import KeySource
from common.security.roles import permissions_of
from common.security.signing import SigningKey

OUTSIDE_ALGORITHMS = ("EdDSA", "Ed25519", "ES256", "RS256")
GRANT_TYPE = "grant+jwt"
"""The `typ` of a grant for one deed (see `grants`), which must never let anybody in."""
ACCESS = "at+jwt"
"""The `typ` of our access tokens (RFC 9068); outside issuers say "JWT" or nothing."""
KINDS = (ACCESS, "jwt", "")


def sign_token(
    key: SigningKey,
    *,
    issuer: str,
    audience: str,
    subject: str,
    kind: Kind,
    roles: frozenset[str],
    token_id: str,
    now: datetime,
    lifetime_seconds: int,
    scope: str | None = None,
) -> str:
    """A signed access token in JWT compact form."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(seconds=lifetime_seconds)).timestamp()),
        "jti": token_id,
        "kind": kind,
        "roles": sorted(roles),
    }
    if scope is not None:
        claims["scope"] = scope
    return jwts.signed(key, claims, kind=ACCESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What a token must be to be believed.

    For an outside issuer: `roles_claim` is the path of its roles ("realm_access.roles"), `role_map` its names → ours
    (when empty, names equal to ours count), `algorithms` may include RS256 and ES256, its scope means nothing here.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = OWN_ALGORITHMS
    roles_claim: str = "roles"
    role_map: Mapping[str, str] = field(default_factory=dict)
    scope_narrows: bool = True


class TokenVerifier:
    """Turns a bearer token into a Caller, or says why not. Raises TokenError, KeysUnavailableError."""

    def __init__(
        self, rules: TokenRules, keys: KeySource, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        unsafe = set(rules.algorithms) - set(OUTSIDE_ALGORITHMS)
        if unsafe or not rules.algorithms:
            raise ValueError(f"token algorithms {sorted(unsafe)} are not allowed: take some of {OUTSIDE_ALGORITHMS}")
        self.rules = rules
        self.keys = keys
        self._now = now

    async def caller(self, token: str) -> Caller:
        claims = await jwts.verified(token, self.keys, algorithms=self.rules.algorithms, kinds=KINDS)
        jwts.check(claims, issuer=self.rules.issuer, audience=self.rules.audience, now=self._now())
        subject = claims["sub"]
        if not 1 <= len(subject) <= 200 or "\x00" in subject:
            raise TokenError("malformed", "The token's subject has 1 to 200 characters.")
        roles = self._roles(claims)
        scope = claims.get("scope") if self.rules.scope_narrows else None
        return Caller(
            subject=subject,
            kind="client" if claims.get("kind") == "client" else "staff",
            roles=roles,
            permissions=permissions_of(roles, scope if isinstance(scope, str) else None),
        )

    def _roles(self, claims: dict[str, Any]) -> frozenset[str]:
        found: Any = claims
        for part in self.rules.roles_claim.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        words = [name for name in names if isinstance(name, str)]
        if self.rules.role_map:
            return frozenset(self.rules.role_map[word] for word in words if word in self.rules.role_map)
        return frozenset(words)
