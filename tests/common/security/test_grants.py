"""A PIN grant covers what the member agreed to, for minutes, and nothing else; no token passes for another."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.http.verifier import grants_for
from common.runtime.settings import ServiceSettings
from common.security.grants import MAX_LIFETIME_SECONDS, REFUSALS, Grant, GrantError, GrantVerifier, sign_grant
from common.security.keysets import FixedKeys
from common.security.signing import SigningKey, new_signing_key
from common.security.tokens import (
    CLOCK_SKEW_SECONDS,
    GRANT_TYPE,
    TokenError,
    TokenRules,
    TokenVerifier,
    sign_claims,
    sign_token,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ISSUER, AUDIENCE = "https://members.example", "loyalty"
MEMBER, OTHER = UUID(int=1), UUID(int=2)
KEY = new_signing_key()


def grant(**changes: Any) -> Grant:
    given: dict[str, Any] = {
        "grant_id": "g1",
        "member_id": MEMBER,
        "purpose": "redeem",
        "max_points": 500,
        "expires_at": NOW + timedelta(seconds=MAX_LIFETIME_SECONDS),
    }
    return Grant(**{**given, **changes})


def signed(key: SigningKey = KEY, **changes: Any) -> str:
    return sign_grant(key, grant(**changes), issuer=ISSUER, audience=AUDIENCE, now=NOW)


def doors(*, now: datetime = NOW, issuer: str = ISSUER, audience: str = AUDIENCE) -> TokenVerifier:
    return TokenVerifier(TokenRules(issuer=issuer, audience=audience), FixedKeys(KEY.public), now=lambda: now)


async def reason(token: str, checked: TokenVerifier | None = None, **asked: Any) -> str:
    with pytest.raises(GrantError) as caught:
        await GrantVerifier(checked or doors()).verify(token, **{"member_id": MEMBER, "points": 500, **asked})
    assert caught.value.detail.endswith(".")
    assert caught.value.reason in REFUSALS
    return caught.value.reason


async def test_a_grant_says_who_agreed_to_what() -> None:
    assert await GrantVerifier(doors()).verify(signed(), member_id=MEMBER, points=500) == grant()


async def test_a_grant_covers_nothing_else() -> None:
    assert await reason(signed(), points=501) == "too_little"
    assert await reason(signed(), member_id=OTHER) == "wrong_member"
    assert await reason(signed(), purpose="unbind") == "wrong_purpose"
    assert await reason(signed(), doors(issuer="https://evil.example")) == "wrong_issuer"
    assert await reason(signed(), doors(audience="others")) == "wrong_audience"
    assert await reason(signed(new_signing_key())) == "unknown_key"


async def test_a_grant_ends_after_five_minutes() -> None:
    late = NOW + timedelta(seconds=MAX_LIFETIME_SECONDS + CLOCK_SKEW_SECONDS)
    early = GrantVerifier(doors(now=late - timedelta(seconds=1)))
    assert await early.verify(signed(), member_id=MEMBER, points=1)
    assert await reason(signed(), doors(now=late)) == "expired"
    for seconds in (0, MAX_LIFETIME_SECONDS + 1):
        with pytest.raises(ValueError, match="lives"):
            signed(expires_at=NOW + timedelta(seconds=seconds))
    with pytest.raises(ValueError, match="at least one"):
        signed(max_points=0)


def claims(**changes: Any) -> dict[str, Any]:
    begin = int(NOW.timestamp())
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(MEMBER), "purpose": "redeem", "max_points": 500}
    return {**given, "jti": "g1", "iat": begin, "exp": begin + 300, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(NOW.timestamp()) + MAX_LIFETIME_SECONDS + 1},
        {"exp": None},
        {"exp": 10**20, "iat": 10**20 - 1},
        {"iat": None},
        {"iat": "now"},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 201},
        {"jti": "a\x00"},
        {"purpose": None},
        {"max_points": "5"},
        {"max_points": True},
        {"max_points": 0},
        {"max_points": None},
        {"sub": "staff:1"},
        {"sub": 7},
    ],
)
async def test_a_grant_with_odd_claims_is_refused(changes: dict[str, Any]) -> None:
    assert await reason(sign_claims(KEY, claims(**changes), typ=GRANT_TYPE)) in {"malformed", "not_yet_valid"}


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 10_000, signed()[:-8] + "AAAAAAAA"])
async def test_rubbish_is_refused_with_a_reason(token: str) -> None:
    assert await reason(token) in {"malformed", "bad_signature"}


async def test_a_grant_opens_no_door() -> None:
    rich = sign_claims(KEY, claims(roles=["admin"], kind="staff"), typ=GRANT_TYPE)
    for token in (signed(), rich, sign_claims(KEY, claims(roles=["admin"]), typ="APPLICATION/Grant+JWT")):
        with pytest.raises(TokenError) as caught:
            await doors().caller(token)
        assert caught.value.reason == "wrong_type"


async def test_an_access_token_is_no_grant() -> None:
    token = sign_token(
        KEY,
        issuer=ISSUER,
        audience=AUDIENCE,
        subject=str(MEMBER),
        kind="client",
        roles=frozenset({"admin"}),
        token_id="t1",
        now=NOW,
        lifetime_seconds=300,
    )
    assert await reason(token) == "wrong_type"
    for typ in ("at+jwt", "JWT", ""):
        assert await reason(sign_claims(KEY, claims(), typ=typ)) == "wrong_type"


async def test_a_service_believes_grants_of_the_issuer_its_settings_name() -> None:
    settings = ServiceSettings(database_url="postgresql://u:p@127.0.0.1/d", token_issuer=ISSUER)
    elsewhere = settings.model_copy(update={"token_issuer": "https://sso.example", "grant_issuer": ISSUER})
    now = datetime.now(UTC).replace(microsecond=0)
    fresh = grant(expires_at=now + timedelta(seconds=60))
    token = sign_grant(KEY, fresh, issuer=ISSUER, audience=AUDIENCE, now=now)
    for believing in (settings, elsewhere):
        assert await grants_for(believing, keys=FixedKeys(KEY.public)).read(token) == fresh
    strange = settings.model_copy(update={"grant_issuer": "https://other.example"})
    with pytest.raises(GrantError, match="issuer"):
        await grants_for(strange, keys=FixedKeys(KEY.public)).read(token)
