"""Token requests are read as RFC 6749 says, and refused in its words."""

import base64
import contextlib
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.security.oauth import OAuthError, discovery_document, read_client_credentials, token_answer
from common.security.passwords import hash_password, needs_rehash, new_secret, password_matches
from common.security.roles import PERMISSIONS

FORM = "application/x-www-form-urlencoded"


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{quote_plus(name)}:{quote_plus(secret)}".encode()).decode()


def form(**fields: str) -> bytes:
    return urlencode({"grant_type": "client_credentials", **fields}).encode()


def test_client_in_the_form_or_as_http_basic() -> None:
    body = form(client_id="shop", client_secret="s3:c ret%", scope="purchases:write")
    in_form = read_client_credentials(content_type=f"{FORM}; charset=UTF-8", body=body, authorization=None)
    in_header = read_client_credentials(
        content_type=FORM, body=form(scope="purchases:write"), authorization=basic("shop", "s3:c ret%")
    )
    assert in_form == in_header
    assert (in_form.client_id, in_form.client_secret, in_form.scope) == ("shop", "s3:c ret%", "purchases:write")
    assert read_client_credentials(content_type=FORM, body=form(), authorization=basic("a", "b")).scope is None


@pytest.mark.parametrize(
    ("body", "authorization", "error"),
    [
        (b"", None, "invalid_request"),
        (b"grant_type=password&username=a", None, "unsupported_grant_type"),
        (b"\xff", None, "invalid_request"),
        (b"grant_type=%ff", None, "invalid_request"),
        (b"grant_type=client_credentials&grant_type=client_credentials", None, "invalid_request"),
        (b"&".join(b"a%d=1" % n for n in range(30)), None, "invalid_request"),
        (form(), None, "invalid_client"),
        (form(client_id="a"), None, "invalid_client"),
        (form(client_id="a\x00", client_secret="b"), None, "invalid_client"),
        (form(client_id="a" * 201, client_secret="b"), None, "invalid_client"),
        (form(client_secret="b"), basic("a", "b"), "invalid_request"),
        (form(), "Basic !!!", "invalid_client"),
        (form(), "Basic " + base64.b64encode(b"nocolon").decode(), "invalid_client"),
        (form(), "Basic " + base64.b64encode(b"\xff:\xff").decode(), "invalid_client"),
        (form(), "Bearer x", "invalid_client"),
        (form(), "Basic é", "invalid_client"),
        (form(client_id="a", client_secret="b", scope="root"), None, "invalid_scope"),
    ],
)
def test_refusals_have_the_words_of_the_standard(body: bytes, authorization: str | None, error: str) -> None:
    with pytest.raises(OAuthError) as caught:
        read_client_credentials(content_type=FORM, body=body, authorization=authorization)
    refusal = caught.value
    assert refusal.body["error"] == error
    assert refusal.status == (401 if error == "invalid_client" else 400)
    assert refusal.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in refusal.headers) == (refusal.status == 401)


def test_other_media_types_are_refused() -> None:
    with pytest.raises(OAuthError, match="x-www-form-urlencoded"):
        read_client_credentials(content_type="application/json", body=b"{}", authorization=None)


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=100)), st.text(max_size=50))
def test_whatever_is_sent_is_read_or_refused(body: bytes, authorization: str | None, content_type: str) -> None:
    for media_type in (content_type, FORM):
        with contextlib.suppress(OAuthError):
            assert read_client_credentials(content_type=media_type, body=body, authorization=authorization).client_id


def test_answers_are_as_clients_expect() -> None:
    assert token_answer("t", lifetime_seconds=60, scope=None) == {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 60,
    }
    document = discovery_document("https://m.example/", token_path="/v1/token", jwks_path="/.well-known/jwks.json")
    assert document["issuer"] == "https://m.example"
    assert document["jwks_uri"] == "https://m.example/.well-known/jwks.json"
    assert document["scopes_supported"] == sorted(PERMISSIONS)


async def test_passwords_are_kept_as_argon2_hashes() -> None:
    stored = await hash_password("correct horse 电池")
    assert stored.startswith("$argon2id$")
    assert await password_matches(stored, "correct horse 电池")
    assert not await password_matches(stored, "wrong")
    assert not await password_matches(None, "correct horse 电池")
    assert not await password_matches("not a hash", "x")
    assert not needs_rehash(stored)
    assert needs_rehash("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$kZGnFzkAPmOYVM6BpCkJHg")
    assert needs_rehash("not a hash")
    assert len(new_secret()) >= 43
