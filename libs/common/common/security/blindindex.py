"""Searching for what is encrypted: an HMAC that is equal for equal texts and tells nothing without the key.

The key must outlive every rotation, or nobody is found any more. It is INDEX_KEY (base64url of 32 bytes) if set, else
the last, oldest key of MASTER_KEYS. So before the oldest master key is dropped, give its bytes to INDEX_KEY: then the
index stays as it is.
"""

import hashlib
import hmac
import unicodedata
from functools import cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class BlindIndex:
    """`field` keeps apart what is equal by chance: a card number and a phone number with the same digits."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"INDEX_KEY has {len(key)} bytes, not {KEY_BYTES}")
        self._key_of = cache(lambda field: _derive(key, field))

    def of(self, text: str, *, field: str = "") -> bytes:
        """32 bytes. The text is taken in Unicode form NFC; upper and lower case differ: normalise before."""
        normal = unicodedata.normalize("NFC", text).encode("utf-8")
        return hmac.digest(self._key_of(field), normal, hashlib.sha256)


def _derive(key: bytes, field: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"loyalty blind index {field}".encode()).derive(key)
