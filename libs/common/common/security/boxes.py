"""A box: a JSON object of strings under one data key, bound to its owner and purpose."""

import os
from collections.abc import Mapping

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.security.masterkeys import KEY_BYTES, NONCE_BYTES, SealBrokenError

_VERSION = b"\x01"


def new_key() -> bytes:
    """A fresh data key."""
    return os.urandom(KEY_BYTES)


def seal(data_key: bytes, fields: Mapping[str, str], *, about: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return _VERSION + nonce + AESGCM(data_key).encrypt(nonce, orjson.dumps(dict(fields)), about)


def open(data_key: bytes, box: bytes, *, about: bytes) -> dict[str, str]:
    """Raises SealBrokenError when the box is another's, made for another purpose, or changed."""
    if box[:1] != _VERSION:
        raise SealBrokenError("not a box of personal data")
    nonce, rest = box[1 : 1 + NONCE_BYTES], box[1 + NONCE_BYTES :]
    try:
        fields: dict[str, str] = orjson.loads(AESGCM(data_key).decrypt(nonce, rest, about))
    except (InvalidTag, ValueError):
        raise SealBrokenError("sealed with another key, for another member or purpose, or changed") from None
    return fields
