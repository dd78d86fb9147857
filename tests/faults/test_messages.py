"""Messages that are poison, come twice, in any order or in another version; handlers that fail, workers that meet."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from common.events import Contract
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import dead_letters_desk as desk
from common.messaging.dead_letters_store import Filter
from common.security.callers import Caller
from members.programme import handlers as programme
from members.tiers import handlers as tiers
from tests.faults.oracle import Expected, holds
from tests.faults.versions import PurchaseCompletedV2
from tests.faults.world import NOON, Running, World, members, message, named, new_world, purchases, refund, until
from tests.servers import Servers

OPERATOR = Caller(subject="operator", kind="staff", roles=frozenset({"operator"}), permissions=frozenset())
ACCRUALS = "SELECT count(*) FROM purchases"
LETTERS = "SELECT count(*) FROM dead_letters"
WAITING = "SELECT count(*) FROM returns WHERE state = 'waiting'"


async def registered(world: World, count: int = 50) -> Sequence[UUID]:
    people = members(count)
    await world.register(people)
    return people


def returns(given_back: Sequence[PurchaseRefunded]) -> list[tuple[str, Contract]]:
    return [(f"e-{one.return_id}", one) for one in given_back]


async def metric(worker: Running, name: str, **labels: str) -> float:
    """The sum of a worker's series of this name with these labels."""
    async with httpx.AsyncClient(timeout=5) as client:
        text = (await client.get(f"http://127.0.0.1:{worker.port}/metrics")).raise_for_status().text
    lines = [line for line in text.splitlines() if line.startswith(name + "{")]
    return sum(
        float(line.split()[-1])
        for line in lines
        if all(f'{label}="{value}"' in line for label, value in labels.items())
    )


async def poisoned(world: World, at: Sequence[int]) -> tuple[list[PurchaseCompleted], list[PurchaseCompleted]]:
    """301 purchases lie in the queue, in the order of their event ids; (the good ones, those over which it fails)."""
    people = await registered(world)
    bought = purchases(301, people)
    for place in at:
        bought[place] = bought[place].model_copy(update={"order_id": f"poison{place}"})
    await world.publish((f"e-{place:04}", one) for place, one in enumerate(bought))
    return [one for one in bought if not one.order_id.startswith("poison")], [bought[place] for place in at]


@pytest.mark.parametrize("at", [[0], [100], [150], [199], [300], [0, 1, 149, 150, 299, 300]])
async def test_poison_anywhere_in_a_batch_is_set_aside_with_its_error_and_the_others_take_effect(
    world: World, at: list[int]
) -> None:
    good, poison = await poisoned(world, at)
    worker = await world.started("points", fault="fail_at_orders:poison", BATCH_SIZE="100")
    await holds(world, Expected(bought=good, dead={"points": {"ZeroDivisionError": len(poison)}}))
    letters = await world.rows("points", "SELECT subject, error_message, attempts FROM dead_letters")
    wanted = {(one.order_id, f"cannot handle {one.order_id}", 4) for one in poison}
    assert {(row.subject, row.error_message, row.attempts) for row in letters} == wanted
    failures = [line["attempt"] for line in worker.lines("handler failed") if line["event_id"] == f"e-{at[0]:04}"]
    assert failures == [1, 2, 3, 4]


@pytest.mark.slow
async def test_handler_that_always_fails_stops_and_leaves_everything_in_the_queue(world: World) -> None:
    people = await registered(world)
    worker = await world.started("points")
    await world.until_value("points", "SELECT count(*) FROM members", len(people))
    assert await worker.stop() == 0
    bought = purchases(2000, people)
    await world.publish(named(bought))
    broken = world.start("points", fault="fail_at_orders:")

    async def gave_up() -> bool:
        return "50 events in a row failed" in (await broken.ready())[1].get("checks", {}).get("consumer", "")

    await until(gave_up, within_seconds=40, what=lambda: f"the worker to give up: {broken.lines()[-1:]}")
    status, answer = await broken.ready()
    assert (status, answer["status"]) == (503, "unready")
    assert "cannot handle o" in answer["checks"]["consumer"]

    async def all_kept() -> bool:
        return (await world.queues())["points.main"] == (len(bought), 0)

    await until(all_kept, what=lambda: "all purchases to lie in points.main")
    assert broken.alive
    assert await world.value("points", LETTERS) == 0
    assert await world.value("points", ACCRUALS) == 0
    assert (await world.queues())["points.dlq"] == (0, 0)
    await broken.stop()
    await world.started("points")
    await holds(world, Expected(bought=bought))


