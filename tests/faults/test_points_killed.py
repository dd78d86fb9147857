"""Workers of points killed (-9) again and again while everything is worked off that they do: nothing lost or twice."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from common.storage import Database
from points.coupon_batches import handlers as bulk
from points.simulation import handlers as what_ifs
from points.simulation.changes import Changes
from tests.faults import engine
from tests.faults.oracle import ids_in, nothing_under_way
from tests.faults.world import Running, World, members, named, purchases
from tests.points.coupons.world import template
from tests.points.world import happen, purchase

pytestmark = pytest.mark.slow

PEOPLE = 5_000
BUYERS, HOLDERS = 200, 600
EXPIRING = ((10, 26), (10, 25), (11, 25), (12, 24))
"""Lots of every member that have expired: points, and how many hours ago."""
WAITING, HELD, KEPT = 7, 15, 100
BOUGHT_BEFORE, BOUGHT = 4_000, 6_000
BUDGET = 10_000
SLOWLY = {"BATCH_SIZE": "50", "PREFETCH": "200"}
FAULTS = (
    *(f"kill_in_transaction:{number}" for number in (1, 2, 3, 4, 6)),
    *(f"kill_after_confirm:{number}" for number in (1, 3)),
    "kill_before_ack:2",
    *["take_time:0.05"] * 4,
)
"""What befalls one worker of a pair; those that only take their time are killed from outside."""


async def prepared(database: Database, people: Sequence[UUID]) -> None:
    """Everything that the timed jobs will find to do, and purchases of the past for the what-if."""
    engine.open_keyring()
    await engine.known(database, people)
    await happen(
        database,
        *(
            purchase(
                people[number % BUYERS], f"before{number}", 100_00, at=datetime(2025, 3, 1 + number % 28, tzinfo=UTC)
            )
            for number in range(BOUGHT_BEFORE)
        ),
    )
    then = engine.long_ago(days=2)
    now = datetime.now(UTC)
    lots = [(points, now - timedelta(hours=hours), None) for points, hours in EXPIRING]
    waiting = (WAITING, None, then + timedelta(hours=1))
    await engine.credited(database, people, *lots, waiting, (KEPT, None, None), now=then)
    await engine.held(database, people[-HOLDERS:], HELD, then + timedelta(minutes=1))
    await template(database)
    await engine.limited_bonus(database, per_member=20, budget=BUDGET)


async def asked(database: Database) -> None:
    """A bulk coupon job for everybody, and a what-if."""
    async with database.transaction() as tx:
        batch = await bulk.create(tx, engine.OPERATOR, template="ten", audience="all", chosen="", members=[])
        await bulk.move(tx, engine.OPERATOR, batch.batch_id, "start")
        await what_ifs.ask(
            tx,
            engine.OPERATOR,
            name="without the rate",
            changes=Changes(without=["purchase_rate"]),
            drafts=[],
            occurred_from=datetime(2025, 1, 1, tzinfo=UTC),
            occurred_until=datetime(2026, 1, 1, tzinfo=UTC),
        )


async def killed_again_and_again(world: World) -> int:
    """Two workers at a time, of which one has a fault built in and the other is killed from outside."""
    chance, kills = random.Random(11), 0
    for fault in FAULTS:
        pair = [
            world.start("points", fault=fault, **SLOWLY),
            await world.started("points", fault="take_time:0.02", **SLOWLY),
        ]
        await asyncio.sleep(chance.uniform(0.2, 2.0))
        for worker in pair:
            kills += _kill(worker)
    return kills


def _kill(worker: Running) -> int:
    """1 when it was killed, now or by its fault."""
    if worker.alive:
        worker.kill()
    return int(worker.process.returncode == -9)


async def finished(world: World) -> None:
    """Two workers that nobody kills do the rest. A what-if whose worker died is begun again after a minute."""
    await asyncio.gather(*(world.started("points") for _ in range(2)))
    for sql, wanted in (
        ("SELECT count(*) FROM purchases", BOUGHT_BEFORE + BOUGHT),
        ("SELECT state FROM coupon_batches", "done"),
        ("SELECT count(*) FROM wallets WHERE earliest_expiry <= now() OR earliest_release <= now()", 0),
        ("SELECT count(*) FROM redemptions WHERE state = 'held'", 0),
        ("SELECT state FROM what_ifs", "finished"),
        ("SELECT count(*) FROM wallets WHERE earliest_expiry <= now()", 0),  # what came back of holds
    ):
        await world.until_value("points", sql, wanted, within_seconds=150)
    await nothing_under_way(world, within_seconds=120)


async def test_killed_while_everything_is_worked_off(world: World) -> None:
    database, people = world.databases["points"], members(PEOPLE)
    await prepared(database, people)
    bought = purchases(BOUGHT, people[:BUYERS])
    await world.publish(named(bought))
    await asked(database)
    kills = await killed_again_and_again(world)
    left = await world.value("points", "SELECT 6000 - count(*) FROM purchases WHERE order_id NOT LIKE 'before%'")
    await finished(world)
    world.settled = True
    assert kills >= len(FAULTS), f"only {kills} were killed"
    assert left, "all was done before the last was killed"

    expired = sum(points for points, _ in EXPIRING)
    earned = sum(one.amount // 100 for one in bought)
    wrong = await engine.broken(database)
    for what, sql, wanted in (
        ("expired", "SELECT sum(points) FROM transfers WHERE to_account = 'expiry'", PEOPLE * expired),
        (
            "emptied lots",
            "SELECT count(*) FROM lots WHERE expires_at <= now() AND remaining = 0",
            PEOPLE * len(EXPIRING),
        ),
        ("released", "SELECT sum(points) FROM transfers WHERE kind = 'released'", PEOPLE * WAITING),
        ("ended holds", "SELECT count(*) FROM redemptions WHERE state = 'expired'", HOLDERS),
        ("let go", "SELECT sum(points) FROM transfers WHERE from_account = 'held'", HOLDERS * HELD),
        ("coupons", "SELECT count(*) FROM coupons WHERE state = 'active'", PEOPLE),
        ("holders of coupons", "SELECT count(DISTINCT member_id) FROM coupons", PEOPLE),
        ("issued by the job", "SELECT issued FROM coupon_batches", PEOPLE),
        ("replayed", "SELECT done FROM what_ifs", BOUGHT_BEFORE),
        ("of the budget", f"SELECT points FROM limit_usage WHERE holder = '{UUID(int=0)}'", BUDGET),
        (
            "bonus",
            "SELECT sum(CAST(share ->> 'points' AS bigint)) FROM accruals, json_array_elements(shares) AS share"
            " WHERE share ->> 'rule' = 'bonus'",
            BUDGET,
        ),
        ("earned", "SELECT sum(points) FROM transfers WHERE kind = 'earned' AND order_id LIKE 'o%'", earned + BUDGET),
        (
            "there",
            "SELECT sum(balance) FROM wallets",
            PEOPLE * (WAITING + KEPT) + BOUGHT_BEFORE * 100 + earned + BUDGET,
        ),
        ("deadlocks", "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()", 0),
    ):
        if (found := await world.value("points", sql)) != wanted:
            wrong.append(f"{what}: {found} instead of {wanted}")
    assert not wrong, "\n".join(wrong)
    await told_once(world)


async def told_once(world: World) -> None:
    """Each movement was told to the others, by one event id, whatever was sent twice."""
    expired = await world.value("points", "SELECT count(*) FROM transfers WHERE kind = 'expired'")
    heard = await ids_in(world, "analytics.main", "points.expired.v1")
    assert (len(set(heard)), len(heard) >= expired) == (expired, True)
