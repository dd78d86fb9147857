"""All SQL of streaks."""

from collections.abc import Iterable, Sequence
from datetime import date
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from common.storage import Transaction
from points.database import columns
from points.streaks.domain import Day

_FIELDS = ", ".join(Day._fields)
_FROM = f"""
    SELECT {", ".join("streak_days." + name for name in Day._fields)}
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:plan AS text[]), CAST(:day AS date[])) AS asked(member_id, plan, day)
    JOIN streak_days ON streak_days.member_id = asked.member_id AND streak_days.plan = asked.plan
        AND streak_days.day >= asked.day - 1
"""
_SAVE = f"""
    INSERT INTO streak_days ({_FIELDS})
    SELECT * FROM unnest(CAST(:member_id AS uuid[]), CAST(:plan AS text[]), CAST(:day AS date[]),
        CAST(:run AS integer[]), CAST(:points AS bigint[]), CAST(:occurred_at AS timestamptz[]),
        CAST(:made_up_on AS date[]), CAST(:cost AS bigint[]), CAST(:cost_sequence AS bigint[]))
    ON CONFLICT (member_id, plan, day) DO UPDATE SET run = excluded.run, points = excluded.points,
        occurred_at = excluded.occurred_at, made_up_on = excluded.made_up_on, cost = excluded.cost,
        cost_sequence = excluded.cost_sequence
"""
_REMOVE = """
    DELETE FROM streak_days USING unnest(CAST(:member_id AS uuid[]), CAST(:plan AS text[]), CAST(:day AS date[]))
        AS gone(member_id, plan, day)
    WHERE (streak_days.member_id, streak_days.plan, streak_days.day) = (gone.member_id, gone.plan, gone.day)
"""
_BETWEEN = f"""
    SELECT {_FIELDS} FROM streak_days
    WHERE member_id = :member_id AND plan = :plan AND day >= :first AND day < :last ORDER BY day
"""
_LAST = f"""
    SELECT {_FIELDS} FROM streak_days WHERE member_id = :member_id AND plan = :plan AND day <= :day
    ORDER BY day DESC LIMIT 1
"""
_LONGEST = """
    SELECT asked.member_id, asked.plan, max(run) AS run
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:plan AS text[])) AS asked(member_id, plan)
    JOIN streak_days ON streak_days.member_id = asked.member_id AND streak_days.plan = asked.plan
    GROUP BY asked.member_id, asked.plan
"""
_MADE_UP = """
    SELECT count(*) FROM streak_days
    WHERE member_id = :member_id AND plan = :plan AND made_up_on >= :first AND made_up_on < :last
"""


class Asked(NamedTuple):
    member_id: UUID
    plan: str
    day: date


async def days_from(tx: Transaction, asked: Iterable[Asked]) -> list[Day]:
    """Of each member and plan the days from the one before `day` on."""
    rows: Sequence[Any] = await tx.fetch_all(_FROM, columns(Asked._fields, sorted(asked)))
    return [Day._make(row) for row in rows]


async def save(tx: Transaction, days: Iterable[Day]) -> None:
    ordered = sorted(days, key=itemgetter(0, 1, 2))
    if ordered:
        await tx.execute(_SAVE, columns(Day._fields, ordered))


async def remove(tx: Transaction, days: Iterable[Day]) -> None:
    """Days on which the member did not come after all."""
    keys = sorted(one[:3] for one in days)
    if keys:
        await tx.execute(_REMOVE, columns(Asked._fields, keys))


async def between(tx: Transaction, member_id: UUID, plan: str, first: date, last: date) -> list[Day]:
    """From `first` on, before `last`, in order."""
    params = {"member_id": member_id, "plan": plan, "first": first, "last": last}
    rows: Sequence[Any] = await tx.fetch_all(_BETWEEN, params)
    return [Day._make(row) for row in rows]


async def last_until(tx: Transaction, member_id: UUID, plan: str, day: date) -> Day | None:
    row: Any = await tx.fetch_one(_LAST, {"member_id": member_id, "plan": plan, "day": day})
    return None if row is None else Day._make(row)


async def longest(tx: Transaction, keys: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], int]:
    """The longest run of each (member, plan) that has one."""
    rows: Sequence[Any] = await tx.fetch_all(_LONGEST, columns(("member_id", "plan"), keys)) if keys else []
    return {(member_id, plan): run for member_id, plan, run in rows}


async def made_up_between(tx: Transaction, member_id: UUID, plan: str, first: date, last: date) -> int:
    """How many days were made up from `first` on, before `last`."""
    params = {"member_id": member_id, "plan": plan, "first": first, "last": last}
    return int(await tx.fetch_value(_MADE_UP, params))
