"""Access tokens: JWTs signed with Ed25519 by members, or by any OIDC issuer the setting names.

Claims of our own: `iss sub aud iat exp jti kind roles` and, for clients that asked for less than they may, `scope`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry, extract_compact

from common.security.callers import Caller, Kind
from common.security.keysets import KeySource
from common.security.roles import permissions_of
from common.security.signing import SigningKey

CLOCK_SKEW_SECONDS = 30
MAX_TOKEN_BYTES = 8_192
OWN_ALGORITHMS = ("EdDSA", "Ed25519")
ACCESS_TYPE = "at+jwt"
"""The header's `typ` of our access tokens (RFC 9068)."""
GRANT_TYPE = "grant+jwt"
"""The header's `typ` of grants (`common.security.grants`), which open no door."""
ACCESS_TYPES = (ACCESS_TYPE, "jwt", "")
"""What access tokens may say they are: outside issuers write "JWT" or nothing."""
OUTSIDE_ALGORITHMS = ("EdDSA", "Ed25519", "ES256", "RS256")

Reason = Literal[
    "missing",
    "malformed",
    "expired",
    "not_yet_valid",
    "wrong_issuer",
    "wrong_audience",
    "unknown_key",
    "bad_signature",
    "wrong_type",
]


class TokenError(Exception):
    """The token does not let anybody in; `reason` is one word for it and `detail` a sentence."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


class _Registry(JWSRegistry):
    """Knows "EdDSA" by its RFC 8037 name, which every client library understands, beside RFC 9864's "Ed25519"."""

    max_header_length = 4_096  # outside issuers put certificates' thumbprints there

    def get_alg(self, name: str) -> JWSAlgModel:
        if name == "EdDSA" and self.allowed and name in self.allowed:
            return self.algorithms[name]  # without the warning that RFC 9864 has a newer name
        return super().get_alg(name)


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
    return sign_claims(key, claims, typ=ACCESS_TYPE)


def sign_claims(key: SigningKey, claims: dict[str, Any], *, typ: str) -> str:
    """A signed JWT of these claims; `typ` in its header keeps the kinds apart (RFC 8725 section 3.11)."""
    header = {"alg": "EdDSA", "kid": key.kid, "typ": typ}
    return jwt.encode(header, claims, key.private, registry=_Registry(algorithms=OWN_ALGORITHMS))


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
        self._registry = _Registry(algorithms=rules.algorithms, strict_check_header=False)

    async def caller(self, token: str) -> Caller:
        claims = await self.verified(token)
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

    async def verified(self, token: str, *, grant: bool = False) -> dict[str, Any]:
        """The claims of an access token (or of a grant, never one for the other) that hold here and now."""
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenError("malformed", f"A token has at most {MAX_TOKEN_BYTES} characters.")
        try:
            header = extract_compact(token.encode(), registry=self._registry).headers()
            self._registry.get_alg(str(header.get("alg")))
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise TokenError("malformed", "This is not a token signed in a way that is accepted here.") from None
        typ = str(header.get("typ") or "").lower().removeprefix("application/")
        if typ not in ((GRANT_TYPE,) if grant else ACCESS_TYPES):
            raise TokenError("wrong_type", "This token was made for something else.")
        kid = header.get("kid")
        key = await self.keys.find(kid if isinstance(kid, str) else None)
        if key is None:
            raise TokenError("unknown_key", "The token is signed with a key its issuer does not publish.")
        try:
            claims = jwt.decode(token, key, registry=self._registry).claims
        except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
            raise TokenError("bad_signature", "The token's signature is not its issuer's.") from None
        self._check(claims)
        return claims

    def _check(self, claims: dict[str, Any]) -> None:
        issuer = self.rules.issuer.rstrip("/")
        rules = jwt.JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "values": [issuer, issuer + "/"]},
            aud={"essential": True, "value": self.rules.audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            rules.validate(claims)
        except ExpiredTokenError:
            raise TokenError("expired", "The token has expired: ask for a new one.") from None
        except MissingClaimError as error:
            raise TokenError("malformed", f"The token lacks the claim {error.claim!r}.") from None
        except InvalidClaimError as error:
            raise _wrong(error) from None

    def _roles(self, claims: dict[str, Any]) -> frozenset[str]:
        found: Any = claims
        for part in self.rules.roles_claim.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        words = [name for name in names if isinstance(name, str)]
        if self.rules.role_map:
            return frozenset(self.rules.role_map[word] for word in words if word in self.rules.role_map)
        return frozenset(words)


def _wrong(error: InvalidClaimError) -> TokenError:
    claim = getattr(error, "claim", "")
    if claim == "aud":
        return TokenError("wrong_audience", "The token is meant for another audience.")
    if claim == "iss":
        return TokenError("wrong_issuer", "The token is of an issuer that is not accepted here.")
    if claim in {"nbf", "iat"}:
        return TokenError("not_yet_valid", "The token is not valid yet: compare the clocks.")
    return TokenError("malformed", f"The token's claim {claim!r} is not what it must be.")
