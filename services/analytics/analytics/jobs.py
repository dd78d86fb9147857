"""Timed jobs of this service."""

from analytics.calendar import handlers as calendar
from analytics.facts import handlers as facts
from analytics.happenings import handlers as happenings
from analytics.notices import handlers as notices
from analytics.points_usage import handlers as points_usage
from analytics.proof import handlers as proof
from analytics.returns import handlers as returns
from analytics.spend import handlers as spend
from common.runtime.schedule import Job, daily, every
from common.storage import Transaction

MOVERS = (facts.move_days, returns.move_days, points_usage.move_days, notices.move_days, happenings.move_days)


async def rebuild(tx: Transaction) -> None:
    """Take facts to their days in the programme's new zone, some at a time."""
    await calendar.rebuild(tx, MOVERS)


async def prove(tx: Transaction) -> None:
    """Compare the roll-ups with the facts; repair and report drift."""
    await proof.prove(tx)


SCHEDULE: list[Job] = [
    every(seconds=5, run=returns.match_waiting),
    every(seconds=10, run=spend.fold),
    every(seconds=10, run=points_usage.fold),
    every(seconds=10, run=notices.fold),
    every(seconds=2, run=rebuild, name="calendar.rebuild"),
    daily(at="04:00", run=prove, name="proof.prove", limit_seconds=900),
]
