"""Tiers of real members: changed by what they buy, by time and by rules, and told with the whole history."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import Event, event_of
from common.events.members import MemberTierChanged
from common.events.programme import ProgrammeSettings
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.security.callers import SYSTEM
from common.storage import Database
from members.programme import handlers as programme
from members.purchases import handlers as purchases

Client = Callable[..., Any]
Register = Callable[..., Awaitable[UUID]]
Outbox = Callable[..., Awaitable[Sequence[Any]]]
SHOP = "//shop-1"
DAY = datetime(2024, 3, 1, tzinfo=UTC)
BASE = {"key": "base", "rank": 0, "threshold": 0}


def bought(member: UUID, order_id: str, amount: int, at: datetime = DAY) -> Event[Any]:
    data = PurchaseCompleted(member_id=member, order_id=order_id, amount=amount, occurred_at=at, currency="CNY")
    return event_of(data, source=SHOP)


def returned(order_id: str, return_id: str, amount: int, at: datetime = DAY) -> Event[Any]:
    data = PurchaseRefunded(return_id=return_id, order_id=order_id, amount=amount, occurred_at=at, currency="CNY")
    return event_of(data, source=SHOP)


async def hear(database: Database, *events: Event[Any]) -> None:
    async with database.transaction() as tx:
        for kind, handler in (
            (PurchaseCompleted, purchases.purchases_completed),
            (PurchaseRefunded, purchases.purchases_refunded),
        ):
            some: Sequence[Any] = [event for event in events if isinstance(event.data, kind)]
            if some:
                assert not await handler(tx, some)


async def change_programme(database: Database, *, always: bool = False, **fields: Any) -> None:
    async with database.transaction() as tx:
        await programme.patch(tx, SYSTEM, fields, tiers_apply="always" if always else None)


async def review(database: Database) -> None:
    async with database.transaction() as tx:
        await purchases.reviewed(tx)


async def changes(outbox: Outbox) -> list[MemberTierChanged]:
    return [MemberTierChanged.model_validate_json(row.body) for row in await outbox("member.tier_changed.v1")]


async def test_crossing_is_told_once_with_the_whole_history(
    database: Database, register: Register, outbox: Outbox
) -> None:
    member = await register()
    await hear(database, bought(member, "A", 9_999))
    assert await changes(outbox) == []
    await hear(database, bought(member, "B", 1, DAY + timedelta(days=1)))
    await hear(database, bought(member, "C", 1, DAY + timedelta(days=2)))
    (change,) = await changes(outbox)
    assert (change.tier, change.tier_name, change.previous_tier, change.direction) == ("silver", "银牌", "base", "up")
    assert (change.revision, change.effective_at, change.qualifying_amount) == (2, DAY + timedelta(days=1), 10_000)
    assert [(entry.tier, entry.reason) for entry in change.history] == [("base", "joined"), ("silver", "purchase B")]


async def test_standing_says_why_what_is_missing_and_what_keeps(
    database: Database, register: Register, client: Client
) -> None:
    await change_programme(database, tier_window_days=365)
    member, now = await register(), datetime.now(UTC)
    await hear(database, bought(member, "A", 12_000, now - timedelta(days=10)))
    standing = (await client().get(f"/v1/members/{member}/tier")).json()
    assert (standing["tier"], standing["name"], standing["reason"]) == ("silver", "银牌", "purchase A")
    assert standing["qualifying_amount"] == 12_000
    assert standing["next"] == {"tier": "gold", "name": "金牌", "threshold": 30_000, "missing": 18_000}
    assert standing["keeping"]["threshold"] == 10_000
    until = datetime.fromisoformat(standing["keeping"]["until"])
    assert until == now + timedelta(days=355)
    assert standing["keeping"]["then"] == "base"
    assert [entry["tier"] for entry in standing["history"]] == ["base", "silver"]


async def test_tier_effect_is_shown_at_the_purchase_that_made_it(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    await hear(database, bought(member, "A", 100), bought(member, "B", 30_000, DAY + timedelta(days=1)))
    items = (await client().get(f"/v1/members/{member}/purchases")).json()["items"]
    assert [(item["order_id"], item["tier_effect"] and item["tier_effect"]["tier"]) for item in items] == [
        ("B", "gold"),
        ("A", None),
    ]


async def test_late_purchase_corrects_the_past_without_congratulating(
    database: Database, register: Register, outbox: Outbox
) -> None:
    member = await register()
    await hear(database, bought(member, "B", 10_000, DAY + timedelta(days=9)))
    await hear(database, bought(member, "A", 10_000, DAY))
    first, second = await changes(outbox)
    assert (first.direction, second.direction) == ("up", "none")
    assert (second.revision, second.effective_at) == (3, DAY)
    assert second.previous_tier == second.tier == "silver"


async def test_return_takes_the_tier_again(database: Database, register: Register, outbox: Outbox) -> None:
    member = await register()
    await hear(database, bought(member, "A", 10_000))
    await hear(database, returned("A", "R", 1, DAY + timedelta(days=3)))
    down = (await changes(outbox))[-1]
    assert (down.tier, down.previous_tier, down.direction) == ("base", "silver", "down")
    assert [entry.reason for entry in down.history] == ["joined", "purchase A", "return R"]


async def test_time_takes_a_tier_by_the_timed_review(database: Database, register: Register, outbox: Outbox) -> None:
    await change_programme(database, tier_window_days=30)
    member, now = await register(), datetime.now(UTC)
    soon = now - timedelta(days=30) + timedelta(seconds=1)
    await hear(database, bought(member, "A", 10_000, soon))
    await review(database)
    assert [change.tier for change in await changes(outbox)] == ["silver"]
    await asyncio.sleep(1.1)
    await review(database)
    told = await changes(outbox)
    assert [(change.tier, change.direction) for change in told] == [("silver", "up"), ("base", "down")]
    assert told[-1].effective_at == soon + timedelta(days=30)
    await review(database)
    assert len(await changes(outbox)) == 2


async def test_purchase_of_this_evening_counts_from_this_evening(
    database: Database, register: Register, outbox: Outbox
) -> None:
    member, evening = await register(), datetime.now(UTC) + timedelta(seconds=0.5)
    await hear(database, bought(member, "A", 10_000, evening))
    assert await changes(outbox) == []
    await asyncio.sleep(0.6)
    await review(database)
    assert [(change.tier, change.effective_at) for change in await changes(outbox)] == [("silver", evening)]


async def test_new_thresholds_hold_from_now_on_and_everybody_is_reviewed(
    database: Database, register: Register, client: Client, outbox: Outbox
) -> None:
    rich, poor = await register(), await register()
    await hear(database, bought(rich, "A", 12_000), bought(poor, "B", 6_000))
    lower = [{"key": "base", "rank": 0, "threshold": 0}, {"key": "silver", "name": "银", "rank": 1, "threshold": 5_000}]
    answer = await client().put("/v1/tiers", json={"tiers": lower})
    assert answer.status_code == 200, answer.text
    assert answer.json()["waiting_for_review"] == 2
    await review(database)
    assert (await client().get("/v1/tiers")).json()["waiting_for_review"] == 0
    last = (await changes(outbox))[-1]
    assert (last.member_id, last.tier, last.history[-1].reason) == (poor, "silver", "rules")
    assert last.effective_at > DAY + timedelta(days=30)
    old = (await client().get(f"/v1/members/{rich}/tier")).json()
    assert [entry["since"] for entry in old["history"]][1] == "2024-03-01T00:00:00Z"


async def test_thresholds_may_hold_as_if_they_always_had(
    database: Database, register: Register, client: Client, outbox: Outbox
) -> None:
    member = await register()
    await hear(database, bought(member, "A", 6_000))
    lower = [{"key": "base", "rank": 0, "threshold": 0}, {"key": "silver", "rank": 1, "threshold": 5_000}]
    await client().put("/v1/tiers?tiers_apply=always", json={"tiers": lower})
    await review(database)
    (change,) = await changes(outbox)
    assert (change.tier, change.effective_at) == ("silver", DAY)


@pytest.mark.parametrize(
    ("tiers", "words"),
    [
        ([{"key": "silver", "rank": 0, "threshold": 0}], "base"),
        ([{"key": "base", "rank": 0, "threshold": 1}], "threshold 0"),
        ([{"key": "base", "rank": 1, "threshold": 0}], "rank 0"),
        ([{"key": "base", "rank": 0, "threshold": 0}, {"key": "base", "rank": 1, "threshold": 5}], "twice"),
        (
            [BASE, {"key": "a", "rank": 2, "threshold": 5}, {"key": "b", "rank": 1, "threshold": 5}],
            "not above",
        ),
        ([{"key": "base", "rank": 0, "threshold": 0}, {"key": "a", "rank": 0, "threshold": 5}], "same rank"),
    ],
)
async def test_tiers_that_contradict_one_another_are_refused(
    client: Client, tiers: list[dict[str, Any]], words: str
) -> None:
    answer = await client().put("/v1/tiers", json={"tiers": tiers})
    assert (answer.status_code, answer.json()["code"]) == (422, "programme_invalid")
    assert words in answer.json()["detail"]


async def test_unknown_member_has_no_tier(client: Client) -> None:
    answer = await client().get(f"/v1/members/{UUID(int=1)}/tier")
    assert (answer.status_code, answer.json()["code"]) == (404, "member_not_found")


orders = st.tuples(st.integers(0, 60), st.sampled_from([1, 5_000, 9_999, 10_000, 30_000]))
backs = st.tuples(st.integers(0, 5), st.integers(0, 90), st.sampled_from([1, 5_000, 10_000]))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(orders, min_size=1, max_size=6),
    st.lists(backs, max_size=4),
    st.sampled_from([0, 7, 30]),
    st.sampled_from(["never", "when_window_falls"]),
    st.randoms(use_true_random=False),
)
async def test_final_standing_does_not_depend_on_the_order_of_arrival(
    database: Database,
    register: Register,
    bought_on: list[tuple[int, int]],
    given_back: list[tuple[int, int, int]],
    window: int,
    downgrade: str,
    chance: random.Random,
) -> None:
    """Two members with the same life, told in another order, in other batches and partly twice, stand the same."""
    await change_programme(database, always=True, tier_window_days=window, tier_downgrade=downgrade)
    members = [await register(), await register()]
    for number, member in enumerate(members):
        tag = f"{member}"
        facts = [
            bought(member, f"{tag}/{n}", amount, DAY + timedelta(days=d)) for n, (d, amount) in enumerate(bought_on)
        ]
        left = [amount for _, amount in bought_on]
        for n, (place, d, wanted) in enumerate(given_back):
            order = place % len(left)
            if amount := min(wanted, left[order]):
                left[order] -= amount
                facts.append(returned(f"{tag}/{order}", f"{tag}/{n}", amount, DAY + timedelta(days=d)))
        if number:
            chance.shuffle(facts)
        while facts:
            size = chance.randint(1, len(facts)) if number else len(facts)
            await hear(database, *facts[:size])
            facts = facts[size:]
    await review(database)
    async with database.transaction() as tx:
        rows = await tx.fetch_all(
            "SELECT tier, since, history, next_review_at FROM standings "
            "WHERE member_id = ANY (CAST(:ids AS uuid[])) ORDER BY member_id",
            {"ids": members},
        )
    one, other = (
        tuple(str(value).replace(str(member), "") for value in row)
        for row, member in zip(rows, sorted(members), strict=True)
    )
    assert one == other


def test_defaults_have_one_tier() -> None:
    assert [tier.key for tier in ProgrammeSettings().tiers] == ["base"]
