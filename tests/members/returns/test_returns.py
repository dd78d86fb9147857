"""Never more comes back of a purchase than was bought, whoever comes first and however many work at once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import Event, event_of
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import Outcome
from common.security.callers import SYSTEM
from common.storage import Database
from members.consumer import SUBSCRIPTIONS
from members.programme import handlers as programme
from members.purchases import handlers as purchases

Client = Callable[..., Any]
Register = Callable[..., Awaitable[UUID]]
SHOP = "//shop-1"
TOO_MUCH = "returned_more_than_bought"


def day(number: int) -> datetime:
    return datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=number)


def bought(member: UUID, order_id: str, amount: int, **more: Any) -> Event[Any]:
    data = {"occurred_at": day(0), "currency": "CNY", **more}
    return event_of(PurchaseCompleted(member_id=member, order_id=order_id, amount=amount, **data), source=SHOP)


def returned(return_id: str, order_id: str, amount: int, at: int = 1, currency: str = "CNY") -> Event[Any]:
    data = PurchaseRefunded(
        return_id=return_id, order_id=order_id, amount=amount, occurred_at=day(at), currency=currency
    )
    return event_of(data, source=SHOP)


async def hear(database: Database, *events: Event[Any]) -> list[Outcome]:
    """One batch, as a worker would handle it."""
    outcomes: list[Outcome] = []
    async with database.transaction() as tx:
        for subscription in SUBSCRIPTIONS:
            if mine := [event for event in events if event.type == subscription.contract.TYPE]:
                outcomes += await subscription.handler(tx, mine) or ()
    return outcomes


def words(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.word, outcome.reason) for outcome in outcomes]


async def states(database: Database) -> dict[str, tuple[str, str]]:
    """By return id: the state, and the code of the refusal."""
    async with database.transaction() as tx:
        rows = await tx.fetch_all("SELECT return_id, state, refusal FROM returns")
    return {row.return_id: (row.state, row.refusal.partition(":")[0]) for row in rows}


async def qualifying(client: Client, member: UUID) -> int:
    answer = (await client().get(f"/v1/members/{member}/tier")).json()
    return int(answer["qualifying_amount"])


async def test_more_returned_than_bought_is_dead_with_the_figures(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    await hear(database, bought(member, "A", 12_000, discount=2_000), returned("R", "A", 6_000))
    (outcome,) = await hear(database, returned("S", "A", 5_000))
    assert (outcome.word, outcome.reason) == ("dead", TOO_MUCH)
    assert outcome.message == "5000 returned of order A, but its basis was 10000 and 6000 of it had come back before"
    assert await states(database) == {"R": ("applied", "")}
    assert await qualifying(client, member) == 4_000
    assert await hear(database, returned("S2", "A", 4_000)) == []
    assert await qualifying(client, member) == 0


async def test_one_return_too_many_in_a_batch_leaves_the_others(database: Database, register: Register) -> None:
    batch = [bought(await register(), "A", 10_000), returned("late", "A", 6_000, 3), returned("early", "A", 6_000, 2)]
    assert words(await hear(database, *batch)) == [("dead", TOO_MUCH)]
    assert await states(database) == {"early": ("applied", "")}


async def test_waiting_return_of_more_than_was_bought_is_refused_and_has_no_effect(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    late = returned("late", "A", 6_000, 3)
    assert await hear(database, late, returned("early", "A", 6_000, 2)) == []
    assert await hear(database, bought(member, "A", 10_000)) == []
    assert await states(database) == {"early": ("applied", ""), "late": ("refused", TOO_MUCH)}
    assert await qualifying(client, member) == 4_000
    (item,) = (await client().get(f"/v1/members/{member}/purchases")).json()["items"]
    assert item["net"] == 4_000
    assert [(back["return_id"], back["state"], back["refusal"]) for back in item["returns"]] == [
        ("early", "applied", ""),
        (
            "late",
            "refused",
            f"{TOO_MUCH}: 6000 returned of order A, but its basis was 10000 and 6000 of it had come back before",
        ),
    ]
    figures = (await client().get("/v1/figures")).json()
    assert (figures["returns"], figures["returns_waiting"], figures["returns_refused"]) == (2, 0, 1)
    assert words(await hear(database, late)) == [("duplicate", "")]


async def test_waiting_return_in_another_currency_than_its_purchase_is_refused(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    await hear(database, returned("R", "A", 1_000))
    async with database.transaction() as tx:
        await programme.patch(tx, SYSTEM, {"currency": "USD"})
    await hear(database, bought(member, "A", 10_000, currency="USD"))
    assert await states(database) == {"R": ("refused", "currency_mismatch")}
    assert await qualifying(client, member) == 10_000
    outcomes = await hear(database, returned("S", "A", 1_000))
    assert [outcome.message for outcome in outcomes] == ["the return is in CNY, order A was in USD"]


@pytest.mark.parametrize(
    ("on_tax", "on_delivery", "basis"),
    [(False, False, 10_000), (True, False, 10_600), (False, True, 10_800), (True, True, 11_400)],
)
async def test_tax_and_delivery_can_come_back_where_the_programme_earns_on_them(
    database: Database, register: Register, on_tax: bool, on_delivery: bool, basis: int
) -> None:
    async with database.transaction() as tx:
        await programme.patch(tx, SYSTEM, {"earn_on_tax": on_tax, "earn_on_delivery": on_delivery})
    purchase = bought(await register(), "A", 12_000, discount=2_000, tax=600, delivery=800)
    assert words(await hear(database, purchase, returned("R", "A", basis + 1))) == [("dead", TOO_MUCH)]
    assert await hear(database, returned("S", "A", basis)) == []


async def test_of_two_returns_at_the_same_moment_only_one_fits(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    await hear(database, bought(member, "A", 10_000))
    async with database.transaction() as first:
        assert await purchases.purchases_refunded(first, [returned("R", "A", 6_000)]) == []
        second = asyncio.create_task(hear(database, returned("S", "A", 6_000)))
        await asyncio.sleep(0.2)
        assert not second.done(), "it takes its turn on the purchase"
    assert words(await second) == [("dead", TOO_MUCH)]
    assert await qualifying(client, member) == 4_000


async def test_of_many_returns_at_once_as_many_are_taken_as_fit(
    database: Database, register: Register, client: Client
) -> None:
    """Workers hold members by their purchases while they wait for a purchase that is returned."""
    members = [await register() for _ in range(5)]
    await hear(database, *(bought(member, f"A{place}", 10_000) for place, member in enumerate(members)))

    async def worker(name: int) -> list[tuple[str, str]]:
        places = [*range(name % 5, 5), *range(name % 5)]
        backs = [returned(f"{name}-{place}", f"A{place}", 3_000) for place in places]
        return words(await hear(database, *(bought(members[place], f"{name}-{place}", 1) for place in places), *backs))

    async def job() -> list[tuple[str, str]]:
        for _ in range(5):
            async with database.transaction() as tx:
                await purchases.returns_matched(tx)
        return []

    done = await asyncio.gather(*(worker(name) for name in range(8)), job())
    assert list(itertools.chain(*done)) == [("dead", TOO_MUCH)] * (8 - 3) * 5
    assert [await qualifying(client, member) for member in members] == [10_000 + 8 - 3 * 3_000] * 5


async def test_return_that_crossed_its_purchase_is_refused_by_the_job_when_it_is_too_much(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    async with database.transaction() as first:
        await purchases.purchases_completed(first, [bought(member, "A", 10_000)])
        await hear(database, returned("R", "A", 6_000), returned("S", "A", 3_000))
    assert await hear(database, returned("T", "A", 5_000)) == []
    for _ in range(2):
        async with database.transaction() as tx:
            await purchases.returns_matched(tx)
    assert await states(database) == {"R": ("refused", TOO_MUCH), "S": ("applied", ""), "T": ("applied", "")}
    assert await qualifying(client, member) == 2_000


steps = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(0, 2), st.integers(0, 300)),
        st.tuples(st.just("return"), st.integers(0, 2), st.integers(1, 200)),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps, cuts=st.sets(st.integers(1, 11), max_size=4))
async def test_whatever_comes_in_whichever_order_no_more_comes_back_than_was_bought(
    database: Database, register: Register, story: list[tuple[str, int, int]], cuts: set[int]
) -> None:
    member = await register()
    events = [
        bought(member, f"{member}-{order}", amount)
        if what == "buy"
        else returned(f"{member}-{number}", f"{member}-{order}", amount)
        for number, (what, order, amount) in enumerate(story)
    ]
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    dead = 0
    for start, end in itertools.pairwise(edges):
        dead += words(await hear(database, *events[start:end])).count(("dead", TOO_MUCH))
    mine = {"mine": f"{member}-%"}
    async with database.transaction() as tx:
        rows = await tx.fetch_all("SELECT order_id, state, amount FROM returns WHERE order_id LIKE :mine", mine)
        found = await tx.fetch_all("SELECT order_id, basis FROM purchases WHERE order_id LIKE :mine", mine)
        life = await purchases.life_of(tx, member)
    assert len(rows) + dead == sum(what == "return" for what, *_ in story)
    bases = {row.order_id: row.basis for row in found}
    for order, basis in bases.items():
        backs = [row for row in rows if row.order_id == order]
        applied = sum(row.amount for row in backs if row.state == "applied")
        assert applied <= basis
        assert sum(back.amount for back in life.returned if back.order_id == order) == applied
        assert not [row for row in backs if row.state == "waiting"]
        assert all(applied + row.amount > basis for row in backs if row.state == "refused")
    assert all(row.state == "waiting" for row in rows if row.order_id not in bases)
