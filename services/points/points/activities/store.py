"""All SQL of activities. Whole batches, rows sorted by key."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from common.storage import Transaction
from points.accruals.domain import Key
from points.activities.domain import Activity
from points.database import columns

_FIELDS = """
    source, activity_id, member_id, activity, fields, order_source, order_id, tier, rounding, taken_back, unmet,
    occurred_at, recorded_at, body_hash
"""
_OF_ACTIVITIES = ", ".join(f"activities.{name.strip()}" for name in _FIELDS.split(","))
_HASHES = """
    SELECT source, activity_id, body_hash
    FROM unnest(CAST(:keys AS order_key[])) AS asked(source, activity_id) JOIN activities USING (source, activity_id)
"""
_ADD = f"""
    INSERT INTO activities ({_FIELDS})
    SELECT source, activity_id, member_id, activity, CAST(fields AS jsonb), order_source, order_id, tier, rounding,
        taken_back, unmet, occurred_at, recorded_at, body_hash
    FROM unnest(CAST(:source AS text[]), CAST(:activity_id AS text[]), CAST(:member_id AS uuid[]),
        CAST(:activity AS text[]), CAST(:fields AS text[]), CAST(:order_source AS text[]), CAST(:order_id AS text[]),
        CAST(:tier AS text[]), CAST(:rounding AS text[]), CAST(:taken_back AS boolean[]),
        CAST(:unmet AS boolean[]), CAST(:occurred_at AS timestamptz[]), CAST(:recorded_at AS timestamptz[]),
        CAST(:body_hash AS bytea[]))
        AS new(source, activity_id, member_id, activity, fields, order_source, order_id, tier, rounding, taken_back,
            unmet, occurred_at, recorded_at, body_hash)
"""
_CHANGE = """
    UPDATE activities SET tier = changed.tier, taken_back = changed.taken_back
    FROM unnest(CAST(:source AS text[]), CAST(:activity_id AS text[]), CAST(:tier AS text[]),
        CAST(:taken_back AS boolean[])) AS changed(source, activity_id, tier, taken_back)
    WHERE activities.source = changed.source AND activities.activity_id = changed.activity_id
"""
_OF_ORDERS = f"""
    SELECT {_OF_ACTIVITIES}
    FROM unnest(CAST(:keys AS order_key[])) AS asked
    JOIN activities ON activities.order_source = asked.source AND activities.order_id = asked.order_id
        AND activities.order_id <> ''
    WHERE NOT taken_back
    ORDER BY activities.source, activity_id
"""
# Only transactions of the same moment cross: a week leaves time for workers that were away, and what names an order
# that never comes is not looked at for ever.
_UNMET = f"""
    SELECT {_OF_ACTIVITIES}
    FROM activities JOIN purchases
        ON purchases.source = activities.order_source AND purchases.order_id = activities.order_id
    WHERE unmet AND activities.recorded_at > CAST(:now AS timestamptz) - interval '7 days'
    ORDER BY activities.recorded_at, activities.source, activity_id LIMIT :limit
"""
_MET = """
    UPDATE activities SET unmet = false
    FROM unnest(CAST(:keys AS order_key[])) AS known(source, activity_id)
    WHERE activities.source = known.source AND activities.activity_id = known.activity_id
"""
_TOLD_OF = """
    SELECT activities.order_source, activities.order_id, activity, min(occurred_at) AS occurred_at
    FROM unnest(CAST(:keys AS order_key[])) AS asked
    JOIN activities ON activities.order_source = asked.source AND activities.order_id = asked.order_id
        AND activities.order_id <> ''
    GROUP BY activities.order_source, activities.order_id, activity
"""
_AFTER = f"""
    SELECT {_OF_ACTIVITIES}
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:instants AS timestamptz[])) AS changed(member_id, instant)
    JOIN activities ON activities.member_id = changed.member_id AND occurred_at > changed.instant AND NOT taken_back
    ORDER BY activities.member_id, occurred_at, source, activity_id
