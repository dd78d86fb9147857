"""Pieces of a token endpoint (RFC 6749): what the client sent, and the shape of the answers.

Only the client-credentials grant: machines. People log in with e-mail and pass phrase at members' own route.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote_plus

from common.security.roles import PERMISSIONS

MAX_FORM_FIELDS = 20
Error = Literal["invalid_request", "invalid_client", "unsupported_grant_type", "invalid_scope"]


class OAuthError(Exception):
    """A refusal in the words of RFC 6749 section 5.2."""

    def __init__(self, error: Error, description: str, *, basic: bool = False) -> None:
        super().__init__(description)
        self.error: Error = error
        self.description = description
        self.basic = basic

    @property
    def status(self) -> int:
        return 401 if self.error == "invalid_client" else 400

    @property
    def body(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.description}

    @property
    def headers(self) -> dict[str, str]:
        headers = dict(NO_STORE)
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="loyalty", charset="UTF-8"'
        return headers


NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""Headers of every answer with a token in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """Who asks for a token, and for how much: `scope` is None when everything the client may is wanted."""

    client_id: str
    client_secret: str
    scope: str | None


def read_client_credentials(*, content_type: str, body: bytes, authorization: str | None) -> ClientCredentials:
    """Read a token request: form fields, the client's name and secret there or as HTTP Basic. Raises OAuthError."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "The body must be application/x-www-form-urlencoded.")
    form = _form(body)
    grant = form.get("grant_type", "")
    if not grant:
        raise OAuthError("invalid_request", "grant_type is missing.")
    if grant != "client_credentials":
        raise OAuthError("unsupported_grant_type", "Only grant_type=client_credentials is offered.")
    if authorization is not None:
        if "client_secret" in form:
            raise OAuthError("invalid_request", "Send the client's secret in one way, not in two.")
        client_id, client_secret = _basic(authorization)
    else:
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
    if not client_id or not client_secret:
        raise OAuthError("invalid_client", "The client's id and secret are needed.")
    if "\x00" in client_id + client_secret or len(client_id) > 200 or len(client_secret) > 200:
        raise OAuthError("invalid_client", "The client is not known, or its secret is another.")
    return ClientCredentials(client_id=client_id, client_secret=client_secret, scope=_scope(form.get("scope")))


def token_answer(access_token: str, *, lifetime_seconds: int, scope: str | None) -> dict[str, str | int]:
    """The body of a good answer (RFC 6749 section 5.1); send it with the headers NO_STORE."""
    about: dict[str, str | int] = {} if scope is None else {"scope": scope}
    return {"access_token": access_token, "token_type": "Bearer", "expires_in": lifetime_seconds, **about}


def discovery_document(issuer: str, *, token_path: str, jwks_path: str) -> dict[str, object]:
    """`/.well-known/openid-configuration`: where verifiers find the keys of this issuer."""
    base = issuer.rstrip("/")
    return {
        "issuer": base,
        "token_endpoint": base + token_path,
        "jwks_uri": base + jwks_path,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "scopes_supported": sorted(PERMISSIONS),
    }


def _form(body: bytes) -> dict[str, str]:
    try:
        text = body.decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise OAuthError("invalid_request", "The body is not a form.") from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise OAuthError("invalid_request", "A form field is given twice.")
        form[name] = value
    return form


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
        if not colon:
            raise ValueError
        return unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (ValueError, binascii.Error):
        raise OAuthError("invalid_client", "The Authorization header is not HTTP Basic.", basic=True) from None


def _scope(asked: str | None) -> str | None:
    if asked is None or not asked.strip():
        return None
    names = asked.split()
    unknown = [name for name in names if name not in PERMISSIONS]
    if unknown:
        raise OAuthError("invalid_scope", "The scope is a list of permissions parted by spaces; some are not known.")
    return " ".join(sorted(set(names)))
