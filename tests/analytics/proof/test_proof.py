"""Roll-ups are compared with their facts; drift is repaired and written down."""

import asyncio
from typing import Any

import pytest

from analytics.proof import handlers
from common.runtime.metrics import REGISTRY
from common.storage import Database
from tests.analytics.builders import earned, hear, hear_in, notice, purchase, refund, spend_days, value


async def prove(database: Database) -> dict[str, int]:
    async with database.transaction() as tx:
        return {proof.rollup: len(proof.drifted) for proof in await handlers.prove(tx)}


async def some_facts(database: Database) -> None:
    await hear(database, purchase("1"), refund("r", "1"), refund("waits", "2"), earned("lin", 1, 60), notice(1))


async def test_what_is_in_order_is_left_alone(analytics_database: Database) -> None:
    await some_facts(analytics_database)
    before = await spend_days(analytics_database)
    assert await prove(analytics_database) == {"spend_days": 0, "points_days": 0, "rule_days": 0, "notice_days": 0}
    assert await spend_days(analytics_database) == before


@pytest.mark.parametrize(
    ("damage", "drifted"),
    [
        ("UPDATE spend_days SET gross = gross + 1 WHERE orders > 0", "spend_days"),
        ("DELETE FROM spend_days", "spend_days"),
        ("UPDATE points_days SET points = 0", "points_days"),
        ("UPDATE rule_days SET points = points + 1", "rule_days"),
        ("UPDATE notice_days SET channel = 'lost'", "notice_days"),
    ],
)
async def test_drift_is_repaired_and_reported(analytics_database: Database, damage: str, drifted: str) -> None:
    await some_facts(analytics_database)
    good = await spend_days(analytics_database)
    async with analytics_database.transaction() as tx:
        await tx.execute(damage)
    found = await prove(analytics_database)
    assert [rollup for rollup, keys in found.items() if keys] == [drifted]
    assert await value(analytics_database, "SELECT rollup FROM proofs WHERE drifted > 0") == drifted
    assert (REGISTRY.get_sample_value("loyalty_analytics_rollup_drift", {"rollup": drifted}) or 0) > 0
    assert not any((await prove(analytics_database)).values())
    assert await spend_days(analytics_database) == good


async def test_work_in_progress_is_no_drift(analytics_database: Database) -> None:
    async def worker() -> None:
        for number in range(30):
            async with analytics_database.transaction() as tx:
                await hear_in(tx, [purchase(str(number)), earned("lin", number + 1, 5)])

    async def prover() -> list[Any]:
        return [await prove(analytics_database) for _ in range(10)]

    _, proofs = await asyncio.gather(worker(), prover())
    assert not any(drifted for proof in proofs for drifted in proof.values())


async def test_the_newest_proofs_can_be_read(analytics_database: Database) -> None:
    await some_facts(analytics_database)
    await prove(analytics_database)
    await prove(analytics_database)
    async with analytics_database.transaction() as tx:
        latest = await handlers.latest(tx)
    assert [(row.rollup, row.drifted) for row in latest] == [
        (rollup, 0) for rollup in ("notice_days", "points_days", "rule_days", "spend_days")
    ]


async def test_facts_with_days_of_another_zone_ask_for_a_rebuild(analytics_database: Database) -> None:
    await some_facts(analytics_database)
    async with analytics_database.transaction() as tx:
        await tx.execute("UPDATE purchases SET zone = 'Europe/Berlin'")
    await prove(analytics_database)
    assert await value(analytics_database, "SELECT count(*) FROM rebuilds WHERE finished_at IS NULL") == 1