"""
# No local day has more hours than 25.
_BESIDE = f"""
    SELECT {_OF_ACTIVITIES}
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:activity AS text[]), CAST(:occurred_at AS timestamptz[]))
        AS gone(member_id, activity, occurred_at)
    JOIN activities ON activities.member_id = gone.member_id AND activities.activity = gone.activity AND NOT taken_back
        AND activities.occurred_at > gone.occurred_at - interval '25 hours'
        AND activities.occurred_at < gone.occurred_at + interval '25 hours'
"""
_PAGE = f"""
    SELECT {_FIELDS} FROM activities
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND (activity = :activity OR :activity = '')
        AND (occurred_at, source, activity_id) < (:time, :source, :activity_id)
    ORDER BY occurred_at DESC, source DESC, activity_id DESC LIMIT :limit
"""


async def body_hashes(tx: Transaction, keys: Iterable[Key]) -> dict[Key, bytes]:
    """Of those activities that are known."""
    rows: Sequence[Any] = await tx.fetch_all(_HASHES, {"keys": list(keys)})
    return {(source, activity_id): body_hash for source, activity_id, body_hash in rows}


async def add(tx: Transaction, activities: Sequence[Activity]) -> None:
    rows = [
        (*one[:4], json.dumps(dict(one.fields), ensure_ascii=False), *one[5:])
        for one in sorted(activities, key=itemgetter(0, 1))
    ]
    await tx.execute(_ADD, columns(Activity._fields, rows))


async def change(tx: Transaction, activities: Sequence[Activity]) -> None:
    """Keep their tier, and whether they were taken back."""
    rows = [(one.source, one.activity_id, one.tier, one.taken_back) for one in sorted(activities, key=itemgetter(0, 1))]
    await tx.execute(_CHANGE, columns(("source", "activity_id", "tier", "taken_back"), rows))


async def of_orders(tx: Transaction, orders: Iterable[Key]) -> list[Activity]:
    """Activities that follow these orders and were not taken back."""
    return [_activity(row) for row in await tx.fetch_all(_OF_ORDERS, {"keys": list(orders)})]


async def unmet(tx: Transaction, limit: int) -> list[Activity]:
    """Activities of the last days whose order was not known when they came, and is there now."""
    return [_activity(row) for row in await tx.fetch_all(_UNMET, {"now": tx.now, "limit": limit})]


async def met(tx: Transaction, activities: Iterable[Activity]) -> None:
    """Their orders are known."""
    await tx.execute(_MET, {"keys": sorted(one.key for one in activities)})


async def told_of(tx: Transaction, orders: Iterable[Key]) -> dict[tuple[str, str, str], datetime]:
    """Which activities name these orders, and when the first of each kind occurred: (source, order id, activity)."""
    rows = await tx.fetch_all(_TOLD_OF, {"keys": list(orders)})
    return {(row.order_source, row.order_id, row.activity): row.occurred_at for row in rows}


async def after(tx: Transaction, since: Sequence[tuple[UUID, datetime]]) -> list[Activity]:
    """The activities of each member that occurred after its instant, but for those that were taken back."""
    member_ids, instants = zip(*since, strict=True)
    rows = await tx.fetch_all(_AFTER, {"member_ids": list(member_ids), "instants": list(instants)})
    return [_activity(row) for row in rows]


async def beside(tx: Transaction, gone: Iterable[tuple[UUID, str, datetime]]) -> list[Activity]:
    """What was not taken back of the same activity by the same member within a day: of (member, activity, when)."""
    rows = await tx.fetch_all(_BESIDE, columns(("member_id", "activity", "occurred_at"), sorted(gone)))
    found = [_activity(row) for row in rows]
    return list({one.key: one for one in found}.values())


async def page(
    tx: Transaction, member_ids: Sequence[UUID], *, activity: str, before: tuple[datetime, str, str], limit: int
) -> list[Activity]:
    """Activities of these members, the latest first; of one kind unless `activity` is empty."""
    rows = await tx.fetch_all(
        _PAGE,
        {
            "member_ids": list(member_ids),
            "activity": activity,
            "time": before[0],
            "source": before[1],
            "activity_id": before[2],
            "limit": limit,
        },
    )
    return [_activity(row) for row in rows]


def _activity(row: Any) -> Activity:
    found = Activity._make(row)
    fields: Any = found.fields
    return found._replace(fields=json.loads(fields)) if isinstance(fields, str) else found
