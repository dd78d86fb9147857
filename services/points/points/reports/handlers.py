"""Reports of the ledger: by period, by rule, by sender."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from common.storage import Transaction
from common.storage.programme import programme
from points.checks import handlers as checks
from points.reports import domain, store
from points.reports.domain import Figures, Moved, OfRule, Period, Span
from points.reward_orders import handlers as reward_orders
from points.times import local_day, midnight
from points.wallet_types import handlers as wallet_types

MAX_PERIODS = 1_100
"""Three years of days."""
BEGINNING = date(1, 1, 1)
THIRTY_DAYS = 29 * domain.DAY
"""From the first to the last of them."""


class RangeError(Exception):
    """The days asked for are in the wrong order, or too many."""

    def __init__(self, first: date, last: date, reason: str) -> None:
        super().__init__(reason)
        self.first = first
        self.last = last


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    total: Figures
    periods: Sequence[Span]
    outstanding_now: int


async def usage(tx: Transaction, wallet: str, first: date, last: date, period: Period) -> Usage:
    """What members earned, spent and lost. Raises RangeError, WalletTypeUnknownError."""
    await wallet_types.known(tx, wallet)
    _check(first, last, {"day": 1, "week": 7, "month": 28}[period])
    settings = await programme(tx)
    today = local_day(tx.now, ZoneInfo(settings.time_zone))
    moved = [
        Moved(day=row.day, from_account=row.from_account, to_account=row.to_account, points=int(row.points))
        for row in await checks.by_day(tx, wallet, BEGINNING, date.max)
    ]
    return Usage(
        total=domain.total(moved, first, last),
        periods=domain.by_period(moved, first, last, period, first_day_of_week=settings.first_day_of_week, today=today),
        outstanding_now=domain.total(moved, BEGINNING, date.max).change,
    )


async def by_rule(tx: Transaction, first: date, last: date) -> list[OfRule]:
    """What each rule version paid for occasions of these local days, and what has become of it. Raises RangeError."""
    _check(first, last, 1)
    zone = ZoneInfo((await programme(tx)).time_zone)
    rows = await store.by_rule(tx, midnight(first, zone), midnight(last + domain.DAY, zone))
    return domain.whole([OfRule(**row._mapping) for row in rows])


async def by_reward(tx: Transaction, first: date, last: date, reward: str | None) -> Sequence[Row[Any]]:
    """What was ordered, and what was undone, on these local days, by day and reward. Raises RangeError."""
    _check(first, last, 1)
    zone = ZoneInfo((await programme(tx)).time_zone)
    since, until = midnight(first, zone), midnight(last + domain.DAY, zone)
    return await reward_orders.figures(tx, since=since, until=until, reward=reward)


async def duplicates(
    tx: Transaction, *, source: str | None, since: datetime, until: datetime, after: tuple[str, str], limit: int
) -> Sequence[Row[Any]]:
    """Who sent something again."""
    return await store.duplicates(tx, source=source, since=since, until=until, after=after, limit=limit)


def default_range(tx: Transaction, first: date | None, last: date | None, zone: str) -> tuple[date, date]:
    """Thirty days up to today unless something else is asked for."""
    until = last or local_day(tx.now, ZoneInfo(zone))
    return first or max(until, BEGINNING + THIRTY_DAYS) - THIRTY_DAYS, until


def _check(first: date, last: date, days: int) -> None:
    if first > last:
        raise RangeError(first, last, f"{first} is after {last}.")
    if not date(1800, 1, 1) <= first or last >= date(9999, 12, 1):
        raise RangeError(first, last, "Only days from 1800-01-01 to 9999-11-30 can be asked for.")
    if (last - first).days > MAX_PERIODS * days:
        raise RangeError(first, last, f"More than {MAX_PERIODS} periods do not fit into one answer.")
