"""Tokens let in whom they name, for what they say, as long as they say, and nobody else."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

from common.security.keysets import DiscoveredKeys, FixedKeys, KeysUnavailableError, RemoteKeys
from common.security.masterkeys import MasterKeys, SealBrokenError, new_master_key
from common.security.roles import ROLES
from common.security.signing import SigningKey, jwks_of, new_signing_key, open_signing_key, seal_signing_key
from common.security.tokens import TokenError, TokenRules, TokenVerifier, sign_token

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ISSUER, AUDIENCE = "https://members.example", "loyalty"
KEY = new_signing_key()
RULES = TokenRules(issuer=ISSUER, audience=AUDIENCE)


def verifier(*keys: dict[str, Any], now: datetime = NOW, rules: TokenRules = RULES) -> TokenVerifier:
    return TokenVerifier(rules, FixedKeys(*(keys or (KEY.public,))), now=lambda: now)


def signed(key: SigningKey = KEY, **changes: Any) -> str:
    given: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "subject": "staff:1",
        "kind": "staff",
        "roles": frozenset({"support"}),
        "token_id": "t1",
        "now": NOW,
        "lifetime_seconds": 600,
    }
    return sign_token(key, **{**given, **changes})


async def reason(token: str, checked: TokenVerifier) -> str:
    with pytest.raises(TokenError) as caught:
        await checked.caller(token)
    assert caught.value.detail.endswith(".")
    return caught.value.reason


async def test_a_good_token_names_its_caller() -> None:
    caller = await verifier().caller(signed())
    assert (caller.subject, caller.kind, set(caller.roles)) == ("staff:1", "staff", {"support"})
    assert caller.permissions == ROLES["support"]
    client = await verifier().caller(signed(kind="client", roles=frozenset({"publisher"}), scope="purchases:write x:y"))
    assert (client.kind, set(client.permissions)) == ("client", {"purchases:write"})


async def test_clocks_may_differ_by_thirty_seconds() -> None:
    end = NOW + timedelta(seconds=600)
    assert await verifier(now=end + timedelta(seconds=29)).caller(signed())
    assert await reason(signed(), verifier(now=end + timedelta(seconds=30))) == "expired"
    assert await verifier(now=NOW - timedelta(seconds=30)).caller(signed())
    assert await reason(signed(), verifier(now=NOW - timedelta(seconds=31))) == "not_yet_valid"


async def test_other_issuers_audiences_and_keys_are_told_apart() -> None:
    assert await reason(signed(audience="others"), verifier()) == "wrong_audience"
    assert await reason(signed(issuer="https://evil.example"), verifier()) == "wrong_issuer"
    stranger = new_signing_key()
    assert await reason(signed(stranger), verifier()) == "unknown_key"
    posing = SigningKey(kid=KEY.kid, public=KEY.public, private=stranger.private)
    assert await reason(signed(posing), verifier()) == "bad_signature"


@pytest.mark.parametrize("subject", ["", "x" * 201, "a\x00b"])
async def test_a_subject_that_cannot_be_stored_is_malformed(subject: str) -> None:
    assert await reason(signed(subject=subject), verifier()) == "malformed"


def raw(header: dict[str, Any], claims: object, signature: bytes = b"x" * 64) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def encoded(key: Key, algorithm: str, kid: str, **claims: Any) -> str:
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "exp": int(NOW.timestamp()) + 60}
    return jwt.encode({"alg": algorithm, "kid": kid}, {**given, **claims}, key, algorithms=[algorithm])


async def test_none_and_shared_secrets_are_never_believed() -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "exp": 9_999_999_999, "roles": ["admin"]}
    for algorithm in ("none", "None", "NONE", "HS256", "HS512", "PS256", ""):
        for signature in (b"", b"x" * 64):
            assert await reason(raw({"alg": algorithm, "kid": KEY.kid}, claims, signature), verifier()) == "malformed"
    public_as_secret = OctKey.import_key(KEY.public["x"].encode() * 2)
    assert await reason(encoded(public_as_secret, "HS256", KEY.kid, roles=["admin"]), verifier()) == "malformed"
    with pytest.raises(ValueError, match="HS256"):
        TokenVerifier(TokenRules(issuer=ISSUER, audience=AUDIENCE, algorithms=("HS256",)), FixedKeys())


async def test_a_published_shared_secret_is_not_a_key() -> None:
    secret = OctKey.generate_key(256)
    assert await FixedKeys({**secret.as_dict(), "kid": "s"}).find("s") is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "é.é.é",
        "x" * 10_000,
        raw({"alg": "EdDSA"}, {}, b""),
        raw({"alg": 1}, {}),
        raw({"alg": ["EdDSA"]}, {}),
        raw({}, {}),
        raw({"alg": "EdDSA", "kid": KEY.kid, "crit": ["x"], "x": 1}, {}),
        raw({"alg": "EdDSA", "kid": KEY.kid, "b64": False, "crit": ["b64"]}, {}),
        raw({"alg": "EdDSA", "kid": [KEY.kid]}, []),
        base64.urlsafe_b64encode(b"[" * 3_000).decode() + ".e30.e30",
        "W10.e30.e30",
        "bnVsbA.e30.e30",
    ],
)
async def test_rubbish_is_refused_with_a_reason(token: str) -> None:
    assert await reason(token, verifier()) in {"malformed", "bad_signature", "unknown_key"}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"sub": None},
        {"sub": 7},
        {"aud": None},
        {"aud": {}},
        {"iss": 1},
        {"nbf": "x"},
    ],
)
async def test_claims_of_the_wrong_kind_are_refused(claims: dict[str, Any]) -> None:
    key = ECKey.generate_key("P-256")
    rules = TokenRules(issuer=ISSUER, audience=AUDIENCE, algorithms=("ES256",))
    token = encoded(key, "ES256", "e1", **claims)
    checked = verifier({**key.as_dict(private=False), "kid": "e1"}, rules=rules)
    assert await reason(token, checked) in {"malformed", "wrong_audience", "wrong_issuer", "not_yet_valid"}


@pytest.mark.parametrize(
    ("algorithm", "key"), [("RS256", RSAKey.generate_key(2048)), ("ES256", ECKey.generate_key("P-256"))]
)
async def test_an_outside_issuer_is_believed_when_settings_say_so(algorithm: str, key: Key) -> None:
    rules = TokenRules(
        issuer="https://sso.example",
        audience="loyalty",
        algorithms=("RS256", "ES256"),
        roles_claim="realm_access.roles",
        role_map={"crm-admin": "admin", "crm-desk": "support"},
        scope_narrows=False,
    )
    public = {**key.as_dict(private=False), "kid": "o1"}
    token = encoded(
        key,
        algorithm,
        "o1",
        iss="https://sso.example/",
        aud=["loyalty", "account"],
        realm_access={"roles": ["crm-desk", "offline_access", "admin"]},
        scope="openid email",
    )
    caller = await verifier(public, rules=rules).caller(token)
    assert (set(caller.roles), caller.permissions, caller.kind) == ({"support"}, ROLES["support"], "staff")
    assert await reason(token, verifier(public)) == "malformed"


@pytest.mark.parametrize(
    "claims", [{}, {"roles": None}, {"roles": 7}, {"roles": [7, None]}, {"roles": {"a": 1}}, {"roles": "admin2"}]
)
async def test_without_roles_there_is_a_caller_who_may_nothing(claims: dict[str, Any]) -> None:
    key = ECKey.generate_key("P-256")
    rules = TokenRules(issuer=ISSUER, audience=AUDIENCE, algorithms=("ES256",))
    public = {**key.as_dict(private=False), "kid": "e1"}
    caller = await verifier(public, rules=rules).caller(encoded(key, "ES256", "e1", **claims))
    assert caller.permissions == frozenset()


def test_a_signing_key_is_sealed_and_opened_again() -> None:
    masters = MasterKeys.parse(f"k1:{new_master_key()}")
    sealed = seal_signing_key(KEY, masters)
    assert str(KEY.private.as_dict(private=True)["d"]).encode() not in sealed
    opened = open_signing_key(KEY.kid, sealed, masters)
    assert (opened.kid, opened.public) == (KEY.kid, KEY.public)
    with pytest.raises(SealBrokenError):
        open_signing_key("another", sealed, masters)
    with pytest.raises(SealBrokenError):
        open_signing_key(KEY.kid, sealed, MasterKeys.parse(f"k1:{new_master_key()}"))


def test_what_is_published_is_public() -> None:
    document = jwks_of([KEY.public])
    assert document["keys"][0].keys() == {"kty", "crv", "x", "kid", "use", "alg"}


class Site:
    """Answers like an issuer's web site; counts how often it was asked."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.down = False
        self.time = 0.0

    async def fetch(self, url: str) -> dict[str, Any]:
        self.asked += 1
        if self.down:
            raise OSError("no route to host")
        if url.endswith("openid-configuration"):
            return {"issuer": "https://sso.example", "jwks_uri": "https://sso.example/keys"}
        return dict(jwks_of([key.public for key in self.keys]))

    def clock(self) -> float:
        return self.time


