"""Staff accounts, and how often a password may be tried."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

ADMIN = "admin"
TRIES = 5
LOCKED_FOR = timedelta(minutes=15)
MIN_PASSWORD, MAX_PASSWORD = 10, 200


class StaffNotFoundError(Exception):
    def __init__(self, staff_id: UUID) -> None:
        super().__init__(f"There is no staff account {staff_id}.")
        self.staff_id = staff_id


class StaffExistsError(Exception):
    def __init__(self) -> None:
        super().__init__("Somebody of the staff has this e-mail address already.")


class StaffStaleError(Exception):
    """Somebody else changed the account in the meantime."""

    def __init__(self, *, seen: int, revision: int) -> None:
        super().__init__(f"The account is at revision {revision}, you have seen {seen}: read it again.")
        self.seen = seen
        self.revision = revision


class LastAdminError(Exception):
    """Nobody could let anybody in any more."""

    def __init__(self) -> None:
        super().__init__("This is the last active admin: make another one first.")


class LoginRefusedError(Exception):
    """One sentence for every cause, so that nobody learns which addresses exist."""

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong, or the account is not active.")


class AccountLockedError(Exception):
    """Too many wrong passwords; it is the same for addresses that do not exist."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"Too many wrong passwords: try again after {until.isoformat(timespec='seconds')}.")
        self.locked_until = until


class PasswordWeakError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The password {reason}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    staff_id: UUID
    revision: int
    email: str
    name: str
    role: str
    active: bool
    password_hash: str
    created_at: datetime
    last_login_at: datetime | None


def check_password(password: str, email: str) -> None:
    """Length is what counts. Raises PasswordWeakError."""
    if len(password) < MIN_PASSWORD:
        raise PasswordWeakError(f"has fewer than {MIN_PASSWORD} characters")
    if len(password) > MAX_PASSWORD:
        raise PasswordWeakError(f"has more than {MAX_PASSWORD} characters")
    if len(set(password)) < 4:
        raise PasswordWeakError("repeats the same few characters")
    if password.lower() == email.lower():
        raise PasswordWeakError("is the e-mail address")
