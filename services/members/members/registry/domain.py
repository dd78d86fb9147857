"""What a member is, what may be seen of one, and what a change of one is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

ACTIVE, SUSPENDED = "active", "suspended"
GENDERS = ("", "female", "male", "other")
SOLAR, LUNAR, LUNAR_LEAP = "solar", "lunar", "lunar_leap"
CALENDARS = ("", SOLAR, LUNAR, LUNAR_LEAP)
"""What a birthday is counted by; "" is solar, `lunar_leap` a leap month of the lunar calendar."""
EARLIEST_BIRTHDAY = date(1900, 1, 1)

PERSONAL_FIELDS = (
    "name",
    "phone",
    "email",
    "birthday",
    "birthday_calendar",
    "address",
    "card_number",
    "openid",
    "external_ids",
)
"""Kept sealed with the member's data key."""
OPEN_FIELDS = ("status", "channel", "region", "gender")
"""Kept open: lists are filtered by them."""
TOLD_FIELDS = ("name", "phone", "email")
"""What notify needs to write to a member; sealed, it travels in the events."""


class MemberNotFoundError(Exception):
    """Nobody has this number."""

    def __init__(self, member_id: UUID) -> None:
        super().__init__(f"There is no member {member_id}.")
        self.member_id = member_id


class MemberStaleError(Exception):
    """Somebody else changed the member in the meantime."""

    def __init__(self, *, seen: int, revision: int) -> None:
        super().__init__(f"The member is at revision {revision}, you have seen {seen}: read it again.")
        self.seen = seen
        self.revision = revision


class RevisionNeededError(Exception):
    """A change without the revision it is based on could undo what somebody else did."""

    def __init__(self) -> None:
        super().__init__('Say which revision you have seen: If-Match: "7", or `revision` in the body.')


class IdentityTakenError(Exception):
    """Another member is known by one of these already. `kinds` names them, the texts are not repeated."""

    def __init__(self, kinds: list[str], member_id: UUID | None) -> None:
        super().__init__(f"A member with this {' and '.join(kinds)} exists already.")
        self.kinds = kinds
        self.member_id = member_id


class MemberInvalidError(Exception):
    """A field that cannot be kept."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member. `personal` holds those of PERSONAL_FIELDS that are known, all as text; `external_ids` as JSON."""

    member_id: UUID
    revision: int
    status: str
    registered_at: datetime
    channel: str
    region: str
    gender: str
    tier: str
    preferences: str
    personal: Mapping[str, str]


def fields_of(member: Member) -> dict[str, str]:
    """Everything of a member that can be changed, by name, as text."""
    fields = {name: member.personal.get(name, "") for name in PERSONAL_FIELDS}
    fields.update(status=member.status, channel=member.channel, region=member.region, gender=member.gender)
    fields["preferences"] = member.preferences
    return fields


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Field → (before, after) of what differs."""
    return {
        name: (before.get(name, ""), value) for name, value in sorted(after.items()) if value != before.get(name, "")
    }


def with_birthday(fields: Mapping[str, str], today: date) -> dict[str, str]:
    """The fields with the birthday checked: day and calendar make sense only together. Raises MemberInvalidError."""
    whole = dict(fields)
    if whole.get("birthday"):
        whole["birthday"] = check_birthday(whole["birthday"], today, whole.get("birthday_calendar", ""))
    return whole


def birthday_told(personal: Mapping[str, str]) -> dict[str, str]:
    """What others need to keep the member's day; {} when it is not known."""
    if not personal.get("birthday"):
        return {}
    calendar = personal.get("birthday_calendar") or SOLAR
    if calendar == SOLAR:
        return {"birthday": personal["birthday"], "calendar": SOLAR}
    leap = "true" if calendar == LUNAR_LEAP else "false"
    return {"birthday": personal["birthday"], "calendar": LUNAR, "leap_month": leap}


def check_birthday(text: str, today: date, calendar: str = "") -> str:
    """A day written 1990-05-01 that somebody alive can have. Raises MemberInvalidError.

    In the lunar calendar every month may have 30 days, and the year is the one the lunar year began in.
    """
    if calendar in (LUNAR, LUNAR_LEAP):
        return _lunar(text, today)
    try:
        birthday = date.fromisoformat(text)
    except ValueError:
        raise MemberInvalidError("birthday", "is not a date like 1990-05-01") from None
    if not EARLIEST_BIRTHDAY <= birthday <= today:
        raise MemberInvalidError("birthday", f"is not between {EARLIEST_BIRTHDAY} and today")
    return birthday.isoformat()


def _lunar(text: str, today: date) -> str:
    parts = text.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(part.isascii() and part.isdigit() for part in parts):
        raise MemberInvalidError("birthday", "is not a date like 1990-05-01")
    year, month, day = map(int, parts)
    if not EARLIEST_BIRTHDAY.year <= year <= today.year or not 1 <= month <= 12 or not 1 <= day <= 30:
        raise MemberInvalidError("birthday", "is not a day of the lunar calendar since 1900")
    return text


def check_registered_at(instant: datetime, now: datetime) -> datetime:
    """Members of an older programme bring their date with them. Raises MemberInvalidError for days to come."""
    if instant > now:
        raise MemberInvalidError("registered_at", "is in the future")
    if instant.year < EARLIEST_BIRTHDAY.year:
        raise MemberInvalidError("registered_at", f"is before the year {EARLIEST_BIRTHDAY.year}")
    return instant


def masked(name: str, value: str) -> str:
    """What those see of a personal field who may not reveal it: enough to recognise, too little to use."""
    if not value:
        return value
    if name == "name":
        return value[0] + "*" * min(len(value) - 1, 8)
    if name == "phone":
        return value[:-8] + "****" + value[-4:] if len(value) > 9 else "****" + value[-2:]
    if name == "email":
        local, _, host = value.partition("@")
        return f"{local[0]}***@{host}"
    if name == "birthday_calendar":
        return value
    if name == "birthday":
        return "****-**-**"
    if name == "card_number":
        return "*" * (len(value) - 4) + value[-4:]
    return "***"
