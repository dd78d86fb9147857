"""Purchases evaluated again, under today's rules and under others, part by part, so that memory stays small."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from common.storage import Database, Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import Purchase
from points.earning.domain import occasion_of
from points.earning.pricing import Pricing, know, pricing
from points.evaluation.book import FIRST_PURCHASE, Book
from points.evaluation.occasion import Occasion
from points.facts import handlers as facts
from points.limits.domain import Usage
from points.simulation.changes import Changes, changed
from points.simulation.domain import Comparison, Paid, Replayed, paid

PART = 2_000
_FIRST = (UUID(int=0), datetime(1, 1, 1, tzinfo=UTC), "", "")


class Side:
    """One set of rules, and what of its limits has been used since the replay began."""

    def __init__(self, priced: Pricing) -> None:
        self.priced = priced
        self._usage = Usage(first_day_of_week=priced.terms.first_day_of_week)

    def pay(self, purchase: Purchase, occasion: Occasion, is_first: bool) -> tuple[list[Paid], list[str]]:
        """What it pays for the purchase, net of returns, and the coupons it gives."""
        person = self.priced.person(purchase.member_id, purchase.occurred_at, is_first=is_first)
        found = self.priced.evaluate(occasion, person, purchase.recorded_at, self._usage, purchase.rounding)
        if found.used:
            day = purchase.occurred_at.astimezone(self.priced.terms.zone).date()
            self._usage.take(found, occasion, purchase.member_id, day, purchase=purchase)
            self._usage.changed.clear()
            self._usage.exhausted.clear()
        wholly = bool(purchase.returned) and purchase.returned >= purchase.basis
        coupons = [] if wholly else [grant.template for grant in found.grants]
        return paid(found, purchase), coupons


class Replay:
    """The replay of one what-if: `async for comparison in replay.parts(...)` after each part."""

    def __init__(self, database: Database, priced: Pricing, other: Book) -> None:
        self._database = database
        self._before = Side(priced)
        self._after = Side(replace(priced, book=other))
        self.comparison = Comparison()

    @property
    def _needs(self) -> frozenset[str]:
        return self._before.priced.book.needs | self._after.priced.book.needs

    async def count(self, tx: Transaction, occurred_from: datetime, occurred_until: datetime) -> int:
        """How many purchases there are to replay."""
        return await accruals.count(tx, occurred_from, occurred_until)

    async def parts(self, occurred_from: datetime, occurred_until: datetime) -> AsyncIterator[Comparison]:
        """The sums so far, each time another part has been replayed."""
        after = _FIRST
        while True:
            async with self._database.transaction() as tx:
                part = await accruals.replay(
                    tx, occurred_from=occurred_from, occurred_until=occurred_until, after=after, limit=PART
                )
                if not part:
                    return
                firsts = await self._know(tx, part)
            await asyncio.to_thread(self._replay, part, firsts)
            last = part[-1]
            after = (last.member_id, last.occurred_at, last.source, last.order_id)
            yield self.comparison

    async def _know(self, tx: Transaction, part: Sequence[Purchase]) -> set[tuple[str, str]]:
        """Load what is known of these members; gives the purchases that are somebody's first."""
        member_ids = list(dict.fromkeys(purchase.member_id for purchase in part))
        known = await facts.known(tx, member_ids, self._needs)
        for side in (self._before, self._after):
            await know(tx, side.priced, known)
        if FIRST_PURCHASE not in self._needs:
            return set()
        return {first.key for first in (await accruals.firsts(tx, member_ids)).values()}

    def _replay(self, part: Sequence[Purchase], firsts: set[tuple[str, str]]) -> None:
        zone = self._before.priced.terms.zone
        for purchase in part:
            occasion, is_first = occasion_of(purchase), purchase.key in firsts
            before, coupons_before = self._before.pay(purchase, occasion, is_first)
            after, coupons_after = self._after.pay(purchase, occasion, is_first)
            tier = self._before.priced.person(purchase.member_id, purchase.occurred_at).tier
            month = purchase.occurred_at.astimezone(zone).strftime("%Y-%m")
            self.comparison.add(Replayed(purchase.member_id, tier, month, before, after, coupons_before, coupons_after))


async def replay_of(database: Database, tx: Transaction, changes: Changes) -> Replay:
    """A replay of the published rules against the same with `changes`."""
    priced = await pricing(tx)
    return Replay(database, priced, changed(priced.book, changes))
