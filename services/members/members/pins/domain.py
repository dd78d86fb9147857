"""Payment PINs: which are too easy, how often one may be tried, and for how long it is locked then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

DIGITS = 6
TRIES = 5
LOCKED_FOR = timedelta(minutes=15)
LONGEST_LOCK = timedelta(days=7)
_ROUND = "01234567890123456789"


class PinWeakError(Exception):
    """A PIN that others would try first."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The PIN {reason}: choose another.")
        self.reason = reason


class PinNotSetError(Exception):
    def __init__(self, member_id: UUID) -> None:
        super().__init__("The member has no payment PIN yet.")
        self.member_id = member_id


class PinNeededError(Exception):
    """There is a PIN: changing it needs the one before."""

    def __init__(self) -> None:
        super().__init__("The member has a PIN: send it as current_pin, or have it reset.")


class PinWrongError(Exception):
    def __init__(self, tries_left: int) -> None:
        super().__init__(f"The PIN is wrong; {tries_left} more tries.")
        self.tries_left = tries_left


class PinLockedError(Exception):
    """Too many wrong PINs. What is sent until then is not looked at."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"Too many wrong PINs: try again after {until.isoformat(timespec='seconds')}.")
        self.locked_until = until


class MemberNotActiveError(Exception):
    def __init__(self, status: str) -> None:
        super().__init__(f"The member is {status}.")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What is kept of a PIN. `tries` since the last right one or lock, `locks` in a row."""

    member_id: UUID
    hash: str
    tries: int
    locks: int
    locked_until: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A try as it is written down before it is made."""

    tries: int
    locks: int
    locked_until: datetime | None


def counted(pin: Pin, now: datetime) -> Counted:
    """The next try. The last one locks at once, and a right PIN unlocks again: so guessing in parallel gains nothing.

    Raises PinLockedError.
    """
    if pin.locked_until is not None and now < pin.locked_until:
        raise PinLockedError(pin.locked_until)
    tries = (0 if pin.locked_until is not None else pin.tries) + 1
    if tries < TRIES:
        return Counted(tries=tries, locks=pin.locks, locked_until=None)
    return Counted(tries=tries, locks=pin.locks + 1, locked_until=now + locked_for(pin.locks))


def locked_for(locks: int) -> timedelta:
    """How long after so many locks in a row: a quarter of an hour, doubled each time, a week at most."""
    doubled: timedelta = LOCKED_FOR * 2 ** min(locks, 20)
    return min(doubled, LONGEST_LOCK)


def check_pin(pin: str, personal: Mapping[str, str]) -> None:
    """Raises PinWeakError: easy to guess for anybody, or for who knows this member's `birthday` or `phone`."""
    if len(set(pin)) < 3:
        raise PinWeakError("has fewer than three different digits")
    if pin in _ROUND or pin[::-1] in _ROUND:
        raise PinWeakError("counts up or down")
    if pin == pin[:3] * 2 or pin == pin[:2] * 3:
        raise PinWeakError("repeats itself")
    if pin[0::2] == pin[1::2]:
        raise PinWeakError("is made of pairs")
    if pin in _of_birthday(personal.get("birthday", "")):
        raise PinWeakError("is the member's birthday")
    digits = "".join(filter(str.isdigit, personal.get("phone", "")))
    if len(digits) >= DIGITS and pin in (digits[-DIGITS:], digits[:DIGITS]):
        raise PinWeakError("is part of the member's telephone number")


def _of_birthday(birthday: str) -> set[str]:
    year, _, rest = birthday.partition("-")
    month, _, day = rest.partition("-")
    short = year[-2:]
    return {short + month + day, day + month + short, month + day + short, year + month, month + year}
