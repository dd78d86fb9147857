"""Who a notice goes to, as far as known here. Pure."""

from dataclasses import dataclass
from datetime import tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

ACTIVE = "active"
ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A member's wishes and state. `reachable`: a sealed contact is kept; what is in it is known only when opened."""

    member_id: UUID
    status: str = ACTIVE
    locale: str = "en"
    time_zone: str = ""
    inbox: bool = True
    email: bool = True
    reachable: bool = False
    tier: str = ""
    tier_revision: int = 0

    def wants(self, channel: str) -> bool:
        return self.inbox if channel == "inbox" else self.email if channel == "email" else False


def zone_of(wanted: str, otherwise: str) -> tzinfo:
    """The member's time zone if it is one, else the programme's."""
    for name in (wanted, otherwise):
        if name:
            try:
                return ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                continue
    return ZoneInfo("UTC")