@pytest.fixture
def site() -> Site:
    return Site(KEY)


async def test_remote_keys_are_fetched_once_and_kept(site: Site) -> None:
    keys = RemoteKeys("https://sso.example/keys", fetch=site.fetch, clock=site.clock)
    for _ in range(100):
        assert await keys.find(KEY.kid) is not None
    assert site.asked == 1
    site.time = 3_601
    await keys.find(KEY.kid)
    assert site.asked == 2


async def test_an_unknown_key_is_looked_up_again_but_not_by_every_token(site: Site) -> None:
    keys = RemoteKeys("https://sso.example/keys", fetch=site.fetch, clock=site.clock)
    fresh = new_signing_key()
    for _ in range(100):
        assert await keys.find(fresh.kid) is None
    assert site.asked == 1
    site.keys.append(fresh)
    site.time = 10
    assert await keys.find(fresh.kid) is not None
    assert await keys.find(KEY.kid) is not None
    assert site.asked == 2


async def test_known_keys_serve_on_while_the_issuer_is_down(site: Site) -> None:
    keys = RemoteKeys("https://sso.example/keys", fetch=site.fetch, clock=site.clock)
    await keys.find(KEY.kid)
    site.down, site.time = True, 9_999
    assert await keys.find(KEY.kid) is not None


async def test_without_any_key_it_is_said_that_nobody_can_be_checked(site: Site) -> None:
    site.down = True
    keys = RemoteKeys("https://sso.example/keys", fetch=site.fetch, clock=site.clock)
    for _ in range(5):
        with pytest.raises(KeysUnavailableError):
            await keys.find(KEY.kid)
    assert site.asked == 1
    site.down, site.time = False, 10
    assert await keys.find(KEY.kid) is not None


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": "x"}, {"keys": [7]}, {"keys": [{"kty": "new"}]}])
async def test_a_strange_key_document_breaks_nothing(document: dict[str, Any]) -> None:
    async def fetch(url: str) -> dict[str, Any]:
        return document

    try:
        assert await RemoteKeys("https://x.example", fetch=fetch).find("k") is None
    except KeysUnavailableError:
        assert document != {"keys": [{"kty": "new"}]}


async def test_the_discovery_document_must_be_of_the_issuer_that_was_asked(site: Site) -> None:
    assert await DiscoveredKeys("https://sso.example", fetch=site.fetch).find(KEY.kid) is not None
    with pytest.raises(KeysUnavailableError):
        await DiscoveredKeys("https://other.example", fetch=site.fetch).find(KEY.kid)
