"""Birthdays stay sealed; they are opened only while a rule that is published asks for them."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from common.runtime.logs import logger
from common.security.masterkeys import MasterKeyMissingError, SealBrokenError
from common.storage import Transaction
from points import keyring
from points.evaluation.occasion import LUNAR, SOLAR, Birthday

PURPOSE = "birthday"


async def opened(tx: Transaction, boxes: Mapping[UUID, str]) -> dict[int, Birthday]:
    """By the member's id as a whole number. Of an erased member there is none; nor without a master key."""
    if not boxes or not keyring.given():
        return {}
    try:
        fields = await keyring.current().open_many(tx, boxes, purpose=PURPOSE)
    except (SealBrokenError, MasterKeyMissingError):
        fields = await _one_by_one(tx, boxes)
    found = {member_id.int: birthday_of(one) for member_id, one in fields.items()}
    return {member: birthday for member, birthday in found.items() if birthday is not None}


async def _one_by_one(tx: Transaction, boxes: Mapping[UUID, str]) -> dict[UUID, dict[str, str]]:
    """So that one broken box hides no other."""
    found: dict[UUID, dict[str, str]] = {}
    for member_id, box in boxes.items():
        try:
            found |= await keyring.current().open_many(tx, {member_id: box}, purpose=PURPOSE)
        except (SealBrokenError, MasterKeyMissingError) as error:
            logger("facts").warning("a birthday cannot be opened", member_id=str(member_id), why=str(error))
    return found


def birthday_of(fields: Mapping[str, str]) -> Birthday | None:
    """`birthday` is YYYY-MM-DD in the `calendar` solar or lunar; a lunar leap month says `leap_month`: true."""
    try:
        if fields.get("calendar") == LUNAR:
            _, month, day = (int(part) for part in fields["birthday"].split("-"))
            leap = fields.get("leap_month") == "true"
            return Birthday(month, day, LUNAR, leap) if 1 <= month <= 12 and 1 <= day <= 30 else None
        day_of_birth = date.fromisoformat(fields["birthday"])
        return Birthday(day_of_birth.month, day_of_birth.day, SOLAR)
    except (KeyError, ValueError):
        return None
