"""Which tokens are believed here, as the settings say.

Own tokens (members signs them): TOKEN_ISSUER, TOKEN_AUDIENCE, and TOKEN_JWKS_URL or `<issuer>/.well-known/jwks.json`.

An outside OIDC issuer: TOKEN_ALGORITHMS (`RS256`, `ES256`) says so; its keys are found by discovery unless
TOKEN_JWKS_URL is given, TOKEN_ROLES_CLAIM is the path of its roles, TOKEN_ROLE_MAP its names → ours
(`crm-admin=admin,…`).

PIN grants are always signed by members: GRANT_ISSUER says its address when TOKEN_ISSUER is an outside one.
"""

from common.runtime.settings import ServiceSettings
from common.security.grants import GrantVerifier
from common.security.keysets import DiscoveredKeys, KeySource, RemoteKeys
from common.security.roles import ROLES
from common.security.tokens import OWN_ALGORITHMS, TokenRules, TokenVerifier

JWKS_PATH = "/.well-known/jwks.json"


def verifier_for(settings: ServiceSettings, *, keys: KeySource | None = None) -> TokenVerifier:
    """The verifier of these settings; `keys` where the service knows them itself (members). Raises ValueError."""
    algorithms = _words(settings.token_algorithms)
    outside = bool(set(algorithms) - set(OWN_ALGORITHMS))
    rules = TokenRules(
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        algorithms=algorithms or OWN_ALGORITHMS,
        roles_claim=settings.token_roles_claim or "roles",
        role_map=_role_map(settings.token_role_map),
        scope_narrows=not outside,
    )
    if keys is None:
        keys = DiscoveredKeys(settings.token_issuer) if outside else RemoteKeys(settings.token_issuer + JWKS_PATH)
        if settings.token_jwks_url:
            keys = RemoteKeys(settings.token_jwks_url)
    return TokenVerifier(rules, keys)


def grants_for(settings: ServiceSettings, *, keys: KeySource | None = None) -> GrantVerifier:
    """The verifier of PIN grants; `keys` where they are known without asking members."""
    issuer = settings.grant_issuer or settings.token_issuer
    if keys is None:
        same = issuer == settings.token_issuer
        keys = RemoteKeys((settings.token_jwks_url if same else "") or issuer + JWKS_PATH)
    return GrantVerifier(TokenVerifier(TokenRules(issuer=issuer, audience=settings.token_audience), keys))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _role_map(text: str) -> dict[str, str]:
    pairs = [word.partition("=")[::2] for word in _words(text)]
    unknown = [ours for _, ours in pairs if ours.strip() not in ROLES]
    if unknown:
        raise ValueError(f"TOKEN_ROLE_MAP names roles that do not exist: {', '.join(unknown)}")
    return {theirs.strip(): ours.strip() for theirs, ours in pairs}