async def test_every_event_twice_and_shuffled_takes_effect_once(world: World) -> None:
    people = members(50)
    await world.register([*people, *people])
    bought = purchases(1000, people)
    given_back = [refund(one, number=number) for one in bought[::3] for number in (1, 2)]
    events = [*named(bought), *returns(given_back)] * 2
    random.Random("shuffled").shuffle(events)
    await world.publish(events)
    await world.started("points")
    await holds(world, Expected(bought=bought, returned=given_back))
    duplicates = await world.rows("points", "SELECT type, sum(count) AS n FROM duplicates GROUP BY 1")
    assert {row.type: row.n for row in duplicates} == {
        "member.registered.v1": len(people),
        "purchase.completed.v1": len(bought),
        "purchase.refunded.v1": len(given_back),
    }


async def test_return_comes_before_its_purchase_with_it_or_without_it(world: World) -> None:
    before, beside, without = purchases(3, await registered(world, 2))
    await world.started("points")
    await world.publish(returns([refund(before)]))
    await world.until_value("points", WAITING, 1)
    await world.publish([*returns([refund(beside), refund(without)]), *named([before, beside])])
    await holds(world, Expected(bought=[before, beside], returned=[refund(before), refund(beside)]))
    waiting = await world.rows("points", "SELECT return_id, state FROM returns WHERE state <> 'applied'")
    assert [(row.return_id, row.state) for row in waiting] == [(refund(without).return_id, "waiting")]


@pytest.mark.slow
async def test_dead_letter_replayed_again_and_again_takes_effect_once(world: World) -> None:
    bought = purchases(20, await registered(world, 20))
    bought[7] = bought[7].model_copy(update={"order_id": "poison"})
    await world.publish(named(bought))
    worker = await world.started("points", fault="fail_at_orders:poison")
    await world.until_value("points", LETTERS, 1)
    assert await worker.stop() == 0
    (letter,) = await world.rows("points", "SELECT id FROM dead_letters")
    for _ in range(2):  # both lie in the outbox when the worker starts
        await replay(world, letter.id)
    repaired = await world.started("points")
    await world.until_value("points", ACCRUALS, 20)
    await replay(world, letter.id)

    def heard() -> list[str]:
        return [line["outcome"] for line in repaired.lines("handled") if line["subject"] == "poison"]

    await until(lambda: len(heard()) == 3, what=lambda: f"three replays: {heard()}")
    assert sorted(heard()) == ["done", "duplicate", "duplicate"]
    await holds(world, Expected(bought=bought, dead={"points": {"ZeroDivisionError": 1}}))
    (after,) = await world.rows("points", "SELECT state, replays FROM dead_letters")
    assert (after.state, after.replays) == ("replayed", 3)


async def replay(world: World, letter_id: UUID) -> None:
    async with world.databases["points"].transaction() as tx:
        await desk.replay(tx, "points", OPERATOR, letter_id, "the handler is mended")


