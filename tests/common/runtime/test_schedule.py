"""Timed jobs: one runner, once for missed times, and a failure is not the end."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.runtime import metrics
from common.runtime.schedule import Job, Scheduler, daily, every
from common.storage import Database, Transaction
from tests.common.messaging.conftest import until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def count_effect(tx: Transaction) -> None:
    await tx.execute("INSERT INTO effects VALUES ('job', 1)")


async def nothing(tx: Transaction) -> None:
    return


async def state(database: Database) -> Any:
    async with database.transaction() as tx:
        return await tx.fetch_one("SELECT *, (SELECT count(*) FROM effects) AS effects FROM schedule")


async def set_due(database: Database, moment: datetime) -> None:
    async with database.transaction() as tx:
        await tx.execute("UPDATE schedule SET due_at = :moment", {"moment": moment})


@given(missed=st.integers(min_value=0, max_value=10_000_000), seconds=st.integers(min_value=1, max_value=100_000))
def test_the_next_time_is_after_now_and_on_the_grid(missed: int, seconds: int) -> None:
    due = NOW - timedelta(seconds=missed)
    next_due = every(seconds=seconds, run=nothing).cadence.next(due, NOW, "UTC")
    assert NOW < next_due <= NOW + timedelta(seconds=seconds)
    assert (next_due - due).total_seconds() % seconds == 0


def test_daily_is_local_time_of_the_programme() -> None:
    cadence = daily(at="03:00", run=nothing).cadence
    assert cadence.next(NOW, NOW, "Asia/Shanghai") == datetime(2026, 3, 1, 19, tzinfo=UTC)
    assert cadence.next(NOW, NOW, "America/New_York") == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_daily_crosses_the_change_of_clocks_once_a_day() -> None:
    cadence = daily(at="02:30", zone="Europe/Berlin", run=nothing).cadence
    moment = datetime(2026, 3, 27, tzinfo=UTC)
    found = []
    for _ in range(4):
        moment = cadence.next(moment, moment, "UTC")
        found.append(moment)
    assert [due.day for due in found] == [27, 28, 29, 30]
    assert [due.hour for due in found] == [1, 1, 1, 0], "on the 29th 02:30 does not exist and is 03:30"


@given(
    hours=st.integers(min_value=0, max_value=24 * 365 * 60),
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Africa/Cairo"]),
)
def test_daily_is_never_more_than_two_days_away(hours: int, zone: str) -> None:
    now = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    due = daily(at="02:30", zone=zone, run=nothing).cadence.next(now, now, "UTC")
    assert now < due <= now + timedelta(hours=49)


@pytest.mark.parametrize(
    ("arguments", "error"), [({"at": "3 o'clock"}, ValueError), ({"at": "03:00", "zone": "Mars"}, KeyError)]
)
def test_a_wrong_schedule_is_refused_when_it_is_written(arguments: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        daily(run=nothing, **arguments)  # type: ignore[arg-type]


def test_a_job_is_named_after_its_function() -> None:
    assert every(seconds=1, run=nothing).name.endswith("test_schedule.nothing")
    assert every(seconds=1, run=nothing, name="ledger.check").name == "ledger.check"
    with pytest.raises(ValueError, match="same name"):
        Scheduler(None, [every(seconds=1, run=nothing)] * 2)  # type: ignore[arg-type]


async def test_a_due_job_runs_and_is_noted_in_the_same_commit(database: Database) -> None:
    scheduler = Scheduler(database, [every(seconds=60, run=count_effect, name="job")])
    await scheduler.register()
    assert await scheduler.run_due() is True
    assert await scheduler.run_due() is False
    row = await state(database)
    assert (row.runs, row.effects, row.last_error) == (1, 1, None)
    assert row.due_at > datetime.now(UTC)
    assert row.last_started_at <= row.last_finished_at


async def test_missed_times_are_made_up_for_once(database: Database) -> None:
    scheduler = Scheduler(database, [every(seconds=60, run=count_effect, name="job")])
    await scheduler.register()
    await set_due(database, datetime.now(UTC) - timedelta(days=3))
    assert [await scheduler.run_due() for _ in range(3)] == [True, False, False]
    assert (await state(database)).effects == 1


async def test_many_workers_run_a_job_once(database: Database) -> None:
    async def slow(tx: Transaction) -> None:
        await asyncio.sleep(0.1)
        await count_effect(tx)

    schedulers = [Scheduler(database, [every(seconds=60, run=slow, name="job")]) for _ in range(6)]
    await schedulers[0].register()
    ran = await asyncio.gather(*(scheduler.run_due() for scheduler in schedulers))
    assert sorted(ran) == [False] * 5 + [True]
    assert (await state(database)).effects == 1


async def test_a_failed_job_leaves_no_effect_but_its_error_and_comes_again(database: Database) -> None:
    async def fails(tx: Transaction) -> None:
        await count_effect(tx)
        raise ValueError("cannot reach member 13800138000")

    scheduler = Scheduler(database, [every(seconds=60, run=fails, name="failing")])
    await scheduler.register()
    assert await scheduler.run_due() is True
    row = await state(database)
    assert (row.runs, row.effects) == (1, 0)
    assert row.last_error == "ValueError: cannot reach member ***"
    assert row.due_at > datetime.now(UTC)
    assert 'job="failing",outcome="failed",service="points"} 1.0' in metrics.exposition().decode()
    healed = Scheduler(database, [every(seconds=60, run=count_effect, name="failing")])
    await set_due(database, datetime.now(UTC))
    await healed.run_due()
    assert (await state(database)).last_error is None


async def test_a_job_that_takes_too_long_is_ended(database: Database) -> None:
    async def endless(tx: Transaction) -> None:
        await count_effect(tx)
        await asyncio.sleep(60)

    scheduler = Scheduler(database, [every(seconds=60, run=endless, name="job", limit_seconds=0.1)])
    await scheduler.register()
    await scheduler.run_due()
    row = await state(database)
    assert (row.effects, row.last_error[:12]) == (0, "TimeoutError")


async def test_a_worker_killed_in_the_middle_leaves_the_job_due(database: Database) -> None:
    began = asyncio.Event()

    async def killed(tx: Transaction) -> None:
        await count_effect(tx)
        began.set()
        await asyncio.sleep(60)

    scheduler = Scheduler(database, [every(seconds=60, run=killed, name="job")])
    await scheduler.register()
    run = asyncio.create_task(scheduler.run_due())
    await began.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    row = await state(database)
    assert (row.runs, row.effects) == (0, 0)
    assert row.due_at <= datetime.now(UTC)


async def test_the_loop_runs_what_is_due_until_it_is_stopped(database: Database) -> None:
    jobs: list[Job] = [every(seconds=0.05, run=count_effect, name="job")]
    scheduler, stop = Scheduler(database, jobs, poll_seconds=0.02), asyncio.Event()
    task = asyncio.create_task(scheduler.run(stop))

    async def ran_thrice() -> bool:
        row = await state(database)
        return row is not None and row.runs >= 3

    await until(ran_thrice)
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_new_jobs_are_entered_and_known_ones_keep_their_time(database: Database) -> None:
    await Scheduler(database, [every(seconds=60, run=nothing, name="a")]).register()
    far = datetime(2100, 1, 1, tzinfo=UTC)
    await set_due(database, far)
    await Scheduler(database, [every(seconds=60, run=nothing, name=name) for name in ("a", "b")]).register()
    async with database.transaction() as tx:
        rows = await tx.fetch_all("SELECT name, due_at FROM schedule ORDER BY name")
    assert [(row.name, row.due_at == far) for row in rows] == [("a", True), ("b", False)]
