"""Types of wallets: whether points of a type can be spent, how long they live, how long they wait. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from points.times import days_later, month_end, months_later, year_end

PROGRAMME, NEVER, DAYS, MONTHS = "programme", "never", "days", "months"
END_OF_MONTH, END_OF_YEAR = "end_of_month", "end_of_year"

POINTS, GROWTH = "points", "growth"
NOTICE_DAYS = (30, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How long points live: the programme's months, never ending, so many days or months, or to the end of the month or
    year in which they were earned (`periods` 1) or of a later one.
    """

    kind: str = PROGRAMME
    periods: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletType:
    """A type of wallet. `negative_policy` None is the programme's; `notice_days` say when to warn before expiry."""

    key: str
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    spendable: bool = True
    transferable: bool = True
    life: Life = Life()
    pending_days: int = 0
    negative_policy: str | None = None
    notice_days: tuple[int, ...] = NOTICE_DAYS
    revision: int = 0

    def expires_at(self, earned_at: datetime, zone: ZoneInfo, programme_months: int = 0) -> datetime | None:
        """When points earned then are gone; None for never."""
        return life_end(self.life, earned_at, zone, programme_months)

    def available_at(self, earned_at: datetime, zone: ZoneInfo) -> datetime | None:
        """When points earned then can be spent; None for at once."""
        return days_later(earned_at, self.pending_days, zone) if self.pending_days else None


def life_end(life: Life, earned_at: datetime, zone: ZoneInfo, programme_months: int = 0) -> datetime | None:
    """When it ends, in UTC. Ends of periods are the first instant of the next one in the programme's zone."""
    if life.kind == NEVER:
        return None
    if life.kind == DAYS:
        return days_later(earned_at, life.periods, zone)
    if life.kind == MONTHS:
        return months_later(earned_at, life.periods, zone)
    if life.kind == END_OF_MONTH:
        return month_end(earned_at, life.periods, zone)
    if life.kind == END_OF_YEAR:
        return year_end(earned_at, life.periods, zone)
    return months_later(earned_at, programme_months, zone) if programme_months else None


BUILT_IN: Mapping[str, WalletType] = MappingProxyType(
    {
        POINTS: WalletType(key=POINTS, names=MappingProxyType({"zh-CN": "积分", "en": "Points"})),
        GROWTH: WalletType(
            key=GROWTH,
            names=MappingProxyType({"zh-CN": "成长值", "en": "Growth value"}),
            spendable=False,
            transferable=False,
            life=Life(kind=NEVER),
            notice_days=(),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class WalletTypes:
    """All types: those that were configured, over those that are built in. Others are like `points`."""

    by_key: Mapping[str, WalletType]

    def of(self, key: str) -> WalletType:
        return self.by_key.get(key) or WalletType(key=key)

    def knows(self, key: str) -> bool:
        return key in self.by_key
