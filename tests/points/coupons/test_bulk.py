"""Coupons for many members: exactly one each, whatever is killed, paused or repeated."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from common.events import event_of
from common.events.segments import SegmentEntered, SegmentLeft
from common.storage import Database
from points.coupon_batches import handlers as bulk
from points.coupon_batches.domain import Batch, BatchStateError
from points.coupons import handlers as coupons
from tests.points.coupons.world import TILL, pool, template
from tests.points.world import day, happen, registered, rows, tiers, value


async def members(database: Database, number: int) -> list[UUID]:
    found = [uuid4() for _ in range(number)]
    await happen(database, *map(registered, found))
    return found


async def start(database: Database, audience: str = "all", chosen: str = "", listed: list[UUID] | None = None) -> Batch:
    async with database.transaction() as tx:
        batch = await bulk.create(tx, TILL, template="ten", audience=audience, chosen=chosen, members=listed or [])
        return await bulk.move(tx, TILL, batch.batch_id, "start")


async def work(database: Database) -> None:
    async with database.transaction() as tx:
        await bulk.work(tx)


async def work_off(database: Database, batch: Batch) -> Batch:
    while (found := await state(database, batch)).state == "running":
        await work(database)
    return found


async def state(database: Database, batch: Batch) -> Batch:
    async with database.transaction() as tx:
        return await bulk.find(tx, batch.batch_id)


async def holders(database: Database) -> list[UUID]:
    return [row.member_id for row in await rows(database, "SELECT member_id FROM coupons ORDER BY member_id")]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PER_RUN", 7)


async def test_every_member_gets_exactly_one(points_database: Database) -> None:
    everybody = await members(points_database, 20)
    await template(points_database)
    done = await work_off(points_database, await start(points_database))
    assert (done.state, done.total, done.issued, done.failed) == ("done", 20, 20, 0)
    assert await holders(points_database) == sorted(everybody)
    assert await value(points_database, "SELECT count(*) FROM outbox WHERE routing_key = 'coupon.issued.v1'") == 20


async def test_killed_part_is_done_again_and_gives_nothing_twice(points_database: Database) -> None:
    everybody = await members(points_database, 20)
    await template(points_database)
    batch = await start(points_database)
    await work(points_database)

    async def killed() -> None:
        async with points_database.transaction() as tx:
            await bulk.work(tx)
            raise KeyboardInterrupt  # what it wrote is rolled back with how far it came

    with pytest.raises(KeyboardInterrupt):
        await killed()
    half = await state(points_database, batch)
    assert (half.state, half.issued) == ("running", 7)
    assert len(await holders(points_database)) == 7
    assert (await work_off(points_database, batch)).issued == 20
    assert await holders(points_database) == sorted(everybody)


async def test_part_that_is_done_again_after_its_coupons_were_issued_gives_the_same(points_database: Database) -> None:
    """Even a job that forgot how far it was gives nobody a second coupon."""
    everybody = await members(points_database, 10)
    await template(points_database)
    batch = await start(points_database)
    await work(points_database)
    await value(points_database, "UPDATE coupon_batches SET reached = NULL, issued = 0 RETURNING 1")
    assert (await work_off(points_database, batch)).issued == 10
    assert await holders(points_database) == sorted(everybody)


async def test_workers_at_once_share_the_job(points_database: Database) -> None:
    everybody = await members(points_database, 40)
    await template(points_database)
    batch = await start(points_database)
    await asyncio.gather(*(work_off(points_database, batch) for _ in range(4)))
    assert await holders(points_database) == sorted(everybody)
    assert (await state(points_database, batch)).issued == 40


async def test_paused_job_rests_and_goes_on_and_cancelled_one_ends(points_database: Database) -> None:
    await members(points_database, 20)
    await template(points_database)
    batch = await start(points_database)
    await work(points_database)
    for move, issued in (("pause", 7), ("resume", 14), ("cancel", 14)):
        async with points_database.transaction() as tx:
            await bulk.move(tx, TILL, batch.batch_id, move)
        await work(points_database)
        assert (await state(points_database, batch)).issued == issued
    with pytest.raises(BatchStateError):
        async with points_database.transaction() as tx:
            await bulk.move(tx, TILL, batch.batch_id, "resume")


async def test_listed_members_that_are_unknown_are_told_one_by_one(points_database: Database) -> None:
    known, strangers = await members(points_database, 5), [uuid4() for _ in range(4)]
    await template(points_database)
    done = await work_off(points_database, await start(points_database, "members", listed=known + strangers + known))
    assert (done.state, done.total, done.issued, done.failed) == ("done", 9, 5, 4)
    async with points_database.transaction() as tx:
        failed = await bulk.errors(tx, done.batch_id, None, after=UUID(int=0), limit=10)
    assert [(row.member_id, row.code) for row in failed] == [(one, "unknown_member") for one in sorted(strangers)]


async def test_members_at_their_limit_are_told_and_the_others_get_theirs(points_database: Database) -> None:
    first, *others = await members(points_database, 5)
    await template(points_database, limits={"issued_per_member": 1})
    async with points_database.transaction() as tx:
        await coupons.issue(
            tx, template="ten", member_id=first, reason="manual", reference="", occurred_at=datetime.now(UTC)
        )
    done = await work_off(points_database, await start(points_database))
    assert (done.state, done.issued, done.failed) == ("done", len(others), 1)


async def test_empty_pool_stops_the_job_until_it_is_filled(points_database: Database) -> None:
    from points.coupon_pools import handlers as pools

    everybody = await members(points_database, 10)
    await pool(points_database, "p", [f"CODE-{number:06d}" for number in range(4)])
    await template(points_database, codes={"kind": "pool", "pool": "p"})
    stopped = await work_off(points_database, await start(points_database))
    assert (stopped.state, stopped.issued, stopped.failed) == ("failed", 4, 0)
    assert "no code left" in stopped.why
    async with points_database.transaction() as tx:
        await pools.take_in(tx, TILL, "p", "second", [f"MORE-{number:06d}" for number in range(6)])
        await bulk.move(tx, TILL, stopped.batch_id, "resume")
    done = await work_off(points_database, stopped)
    assert (done.state, done.issued, done.why) == ("done", 10, "")
    assert await holders(points_database) == sorted(everybody)


async def test_total_limit_stops_the_job(points_database: Database) -> None:
    await members(points_database, 10)
    await template(points_database, limits={"issued_total": 3})
    stopped = await work_off(points_database, await start(points_database))
    assert (stopped.state, stopped.issued) == ("failed", 3)


async def test_tier_and_segment_choose_members(points_database: Database) -> None:
    gold, inside, left, other = await members(points_database, 4)
    await happen(
        points_database,
        tiers(gold, 1, ("gold", day(0))),
        *(
            event_of(SegmentEntered(member_id=one, segment="vip", revision=1, occurred_at=day(0)))
            for one in (inside, left)
        ),
        event_of(SegmentLeft(member_id=left, segment="vip", revision=2, occurred_at=day(1))),
    )
    await template(points_database)
    for audience, chosen, expected in (("tier", "gold", gold), ("segment", "vip", inside)):
        done = await work_off(points_database, await start(points_database, audience, chosen))
        assert (done.total, done.issued) == (1, 1)
        assert (await holders(points_database)).count(expected) == 1
    assert other not in await holders(points_database)
