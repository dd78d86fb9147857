"""Never more comes back of a purchase than was bought, whoever comes first and however many work at once."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from analytics.proof import handlers as proof
from analytics.returns import handlers as returns
from analytics.spend import handlers as spend
from common.storage import Database
from tests.analytics.builders import MARCH, hear, hear_in, purchase, refund, settings, spend_days, value, words

MARCH_1 = "2026-03-01 13:00"


async def states(database: Database) -> dict[str, tuple[str, str]]:
    """By return id: the state, and the code of the reason."""
    async with database.transaction() as tx:
        rows = await tx.fetch_all("SELECT return_id, state, reason FROM returns")
    return {row.return_id: (row.state, row.reason.partition(":")[0]) for row in rows}


async def returned(database: Database) -> tuple[int, int]:
    """How many returns are counted, and their amount."""
    async with database.transaction() as tx:
        sums, _ = await spend.everything(tx)
    return sums.returns, sums.returned


async def test_more_returned_than_bought_is_dead_with_the_figures(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1", amount=12_000, discount=2_000), refund("r", "1", amount=6_000))
    (outcome,) = await hear(analytics_database, refund("s", "1", amount=5_000))
    assert (outcome.word, outcome.reason) == ("dead", "returned_more_than_bought")
    assert outcome.message == "5000 returned of order 1, but its basis was 10000 and 6000 of it had come back before"
    assert await states(analytics_database) == {"r": ("applied", "")}
    assert await returned(analytics_database) == (1, 6_000)
    assert await hear(analytics_database, refund("s2", "1", amount=4_000)) == []
    assert await returned(analytics_database) == (2, 10_000)


async def test_one_return_too_many_in_a_batch_leaves_the_others(analytics_database: Database) -> None:
    batch = [refund(name, "1", when=f"2026-03-0{day} 12:00", amount=6_000) for name, day in (("late", 3), ("early", 2))]
    assert words(await hear(analytics_database, purchase("1"), *batch)) == [("dead", "returned_more_than_bought")]
    assert await states(analytics_database) == {"early": ("applied", "")}


async def test_waiting_return_of_more_than_was_bought_is_refused_with_the_reason(analytics_database: Database) -> None:
    late, early = (refund(name, "1", when=when, amount=6_000) for name, when in (("l", "2026-03-03"), ("e", MARCH_1)))
    assert await hear(analytics_database, late, early) == []
    assert await hear(analytics_database, purchase("1")) == []
    assert await states(analytics_database) == {"e": ("applied", ""), "l": ("refused", "returned_more_than_bought")}
    assert (
        await value(analytics_database, "SELECT reason FROM returns WHERE return_id = 'l'")
        == "returned_more_than_bought: 6000 returned of order 1, "
        "but its basis was 10000 and 6000 of it had come back before"
    )
    assert await spend_days(analytics_database) == {(MARCH, "web"): (1, 10_000, 0, 1, 6_000)}
    async with analytics_database.transaction() as tx:
        assert await returns.refused(tx) == (1, 6_000)
        assert not any(found.drifted for found in await proof.prove(tx))
    assert words(await hear(analytics_database, late)) == [("duplicate", "")]


async def test_waiting_return_in_another_currency_than_its_purchase_is_refused(analytics_database: Database) -> None:
    await hear(analytics_database, settings(1, currency="USD"), refund("r", "1", currency="USD"))
    await hear(analytics_database, settings(2, currency="CNY"), purchase("1"))
    assert await states(analytics_database) == {"r": ("refused", "currency_mismatch")}
    assert await returned(analytics_database) == (0, 0)
    outcomes = await hear(analytics_database, refund("s", "1", currency="USD"))
    assert [outcome.message for outcome in outcomes] == ["the return is in USD, order 1 was in CNY"]


@pytest.mark.parametrize(
    ("on_tax", "on_delivery", "basis"),
    [(False, False, 10_000), (True, False, 10_600), (False, True, 10_800), (True, True, 11_400)],
)
async def test_tax_and_delivery_can_come_back_where_the_programme_earns_on_them(
    analytics_database: Database, on_tax: bool, on_delivery: bool, basis: int
) -> None:
    await hear(analytics_database, settings(1, earn_on_tax=on_tax, earn_on_delivery=on_delivery))
    bought = purchase("1", amount=12_000, discount=2_000, tax=600, delivery=800)
    outcomes = await hear(analytics_database, bought, refund("r", "1", amount=basis + 1))
    assert words(outcomes) == [("dead", "returned_more_than_bought")]
    assert await hear(analytics_database, refund("s", "1", amount=basis)) == []


async def test_of_two_returns_at_the_same_moment_only_one_fits(analytics_database: Database) -> None:
    await hear(analytics_database, purchase("1"))
    async with analytics_database.transaction() as first:
        assert await hear_in(first, [refund("r", "1", when=MARCH_1, amount=6_000)]) == []
        second = asyncio.create_task(hear(analytics_database, refund("s", "1", when=MARCH_1, amount=6_000)))
        await asyncio.sleep(0.2)
        assert not second.done(), "it takes its turn on the purchase"
    assert words(await second) == [("dead", "returned_more_than_bought")]
    assert await spend_days(analytics_database) == {(MARCH, "web"): (1, 10_000, 0, 1, 6_000)}


async def test_of_many_returns_at_once_as_many_are_taken_as_fit(analytics_database: Database) -> None:
    orders = [str(number) for number in range(5)]
    await hear(analytics_database, *map(purchase, orders))

    async def worker(name: int) -> list[tuple[str, str]]:
        mixed = orders[name % 5 :] + orders[: name % 5]
        return words(
            await hear(analytics_database, *(refund(f"{name}-{order}", order, amount=3_000) for order in mixed))
        )

    outcomes = list(itertools.chain(*await asyncio.gather(*(worker(name) for name in range(8)))))
    assert outcomes == [("dead", "returned_more_than_bought")] * (8 - 3) * 5
    assert await returned(analytics_database) == (3 * 5, 3_000 * 3 * 5)


async def test_a_return_that_crossed_its_purchase_is_refused_by_the_job_when_it_is_too_much(
    analytics_database: Database,
) -> None:
    async with analytics_database.transaction() as first:
        await hear_in(first, [purchase("1")])
        await hear(analytics_database, refund("r", "1", amount=6_000), refund("s", "1", amount=6_000))
    assert set((await states(analytics_database)).values()) == {("waiting", "")}
    assert await hear(analytics_database, refund("t", "1", amount=5_000)) == []
    for _ in range(2):
        async with analytics_database.transaction() as tx:
            await returns.match_waiting(tx)
    assert await states(analytics_database) == {
        "r": ("refused", "returned_more_than_bought"),
        "s": ("refused", "returned_more_than_bought"),
        "t": ("applied", ""),
    }
    assert await returned(analytics_database) == (1, 5_000)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(0, 2), st.integers(0, 300)),
        st.tuples(st.just("return"), st.integers(0, 2), st.integers(1, 200)),
    ),
    max_size=12,
)


@hypothesis(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps, cuts=st.sets(st.integers(1, 11), max_size=4))
async def test_whatever_comes_in_whichever_order_no_more_comes_back_than_was_bought(
    analytics_database: Database, story: list[tuple[str, int, int]], cuts: set[int]
) -> None:
    database = analytics_database
    async with database.transaction() as tx:
        await tx.execute("TRUNCATE purchases, returns, spend_days")
    events: list[Any] = []
    for number, (what, order, amount) in enumerate(story):
        if what == "buy":
            events.append(purchase(str(order), amount=amount))
        else:
            events.append(refund(f"r{number}", str(order), amount=amount))
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    dead = 0
    for start, end in itertools.pairwise(edges):
        outcomes = words(await hear(database, *events[start:end]))
        dead += outcomes.count(("dead", "returned_more_than_bought"))
    async with database.transaction() as tx:
        assert not any(found.drifted for found in await proof.prove(tx))
        rows = await tx.fetch_all("SELECT order_id, state, amount FROM returns")
        bases = {row.order_id: row.basis for row in await tx.fetch_all("SELECT order_id, basis FROM purchases")}
    assert len(rows) + dead == sum(what == "return" for what, *_ in story)
    for order, basis in bases.items():
        mine = [row for row in rows if row.order_id == order]
        applied = sum(row.amount for row in mine if row.state == "applied")
        assert applied <= basis
        assert not [row for row in mine if row.state == "waiting"]
        assert all(applied + row.amount > basis for row in mine if row.state == "refused")
    assert all(row.state == "waiting" for row in rows if row.order_id not in bases)