@pytest.mark.slow
async def test_old_and_new_version_of_a_contract_side_by_side(world: World) -> None:
    bought = purchases(600, await registered(world))
    new = await world.started("points", fault="hear_version_2")  # tells the broker that points hears version 2
    old = await world.started("points")
    await world.send([sent(one, two=number % 2 == 1) for number, one in enumerate(bought[:400])])
    await world.until_value("points", f"SELECT ({ACCRUALS}) + ({LETTERS})", 400)
    assert await world.value("points", ACCRUALS) > 200
    assert await new.stop() == 0
    await world.send([sent(one, two=number % 2 == 1) for number, one in enumerate(bought[400:])])
    await world.until_value("points", f"SELECT ({ACCRUALS}) + ({LETTERS})", 600)
    letters = await world.rows("points", "SELECT type, error_type, subject FROM dead_letters")
    assert {(row.type, row.error_type) for row in letters} == {("purchase.completed.v2", "unknown_version")}
    assert {row.subject for row in letters} >= {one.order_id for one in bought[401::2]}
    assert await old.stop() == 0
    await world.started("points", fault="hear_version_2")
    async with world.databases["points"].transaction() as tx:
        wanted = Filter(error_type="unknown_version")
        await desk.replay_many(tx, "points", OPERATOR, wanted, "upgraded", dry_run=False, most=1000)
    await holds(world, Expected(bought=bought, dead={"points": {"unknown_version": len(letters)}}))
    assert await world.value("points", "SELECT count(*) FROM dead_letters WHERE state <> 'replayed'") == 0


def sent(bought: PurchaseCompleted, *, two: bool) -> Any:
    """A purchase in its first or its second version."""
    fields = bought.model_dump(include={"member_id", "occurred_at", "currency", "amount"})
    second = PurchaseCompletedV2(order_number=bought.order_id, **fields)
    return message(f"e-{bought.order_id}", second if two else bought)


@pytest.mark.slow
async def test_two_workers_with_the_same_members_in_opposite_order_never_deadlock(world: World) -> None:
    people = await registered(world, 40)
    workers = [await world.started("points", fault="take_time:0.05", BATCH_SIZE="40") for _ in range(2)]
    await world.until_value("points", "SELECT count(*) FROM members", len(people))
    there, back = purchases(2000, people, prefix="t"), purchases(2000, people[::-1], prefix="b")
    for at in range(0, 2000, 200):
        await world.publish([*named(there[at : at + 200]), *named(back[at : at + 200])])
    await holds(world, Expected(bought=[*there, *back]))
    for worker in workers:
        assert await metric(worker, "loyalty_events_total", outcome="done") > 100, "one of them did all the work"
        assert await metric(worker, "loyalty_consumer_restarts_total") == 0
        assert await metric(worker, "loyalty_batch_retries_total") == 0
        assert [line for line in worker.lines() if line["level"] in ("warning", "error")] == []


@pytest.fixture
async def neighbours(servers: Servers, tmp_path: Path) -> AsyncIterator[World]:
    """Points, members and analytics."""
    async with new_world(servers, tmp_path, ["points", "members", "analytics"]) as made:
        yield made


@pytest.mark.slow
async def test_one_service_stopped_for_long_while_the_others_go_on(neighbours: World) -> None:
    world = neighbours
    people = await registered(world)
    async with world.databases["members"].transaction() as tx:
        await programme.seed(tx)
        await tiers.joined(tx, [(one, NOON - timedelta(days=400)) for one in people])
    points = await world.started("points")
    others = [await world.started(service) for service in ("members", "analytics")]
    bought = purchases(4000, people)
    await world.publish(named(bought[:1000]))
    await world.until_value("points", ACCRUALS, lambda count: count > 0)
    assert await points.stop() == 0
    done = await world.value("points", ACCRUALS)
    await world.publish(named(bought[1000:]))
    for service in ("members", "analytics"):
        await world.until_value(service, "SELECT count(*) FROM purchases", len(bought))
    assert await world.value("points", ACCRUALS) == done
    assert [(await other.ready())[0] for other in others] == [200, 200]
    await world.started("points")
    await world.until_value("points", ACCRUALS, len(bought))
    earned = "SELECT count(*) FROM movements WHERE kind = 'earned'"
    await world.until_value("analytics", earned, len(bought))
    await holds(world, Expected(bought=bought))
