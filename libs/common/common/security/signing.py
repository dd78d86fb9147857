"""The key that signs access tokens: Ed25519. Who keeps keys stores `public` openly and the private part sealed.

Rotation: make a new key, publish both public keys, sign with the new one, retire the old one when its last token has
expired.
"""

import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from common.security.masterkeys import MasterKeys, SealBrokenError


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """`kid` is the RFC 7638 thumbprint, `public` the JWK for the JWKS document, `private` stays in memory."""

    kid: str
    public: dict[str, Any]
    private: OKPKey


def new_signing_key() -> SigningKey:
    """A fresh key pair."""
    return _named(OKPKey.import_key(Ed25519PrivateKey.generate()))


def seal_signing_key(key: SigningKey, masters: MasterKeys) -> bytes:
    """The private part, encrypted for storage under the current master key."""
    private = json.dumps(key.private.as_dict(private=True)).encode()
    return masters.seal(private, about=_about(key.kid))


def open_signing_key(kid: str, sealed: bytes, masters: MasterKeys) -> SigningKey:
    """What `seal_signing_key` gave, usable again. Raises SealBrokenError."""
    key = _named(OKPKey.import_key(json.loads(masters.open(sealed, about=_about(kid)))))
    if key.kid != kid:
        raise SealBrokenError(f"the stored signing key is not {kid!r}")
    return key


def jwks_of(public_keys: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The JWKS document (RFC 7517) of these public keys."""
    return {"keys": public_keys}


def _named(private: OKPKey) -> SigningKey:
    kid = private.thumbprint()
    public = private.as_dict(private=False)
    return SigningKey(kid=kid, public={**public, "kid": kid, "use": "sig", "alg": "EdDSA"}, private=private)


def _about(kid: str) -> bytes:
    return b"signing key " + kid.encode()
