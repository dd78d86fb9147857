"""The master keys of the environment: AES-256-GCM, the first one seals, all of them open.

Rotation: put a new key in front (`MASTER_KEYS=k2:…,k1:…`), restart, rewrap what is stored (`Cipher.rewrap`), then drop
the old one. What a master key sealed begins with that key's id, so it is known which key opens it.
"""

import base64
import binascii
import os
from collections.abc import Sequence
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
_VERSION = b"\x01"


class SealBrokenError(Exception):
    """What is stored cannot be opened: another key, another owner, or changed bytes."""


class MasterKeyMissingError(SealBrokenError):
    """The master key that sealed this is not among MASTER_KEYS."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"master key {key_id!r} is not among MASTER_KEYS")
        self.key_id = key_id


class MasterKeys:
    """A list of (id, 32 bytes); the first is current."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        if not keys:
            raise ValueError("MASTER_KEYS is empty: give at least one id:base64url-of-32-bytes")
        for key_id, secret in keys:
            if not 1 <= len(key_id.encode()) <= 64:
                raise ValueError("MASTER_KEYS: a key id has 1 to 64 characters")
            if len(secret) != KEY_BYTES:
                raise ValueError(f"MASTER_KEYS: key {key_id!r} has {len(secret)} bytes, not {KEY_BYTES}")
        if len({key_id for key_id, _ in keys}) != len(keys):
            raise ValueError("MASTER_KEYS: a key id is given twice")
        self.current_id = keys[0][0]
        self.oldest = keys[-1][1]
        """The last key of the list (see `blindindex`)."""
        self._ciphers = {key_id: AESGCM(secret) for key_id, secret in keys}

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `id:base64url,id:base64url`. Raises ValueError that names the wrong part, never a secret."""
        keys = []
        for number, part in enumerate(filter(None, (piece.strip() for piece in text.split(","))), start=1):
            key_id, colon, encoded = part.partition(":")
            if not colon:
                raise ValueError(f"MASTER_KEYS: part {number} is not id:base64url-of-32-bytes")
            try:
                secret = decode(encoded)
            except ValueError:
                raise ValueError(f"MASTER_KEYS: key {key_id!r} is not base64url") from None
            keys.append((key_id, secret))
        return cls(keys)

    def seal(self, secret: bytes, *, about: bytes) -> bytes:
        """Encrypt under the current key. `about` binds the result to its owner and must be given again to open it."""
        nonce = os.urandom(NONCE_BYTES)
        key_id = self.current_id.encode()
        box = self._ciphers[self.current_id].encrypt(nonce, secret, about)
        return _VERSION + bytes([len(key_id)]) + key_id + nonce + box

    def key_id_of(self, sealed: bytes) -> str:
        """See `key_id_of`."""
        return key_id_of(sealed)

    def open(self, sealed: bytes, *, about: bytes) -> bytes:
        """Decrypt what `seal` gave. Raises SealBrokenError."""
        key_id = key_id_of(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise MasterKeyMissingError(key_id)
        rest = sealed[2 + len(key_id.encode()) :]
        try:
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], about)
        except (InvalidTag, ValueError):
            raise SealBrokenError("sealed with another key, for another owner, or changed") from None


def key_id_of(sealed: bytes) -> str:
    """The id of the master key that sealed this. Raises SealBrokenError for anything else."""
    if len(sealed) < 2 or sealed[:1] != _VERSION or len(sealed) < 2 + sealed[1] + NONCE_BYTES:
        raise SealBrokenError("not something a master key sealed")
    try:
        return sealed[2 : 2 + sealed[1]].decode()
    except UnicodeDecodeError:
        raise SealBrokenError("not something a master key sealed") from None


def new_master_key() -> str:
    """A fresh key in the form MASTER_KEYS and INDEX_KEY want it."""
    return encode(os.urandom(KEY_BYTES))


def encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """base64url, padded or not. Raises ValueError."""
    try:
        raw = text.encode("ascii").rstrip(b"=")
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64url") from error
