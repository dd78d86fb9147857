"""Timed jobs: each runs on one worker at a time, in one transaction together with the note that it ran.

    SCHEDULE = [every(seconds=60, run=ledger.check), daily(at="03:00", zone="programme", run=expiry.sweep)]

Times missed while no worker was up are made up for once, not once each. A job that fails is tried again when it is next
due; its error is kept in the table `schedule`, counted, and logged.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from common.runtime import logs, metrics, tracing
from common.storage.database import Database
from common.storage.programme import programme
from common.storage.transaction import Transaction

PROGRAMME_ZONE = "programme"
POLL_SECONDS = 1.0
MAX_ERROR_CHARACTERS = 2000

Work = Callable[[Transaction], Awaitable[None]]

_REGISTER = """
    INSERT INTO schedule (name, due_at)
    SELECT * FROM unnest(CAST(:names AS text[]), CAST(:due_at AS timestamptz[])) ON CONFLICT (name) DO NOTHING
"""
_TAKE = """
    SELECT name, due_at FROM schedule WHERE name = ANY(CAST(:names AS text[])) AND due_at <= :now
    ORDER BY due_at, name LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_DONE = """
    UPDATE schedule SET due_at = :due_at, last_started_at = :started_at, last_finished_at = :finished_at,
        last_error = NULL, runs = runs + 1
    WHERE name = :name
"""
_FAILED = """
    UPDATE schedule SET due_at = :due_at, last_started_at = :started_at, last_finished_at = :finished_at,
        last_error = :error, runs = runs + 1
    WHERE name = :name AND due_at = :was_due_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """At a fixed distance, counted from the time it was last due."""

    seconds: float

    def first(self, now: datetime, zone: str) -> datetime:
        return now

    def next(self, due_at: datetime, now: datetime, zone: str) -> datetime:
        """The first due time after `now`; those missed in between are left out."""
        missed = max(0, int((now - due_at).total_seconds() // self.seconds))
        due = due_at + timedelta(seconds=self.seconds * (missed + 1))
        return due if due > now else now + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """At a local time of each day; a time that the clock jumps over counts as the instant after the jump."""

    at: time_of_day
    zone: str

    def first(self, now: datetime, zone: str) -> datetime:
        return self.next(now, now, zone)

    def next(self, due_at: datetime, now: datetime, zone: str) -> datetime:
        local_zone = ZoneInfo(zone if self.zone == PROGRAMME_ZONE else self.zone)
        today = now.astimezone(local_zone).date()
        for days in range(3):
            due = self._on(today + timedelta(days=days), local_zone)
            if due > now:
                return due
        raise AssertionError("no due time within three days")

    def _on(self, day: date, zone: ZoneInfo) -> datetime:
        return datetime.combine(day, self.at, tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A timed job; `run` does all its work in the transaction it is given, within `limit_seconds`."""

    name: str
    run: Work
    cadence: Every | Daily
    limit_seconds: float = 300


def every(*, seconds: float, run: Work, name: str = "", limit_seconds: float = 300) -> Job:
    """A job that runs every so many seconds."""
    if seconds <= 0:
        raise ValueError("seconds must be positive")
    return Job(name=name or _name_of(run), run=run, cadence=Every(seconds=seconds), limit_seconds=limit_seconds)


def daily(*, at: str, run: Work, zone: str = PROGRAMME_ZONE, name: str = "", limit_seconds: float = 300) -> Job:
    """A job that runs once a day at `at` ("03:00"), local time of an IANA `zone` or of the programme."""
    if zone != PROGRAMME_ZONE:
        ZoneInfo(zone)
    cadence = Daily(at=time_of_day.fromisoformat(at), zone=zone)
    return Job(name=name or _name_of(run), run=run, cadence=cadence, limit_seconds=limit_seconds)


def _name_of(run: Work) -> str:
    """`ledger.check` for the function `check` of `points.ledger.handlers` (or `.jobs`)."""
    parts = [part for part in str(run.__module__).split(".")[1:] if part not in ("handlers", "jobs")]
    return ".".join([*parts, str(getattr(run, "__name__", type(run).__name__))])


class Scheduler:
    """Runs the jobs of one service; any number of workers may have one."""

    def __init__(self, database: Database, jobs: Sequence[Job], *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._jobs = {job.name: job for job in jobs}
        if len(self._jobs) != len(jobs):
            raise ValueError("two timed jobs have the same name")
        self._poll_seconds = poll_seconds
        self._log = logs.logger("schedule")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: run what is due. A database that does not answer is asked again."""
        registered, unreadable = not self._jobs, False
        while not stop.is_set():
            try:
                if not registered:
                    await self.register()
                    registered = True
                while self._jobs and not stop.is_set() and await self.run_due():
                    pass
                unreadable = False
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if not unreadable:  # said once, not every second
                    self._log.warning("schedule cannot be read", error=f"{type(error).__name__}: {error}"[:300])
                unreadable = True
            try:
                await asyncio.wait_for(stop.wait(), self._poll_seconds)
            except TimeoutError:
                continue

    async def register(self) -> None:
        """Enter jobs that are new; known ones keep their due time."""
        async with self._database.transaction() as tx:
            zone = (await programme(tx)).time_zone
            names = sorted(self._jobs)
            due = [self._jobs[name].cadence.first(tx.now, zone) for name in names]
            await tx.execute(_REGISTER, {"names": names, "due_at": due})

    async def run_due(self) -> bool:
        """Run the job that has waited longest; False when none is due (or other workers have them)."""
        started, began = datetime.now(UTC), time.perf_counter()
        job, due_at, zone = None, started, "UTC"
        try:
            async with self._database.transaction() as tx:
                row = await tx.fetch_one(_TAKE, {"names": list(self._jobs), "now": tx.now})
                if row is None:
                    return False
                job, due_at, zone = self._jobs[row.name], row.due_at, (await programme(tx)).time_zone
                with tracing.span(f"job {job.name}"):
                    async with asyncio.timeout(job.limit_seconds):
                        await job.run(tx)
                finished = datetime.now(UTC)
                due = job.cadence.next(due_at, finished, zone)
                note = {"name": job.name, "due_at": due, "started_at": started, "finished_at": finished}
                await tx.execute(_DONE, note)
        except Exception as error:
            if job is None:
                raise
            await self._note_failure(job, error, due_at, started, zone)
            metrics.job_ran(self._database.service, job.name, "failed", time.perf_counter() - began)
            return True
        seconds = time.perf_counter() - began
        metrics.job_ran(self._database.service, job.name, "done", seconds)
        self._log.debug("job done", job=job.name, seconds=round(seconds, 3))
        return True

    async def _note_failure(self, job: Job, error: Exception, due_at: datetime, started: datetime, zone: str) -> None:
        self._log.error("job failed", job=job.name, exc_info=error)
        finished = datetime.now(UTC)
        message = logs.scrub(f"{type(error).__name__}: {error}")[:MAX_ERROR_CHARACTERS]
        async with self._database.transaction() as tx:
            await tx.execute(
                _FAILED,
                {
                    "name": job.name,
                    "due_at": job.cadence.next(due_at, finished, zone),
                    "started_at": started,
                    "finished_at": finished,
                    "error": message,
                    "was_due_at": due_at,
                },
            )
