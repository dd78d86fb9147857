"""By what a member is recognised: each kind in one written form, so that equal ones are equal texts."""

import re
from dataclasses import dataclass

import phonenumbers

from members.cards.domain import is_card_number

PHONE, EMAIL, OPENID, EXTERNAL_ID, CARD_NUMBER = "phone", "email", "openid", "external_id", "card_number"
KINDS = (PHONE, EMAIL, OPENID, EXTERNAL_ID, CARD_NUMBER)

MAX_CHARACTERS = {PHONE: 40, EMAIL: 254, OPENID: 128, EXTERNAL_ID: 200, CARD_NUMBER: 40}

_EMAIL = re.compile(r"[^\s@<>(),;:\"\\]{1,64}@(?:[^\s@.<>(),;:\"\\]{1,63}\.)+[^\s@.<>(),;:\"\\]{2,63}")
_OPENID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class IdentityInvalidError(Exception):
    """A text that cannot be an identity of this kind."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One identity in its one written form. `system` is whose number an external id is, "" for the other kinds."""

    kind: str
    value: str
    system: str = ""


def identity(kind: str, text: str, *, region: str, system: str = "") -> Identity:
    """`text` as people and machines write it → the identity. `region` (ISO 3166) is where national numbers are read.

    Raises IdentityInvalidError.
    """
    if len(text) > MAX_CHARACTERS[kind]:
        raise IdentityInvalidError(kind, f"has more than {MAX_CHARACTERS[kind]} characters")
    if any(not character.isprintable() for character in text):
        raise IdentityInvalidError(kind, "has characters that cannot be printed")
    if kind == PHONE:
        return Identity(kind=kind, value=_phone(text, region))
    if kind == EMAIL:
        return Identity(kind=kind, value=_email(text))
    if kind == CARD_NUMBER:
        return Identity(kind=kind, value=_card_number(text))
    if kind == OPENID:
        return Identity(kind=kind, value=_openid(text))
    return Identity(kind=kind, value=_external_id(text), system=system)


def _phone(text: str, region: str) -> str:
    """E.164: `138 0013 8000` in China → `+8613800138000`."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise IdentityInvalidError(PHONE, "is not a telephone number") from error
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise IdentityInvalidError(PHONE, "has too few or too many digits for a telephone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _email(text: str) -> str:
    """Lower case whole: two members whose addresses differ by case alone do not exist in practice."""
    address = text.strip().lower()
    if not _EMAIL.fullmatch(address) or ".." in address:
        raise IdentityInvalidError(EMAIL, "is not an e-mail address")
    return address


def _card_number(text: str) -> str:
    digits = text.replace(" ", "").replace("-", "")
    if not is_card_number(digits):
        raise IdentityInvalidError(CARD_NUMBER, "is not a card number: a digit is wrong or missing")
    return digits


def _openid(text: str) -> str:
    if not _OPENID.fullmatch(text):
        raise IdentityInvalidError(OPENID, "is not an openid")
    return text


def _external_id(text: str) -> str:
    value = text.strip()
    if not value:
        raise IdentityInvalidError(EXTERNAL_ID, "is empty")
    return value
