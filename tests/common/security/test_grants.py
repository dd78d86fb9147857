"""A grant lets one deed happen and opens no door; an access token opens doors and allows no deed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.security.grants import MAX_LIFETIME_SECONDS, grant_of, sign_grant
from common.security.keysets import FixedKeys
from common.security.signing import new_signing_key
from common.security.tokens import GRANT_TYPE, TokenError, TokenRules, TokenVerifier, sign_claims, sign_token

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ISSUER, AUDIENCE = "https://members.example", "loyalty"
KEY = new_signing_key()
MEMBER = uuid4()


def verifier(now: datetime = NOW) -> TokenVerifier:
    return TokenVerifier(TokenRules(issuer=ISSUER, audience=AUDIENCE), FixedKeys(KEY.public), now=lambda: now)


def granted(**changes: Any) -> str:
    given: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "member_id": MEMBER,
        "max_points": 500,
        "grant_id": "g1",
        "now": NOW,
    }
    return sign_grant(changes.pop("key", KEY), **{**given, **changes})


def claimed(**changes: Any) -> str:
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(MEMBER),
        "purpose": "redeem",
        "max_points": 5,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 60,
        "jti": "g1",
    }
    return sign_claims(KEY, {**claims, **changes}, typ=GRANT_TYPE)


async def reason(token: str, checked: TokenVerifier | None = None) -> str:
    with pytest.raises(TokenError) as caught:
        await grant_of(checked or verifier(), token)
    return caught.value.reason


async def test_a_grant_says_who_allows_what_up_to_how_much() -> None:
    grant = await grant_of(verifier(), granted())
    assert (grant.grant_id, grant.member_id, grant.purpose, grant.max_points) == ("g1", MEMBER, "redeem", 500)
    assert grant.expires_at == NOW + timedelta(seconds=MAX_LIFETIME_SECONDS)
    assert isinstance(grant.member_id, UUID)


async def test_a_grant_is_no_access_token() -> None:
    with pytest.raises(TokenError) as caught:
        await verifier().caller(granted())
    assert caught.value.reason == "malformed"


async def test_an_access_token_is_no_grant() -> None:
    token = sign_token(
        KEY,
        issuer=ISSUER,
        audience=AUDIENCE,
        subject=str(MEMBER),
        kind="staff",
        roles=frozenset({"admin"}),
        token_id="t1",
        now=NOW,
        lifetime_seconds=60,
    )
    assert await reason(token) == "malformed"


async def test_a_grant_ends_after_five_minutes() -> None:
    assert await reason(granted(), verifier(NOW + timedelta(seconds=MAX_LIFETIME_SECONDS + 30))) == "expired"
    for seconds in (0, MAX_LIFETIME_SECONDS + 1):
        with pytest.raises(ValueError, match="lives"):
            granted(lifetime_seconds=seconds)
    with pytest.raises(ValueError, match="at least one"):
        granted(max_points=0)


async def test_a_grant_of_somebody_else_or_for_somebody_else_is_refused() -> None:
    assert await reason(granted(key=new_signing_key())) == "unknown_key"
    assert await reason(granted(issuer="https://evil.example")) == "wrong_issuer"
    assert await reason(granted(audience="others")) == "wrong_audience"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(NOW.timestamp()) + MAX_LIFETIME_SECONDS + 1},
        {"iat": None},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 201},
        {"jti": "a\x00"},
        {"purpose": None},
        {"max_points": "5"},
        {"max_points": True},
        {"max_points": None},
        {"sub": "somebody"},
    ],
)
async def test_a_grant_that_lacks_something_is_refused(changes: dict[str, Any]) -> None:
    assert await reason(claimed(**changes)) == "malformed"
