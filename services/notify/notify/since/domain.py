"""What may have changed since something happened. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """The state of a coupon, badge or order at an instant; of two of the same instant the higher `rank` is later."""

    kind: str
    key: str
    state: str
    at: datetime
    rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """What is known now of what a notice speaks of: the state of a thing, or a wallet's balance after `sequence`."""

    state: str = ""
    sequence: int = 0
    balance: int | None = None
    debt: int = 0


NOTHING_LATER = Later()
