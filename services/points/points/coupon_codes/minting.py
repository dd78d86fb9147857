"""Codes made, sealed and recognised. What the database keeps of a code gives no usable code without the master keys."""

import secrets
from dataclasses import dataclass

from common.security.masterkeys import SealBrokenError
from points import keyring
from points.coupon_codes.domain import ALPHABET, RANDOM_CHARACTERS, check_character, normal, written

FIELD = "coupon code"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedCode:
    """A code as it is kept: an HMAC to find it by, and a box that opens with the master key `key_id`."""

    index: bytes
    sealed: bytes
    key_id: str


def mint(prefix: str) -> str:
    """A fresh code, as people see it."""
    body = prefix + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return written(prefix, body + check_character(body))


def index_of(code: str) -> bytes:
    """What a code, however it is written, is found by. Raises PersonalDataClosedError."""
    return keyring.current().blind_index(normal(code), field=FIELD)


def seal(code: str) -> SealedCode:
    """The code as it is kept. Raises PersonalDataClosedError."""
    masters, index = keyring.current().masters, index_of(code)
    return SealedCode(index=index, sealed=masters.seal(code.encode(), about=_about(index)), key_id=masters.current_id)


def open_code(index: bytes, sealed: bytes) -> str:
    """The code again. Raises PersonalDataClosedError, SealBrokenError."""
    return keyring.current().masters.open(sealed, about=_about(index)).decode()


def sealed_again(index: bytes, sealed: bytes) -> SealedCode | None:
    """The same code sealed with the current master key; None when it cannot be opened any more."""
    masters = keyring.current().masters
    try:
        code = masters.open(sealed, about=_about(index))
    except SealBrokenError:
        return None
    return SealedCode(index=index, sealed=masters.seal(code, about=_about(index)), key_id=masters.current_id)


def _about(index: bytes) -> bytes:
    return FIELD.encode() + index
