"""How many stored purchases a what-if replays per second: both sets of rules, with lines, limits and tiers."""

import os
import time
from typing import Any

import asyncpg

from bench.progress import say
from bench.world import MEMBERS, NOW, World
from common.events import new_id
from common.storage import Database
from points.simulation import store
from points.simulation.changes import Changes
from points.simulation.handlers import run_next

PURCHASES = 100_000
_FILL = """
    INSERT INTO purchases (source, order_id, member_id, currency, amount, basis, channel, shop, lines, tier, is_first,
        rounding, returned, returned_lines, occurred_at, recorded_at, body_hash)
    SELECT '//bench/what-if', 'what-if-' || number, ($1::uuid[])[1 + number % cardinality($1::uuid[])], 'CNY',
        amount, amount, (ARRAY['shop', 'online'])[1 + number % 2], 'shop-' || number % 40,
        jsonb_build_array(jsonb_build_array('sku-' || number % 300, 'tea', 1, amount / 2),
            jsonb_build_array('sku-' || number % 70, 'cup', 2, amount - amount / 2)),
        'base', false, 'floor', CASE number % 20 WHEN 0 THEN amount / 2 ELSE 0 END, NULL,
        $2::timestamptz - make_interval(mins => number % 120000), now(), '\\x00'
    FROM (SELECT number, 1000 + number * 7919 % 90000 AS amount FROM generate_series(1, $3) AS number) AS made
"""


def _rule(key: str, effect: dict[str, Any], **more: Any) -> dict[str, Any]:
    definition = {"names": {"en": key}, "occasion": {"kind": "purchase"}, "effect": effect, **more}
    return {"rule": key, "definition": definition}


CHANGES = {
    "rules": [
        _rule("tea", {"kind": "rate", "points": 2, "per_minor_units": 100, "lines": {"categories": ["tea"]}}),
        _rule(
            "large",
            {"kind": "fixed", "points": 50},
            when={"kind": "amount", "at_least": 50_000},
            limits=[{"scope": "member", "period": "month", "unit": "uses", "amount": 2}],
        ),
        _rule("weekend", {"kind": "multiplier", "factor": "1.5"}, when={"kind": "weekday", "days": [6, 7]}),
    ]
}


async def measure(world: World) -> float:
    """Purchases per second of one what-if over 100,000; the process that replays keeps to one core."""
    connection = await asyncpg.connect(world.databases["points"])
    try:
        await connection.execute(_FILL, MEMBERS, NOW, PURCHASES)
        await connection.execute("ANALYZE purchases")
    finally:
        await connection.close()
    database = Database(world.databases["points"], service="points")
    cores = os.sched_getaffinity(0)
    try:
        async with database.transaction() as tx:
            asked: Any = await store.add(
                tx,
                what_if_id=new_id(),
                name="bench",
                asked_by="bench",
                occurred_from=NOW.replace(year=NOW.year - 1, day=1),
                occurred_until=NOW,
                changes=Changes.model_validate(CHANGES).model_dump(mode="json", by_alias=True),
            )
        os.sched_setaffinity(0, {min(cores)})
        started = time.perf_counter()
        await run_next(database)
        seconds = time.perf_counter() - started
        async with database.transaction() as tx:
            done: Any = await store.get(tx, asked.what_if_id)
    finally:
        os.sched_setaffinity(0, cores)
        await database.close()
    if done.state != "finished" or done.done < PURCHASES - 1:
        raise RuntimeError(f"the what-if is {done.state} after {done.done} purchases: {done.problem}")
    say(f"what-if: {done.done} purchases in {seconds:.1f} s")
    return float(done.done / seconds)
