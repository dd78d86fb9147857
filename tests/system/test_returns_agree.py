"""members, points and analytics take the same returns and refuse the same, for the same reasons."""

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import consumer as analytics
from common.events import Contract, Event, event_of
from common.events.members import MemberRegistered
from common.events.programme import ProgrammeSettings, ProgrammeUpdated
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.security.masterkeys import new_master_key
from common.storage import Database
from members import consumer as members
from members import keyring
from members.programme import handlers as programme
from members.settings import Settings
from members.tiers import handlers as tiers
from points import consumer as points

SHOP = "//shop-1"
DAY = datetime(2024, 3, 1, tzinfo=UTC)
SERVICES: Mapping[str, Any] = {"members": members, "points": points, "analytics": analytics}

Houses = Mapping[str, Database]
Verdicts = Mapping[str, tuple[str, str]]
"""By return id: the state in which it is kept or "dead", and the reason with its figures."""


@pytest.fixture
async def houses(make_database: Callable[[str], Awaitable[Database]], monkeypatch: pytest.MonkeyPatch) -> Houses:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@localhost/nothing")
    monkeypatch.setenv("MASTER_KEYS", f"k1:{new_master_key()}")
    monkeypatch.setenv("TOKEN_ISSUER", "http://members.test")
    keyring.prepare(Settings())
    found = {service: await make_database(service) for service in SERVICES}
    async with found["members"].transaction() as tx:
        await programme.seed(tx)
    return found


async def somebody(houses: Houses) -> UUID:
    """A new member whom everybody knows."""
    member_id = uuid4()
    async with houses["members"].transaction() as tx:
        await tiers.joined(tx, [(member_id, DAY - timedelta(days=30))])
    await hear(houses["points"], points, event_of(MemberRegistered(member_id=member_id, revision=1, registered_at=DAY)))
    return member_id


async def hear(database: Database, service: Any, *events: Event[Contract]) -> dict[str, tuple[str, str]]:
    """One batch, as a worker would handle it; the returns that are dead."""
    dead = {}
    async with database.transaction() as tx:
        for subscription in service.SUBSCRIPTIONS:
            if mine := [event for event in events if event.type == subscription.contract.TYPE]:
                for outcome in await subscription.handler(tx, mine) or ():
                    if outcome.word == "dead":
                        dead[outcome.event.data.return_id] = ("dead", f"{outcome.reason}: {outcome.message}")
    return dead


async def verdicts(database: Database, service: str, batches: Sequence[Sequence[Event[Any]]], tag: str) -> Verdicts:
    dead: dict[str, tuple[str, str]] = {}
    for batch in batches:
        dead |= await hear(database, SERVICES[service], *batch)
    column = "refusal" if service == "members" else "reason"
    async with database.transaction() as tx:
        rows = await tx.fetch_all(
            f"SELECT return_id, state, {column} AS reason FROM returns WHERE order_id LIKE :mine", {"mine": f"{tag}%"}
        )
    kept = {
        row.return_id: ("applied", "") if row.state == "review" else (row.state, row.reason)  # goods came back
        for row in rows
    }
    return dead | kept


def set_up(revision: int, **policies: Any) -> Event[Contract]:
    data = ProgrammeUpdated(revision=revision, effective_at=DAY, settings=ProgrammeSettings(**policies))
    return event_of(data, source="//loyalty/members")


purchases = st.tuples(
    st.just("buy"), st.integers(0, 2), st.integers(0, 300), st.integers(0, 40), st.integers(0, 30), st.integers(0, 30)
)
returns = st.tuples(st.just("return"), st.integers(0, 2), st.integers(1, 250), st.integers(0, 5))
stories = st.lists(st.one_of(purchases, returns), min_size=1, max_size=12)


def events_of(story: Sequence[tuple[Any, ...]], member: UUID, tag: str) -> list[Event[Any]]:
    events: list[Event[Any]] = []
    bought: set[int] = set()
    for number, (what, order, amount, *more) in enumerate(story):
        facts: dict[str, Any] = {"order_id": f"{tag}-{order}", "amount": amount, "currency": "CNY"}
        if what == "return":
            at = DAY + timedelta(days=more[0])
            data: Contract = PurchaseRefunded(return_id=f"{tag}-{number}", occurred_at=at, **facts)
        elif order not in bought:
            bought.add(order)
            discount, tax, delivery = more
            data = PurchaseCompleted(
                member_id=member,
                occurred_at=DAY,
                discount=min(discount, amount),
                tax=tax,
                delivery=delivery,
                **facts,
            )
        else:
            continue
        events.append(event_of(data, source=SHOP))
    return events


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    story=stories,
    cuts=st.sets(st.integers(1, 11), max_size=5),
    on_tax=st.booleans(),
    on_delivery=st.booleans(),
    policy=st.sampled_from(["allow_negative", "clamp", "within_balance", "pending_only"]),
)
async def test_three_services_say_the_same_of_every_return(
    houses: Houses, story: list[tuple[Any, ...]], cuts: set[int], on_tax: bool, on_delivery: bool, policy: str
) -> None:
    member, tag = await somebody(houses), uuid4().hex
    revision = uuid4().int >> 80
    policies = {"earn_on_tax": on_tax, "earn_on_delivery": on_delivery, "negative_policy": policy}
    for service, database in houses.items():
        async with database.transaction() as tx:
            await tx.execute("DELETE FROM programme")
        await hear(database, SERVICES[service], set_up(revision, **policies))
    events = events_of(story, member, tag)
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    batches = [events[start:end] for start, end in itertools.pairwise(edges)]
    said = {service: await verdicts(database, service, batches, tag) for service, database in houses.items()}
    assert said["members"] == said["points"] == said["analytics"]
    assert len(said["points"]) == sum(event.type == PurchaseRefunded.TYPE for event in events)
