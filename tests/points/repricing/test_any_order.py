"""The final state does not depend on the order of arrival: tiers, segments, first purchases, lines, returns, and the
word that sets points free.

Rules with limits are left out: what is limited is first come, first served, by arrival (ADR 0009).
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import Contract, Event, event_of
from common.events.activities import ActivityCompleted
from common.events.purchases import PurchaseLine, RefundLine
from common.events.segments import SegmentEntered, SegmentLeft
from common.storage import Database
from points.checks import handlers as checks
from points.ledger import handlers as ledger
from tests import servers as servers_module
from tests.points.world import SHOP, day, happen, programme, purchase, rate, refund, registered, rows, rule, tiers
from tests.servers import Servers

CATEGORIES = {"tea": "drinks", "cup": "ware"}


@dataclass(frozen=True)
class Buying:
    """On a day: lines (sku, pieces, price of one), what came back of it by name (line, pieces) and without a name."""

    at: int
    lines: tuple[tuple[str, int, int], ...]
    named: tuple[tuple[int, int], ...]
    unnamed: tuple[int, ...]
    brings_friend: bool
    closed: bool

    @property
    def amount(self) -> int:
        return sum(pieces * price for _, pieces, price in self.lines)


@st.composite
def buyings(draw: st.DrawFn) -> Buying:
    lines = tuple(
        draw(
            st.lists(
                st.tuples(st.sampled_from(["tea", "cup"]), st.integers(1, 3), st.integers(1, 9_000)),
                min_size=1,
                max_size=3,
                unique_by=lambda line: line[0],
            )
        )
    )
    named = tuple((place, draw(st.integers(0, line[1]))) for place, line in enumerate(lines))
    amount = sum(pieces * price for _, pieces, price in lines)
    left = amount - sum(pieces * lines[place][2] for place, pieces in named)
    whole = draw(st.booleans())
    cut = draw(st.integers(0, left))
    unnamed = (cut, left - cut) if whole else (cut,)
    return Buying(
        draw(st.integers(0, 20)),
        lines,
        named,
        tuple(part for part in unnamed if part),
        draw(st.booleans()),
        draw(st.booleans()),
    )


@dataclass(frozen=True)
class Story:
    buyings: tuple[Buying, ...]
    histories: tuple[tuple[tuple[str, int], ...], ...]
    segments: tuple[tuple[bool, int], ...]
    rounding: str

    def events(self, someone: UUID, friend: UUID, tag: str) -> list[Event[Contract]]:
        """In the order in which they happened: what is known of the member first, returns last."""
        found: list[Event[Contract]] = [
            tiers(someone, revision, *((tier, day(since)) for tier, since in history))
            for revision, history in enumerate(self.histories, start=1)
        ]
        for revision, (entered, at) in enumerate(self.segments, start=1):
            kind = SegmentEntered if entered else SegmentLeft
            found.append(
                event_of(kind(member_id=someone, segment="vip", revision=revision, occurred_at=day(at)), source=SHOP)
            )
        numbered = list(enumerate(self.buyings))
        for number, one in sorted(numbered, key=lambda pair: (pair[1].at, pair[0])):
            found.append(self._purchase(someone, f"{tag}/o{number}", one))
        for number, one in numbered:
            found += self._rest(f"{tag}/o{number}", one, friend)
        return found

    def _purchase(self, someone: UUID, order: str, one: Buying) -> Event[Contract]:
        lines = tuple(
            PurchaseLine(sku=sku, category=CATEGORIES[sku], quantity=pieces, amount=pieces * price)
            for sku, pieces, price in one.lines
        )
        return purchase(someone, order, one.amount, at=day(one.at), lines=lines)

    def _rest(self, order: str, one: Buying, friend: UUID) -> Iterator[Event[Contract]]:
        if one.brings_friend:
            did = ActivityCompleted(
                activity_id=f"{order}/a", member_id=friend, activity="referral_rewarded", occurred_at=day(25),
                order_id=order,
            )  # fmt: skip
            yield event_of(did, source=SHOP)
        if one.closed:
            word = ActivityCompleted(
                activity_id=f"{order}/c", member_id=friend, activity="return_window_closed", occurred_at=day(26),
                order_id=order,
            )  # fmt: skip
            yield event_of(word, source=SHOP)
        for place, pieces in one.named:
            sku, _, price = one.lines[place]
            if pieces:
                line = RefundLine(sku=sku, quantity=pieces, amount=pieces * price)
                yield refund(order, f"{order}/{sku}", pieces * price, at=day(30), lines=(line,))
        for part, back in enumerate(one.unnamed):
            yield refund(order, f"{order}/{part}", back, at=day(31))


tier_steps = st.lists(st.tuples(st.sampled_from(["base", "silver", "gold"]), st.integers(0, 20)), max_size=3).map(
    lambda steps: tuple(sorted(steps, key=lambda step: step[1]))
)
stories = st.builds(
    Story,
    buyings=st.lists(buyings(), min_size=1, max_size=4).map(tuple),
    histories=st.lists(tier_steps, max_size=2).map(tuple),
    segments=st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=3).map(
        lambda steps: tuple(sorted(steps, key=lambda step: step[1]))
    ),
    rounding=st.sampled_from(["floor", "half_up", "ceil"]),
)


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    """One database for all examples: each has members of its own."""
    found = asyncio.run(servers_module.clone(servers, "points"))
    asyncio.run(_publish(found))
    yield found
    asyncio.run(servers_module.drop(servers, found))


async def _publish(url: str) -> None:
    database = Database(url, service="points")
    await rate(database, multipliers={"silver": "1.25", "gold": "2"})
    await rule(database, "welcome", {"kind": "fixed", "points": 50}, when={"kind": "first_purchase"})
    await rule(database, "vip", {"kind": "fixed", "points": 7}, when={"kind": "segment", "one_of": ["vip"]})
    await rule(database, "gold_day", {"kind": "fixed", "points": 11}, when={"kind": "tier", "one_of": ["gold"]})
    drinks = {"kind": "rate", "points": 2, "per_minor_units": 300, "lines": {"categories": ["drinks"]}}
    await rule(database, "drinks", drinks)
    await rule(database, "growing", {"kind": "rate", "points": 1, "per_minor_units": 1000}, wallet="growth")
    waiting = {"kind": "event", "event": "return_window_closed"}
    await rule(database, "later", {"kind": "rate", "points": 1, "per_minor_units": 700}, waiting=waiting)
    await rule(
        database,
        "friend",
        {"kind": "fixed", "points": 20},
        occasion={"kind": "activity", "activity": "referral_rewarded"},
    )
    await database.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories, data=st.data())
def test_service_ends_the_same_in_any_order_batch_and_with_duplicates(
    url: str, story: Story, data: st.DataObject
) -> None:
    first, second = (uuid4(), uuid4(), uuid4().hex), (uuid4(), uuid4(), uuid4().hex)
    straight = story.events(*first)
    events = story.events(*second)
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    shuffled = data.draw(st.permutations(events + [event_of(one.data, source=one.source) for one in again]))
    size = data.draw(st.integers(1, len(shuffled)))
    batches = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    asyncio.run(_compare(url, story, (first, [[one] for one in straight]), (second, batches)))


Played = tuple[tuple[UUID, UUID, str], Sequence[Sequence[Event[Any]]]]


async def _compare(url: str, story: Story, *played: Played) -> None:
    database = Database(url, service="points", pool_size=2)
    try:
        await happen(database, programme(next(_revisions), rounding=story.rounding))
        ends = []
        for (someone, friend, tag), batches in played:
            await happen(database, registered(someone), registered(friend))
            for batch in batches:
                outcomes = await happen(database, *batch)
                assert {outcome.word for outcome in outcomes} <= {"duplicate"}
            ends.append(await _end(database, someone, friend, tag))
        assert ends[0] == ends[1]
    finally:
        await database.close()


async def _end(database: Database, someone: UUID, friend: UUID, tag: str) -> Any:
    """Everything that must not depend on the order: what each purchase is worth, who is first, every balance."""
    nets = await rows(
        database,
        """
        SELECT substr(occasion_id, 33) AS what, kind, wallet, sum(earned - taken_back) AS net FROM accruals
        WHERE occasion_id LIKE :tag GROUP BY 1, 2, 3 HAVING sum(earned - taken_back) > 0 ORDER BY 1, 2, 3
        """,
        tag=f"{tag}/%",
    )
    bought = await rows(
        database,
        """
        SELECT substr(order_id, 33) AS what, tier, is_first FROM purchases
        WHERE order_id LIKE :tag AND returned < basis ORDER BY 1
        """,
        tag=f"{tag}/%",
    )
    wallets = await rows(
        database,
        """
        SELECT member_id = :someone AS bought, wallet, balance, debt, pending FROM wallets
        WHERE member_id IN (:someone, :friend) AND (balance > 0 OR debt > 0 OR pending > 0) ORDER BY 1, 2
        """,
        someone=someone,
        friend=friend,
    )
    assert all(row.debt == 0 for row in wallets)
    assert sum(row.balance + row.pending for row in wallets) == sum(row.net for row in nets)
    states = await rows(database, "SELECT state FROM returns WHERE order_id LIKE :tag", tag=f"{tag}/%")
    assert {row.state for row in states} <= {"applied"}
    assert sum(row.is_first for row in bought) == (1 if bought else 0)
    async with database.transaction() as tx:
        for one in (someone, friend):
            for chain in await ledger.verify(tx, one):
                assert list(chain.breaks) == []
        assert all(finding.holds for finding in await checks.look(tx))
    return [tuple(row) for part in (nets, bought, wallets) for row in part]


_revisions = iter(range(1, 1_000_000))
