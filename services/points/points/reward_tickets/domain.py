"""Tickets: codes that cannot be guessed, each good for one entrance. Pure."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

VALID, USED, REVOKED = "valid", "used", "revoked"

CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letters that look like digits."""
CODE_CHARACTERS = 20
"""100 bits: nobody tries that many at a door."""
_AS_READ = str.maketrans("OIL", "011", " -")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One ticket. `code` is "" where nobody can read it any more (or it was not asked for)."""

    ticket_id: UUID
    order_id: UUID
    number: int
    state: str
    used_at: datetime | None
    code: str = ""


def normalized(code: str) -> str:
    """As it was given out, however it was typed: small letters, gaps, O for 0, I and L for 1."""
    return code.upper().translate(_AS_READ)


def code_hash(code: str) -> bytes:
    """By which a code is found."""
    return sha256(normalized(code).encode()).digest()


def written(code: str) -> str:
    """In groups of five, for people."""
    return "-".join(code[start : start + 5] for start in range(0, len(code), 5))


def masked(code: str) -> str:
    """What those see who may not let in: enough to tell one from another."""
    return "****" + code[-3:] if code else ""


def check_valid(ticket: Ticket) -> None:
    """Raises TicketUsedError, TicketRevokedError."""
    if ticket.state == USED and ticket.used_at is not None:
        raise TicketUsedError(ticket.ticket_id, ticket.used_at)
    if ticket.state != VALID:
        raise TicketRevokedError(ticket.ticket_id)


class TicketUnknownError(Exception):
    """No ticket has this code."""

    def __init__(self) -> None:
        super().__init__("No ticket has this code.")


class TicketUsedError(Exception):
    """A ticket opens the door once."""

    def __init__(self, ticket_id: UUID, used_at: datetime) -> None:
        super().__init__(f"Ticket {ticket_id} was used at {used_at.isoformat()}.")
        self.ticket_id = ticket_id
        self.used_at = used_at


class TicketRevokedError(Exception):
    """Its order was cancelled."""

    def __init__(self, ticket_id: UUID) -> None:
        super().__init__(f"Ticket {ticket_id} is not valid any more: its order was cancelled.")
        self.ticket_id = ticket_id


class TicketOfOtherRewardError(Exception):
    """The ticket is for another occasion; it stays unused."""

    def __init__(self, ticket_id: UUID, reward: str, expected: str) -> None:
        super().__init__(f"Ticket {ticket_id} is for {reward}, not for {expected}.")
        self.ticket_id = ticket_id
        self.reward = reward
        self.expected = expected
