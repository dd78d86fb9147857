"""How many purchases a second one process turns into ledger entries and confirmed events, in four ways."""

from functools import partial
from statistics import median

import asyncpg
import httpx

from bench import world as worlds
from bench.counting import Sink, rate
from bench.progress import say
from bench.world import World
from common.events.points import PointsEarned
from common.events.purchases import PurchaseCompleted

COUNTS = {"baseline": 1_200, "per_message": 5_000, "limit": 40_000, "ours": 40_000}
MODULES = {
    "baseline": "bench.ways.baseline",
    "per_message": "bench.ways.per_message",
    "limit": "bench.ways.limit",
    "ours": "points",
}
WITHIN_SECONDS = 60.0
_BEGUN = (
    "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE source = $1 AND event_id >= $2 AND event_id < $3 LIMIT 1) AS one"
)


class Deaths:
    """Deadlocks of the database and restarts of our consumer, over all runs."""

    def __init__(self) -> None:
        self.deadlocks = 0
        self.consumer_restarts = 0

    async def look(self, world: World, metrics_port: str) -> None:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{metrics_port}/metrics")).text
        self.consumer_restarts += sum(
            int(float(line.rsplit(" ", 1)[1]))
            for line in text.splitlines()
            if line.startswith("loyalty_consumer_restarts_total{")
        )
        sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        self.deadlocks = await world.fetch("points", sql)


async def run_once(world: World, way: str, run: str, deaths: Deaths, count: int | None = None) -> float:
    """Purchases a second of one way over a backlog with 5 % duplicates."""
    total = count or COUNTS[way]
    async with Sink(world.servers.broker(world.vhost, "operator"), PointsEarned.TYPE) as sink:
        await worlds.publish(world, worlds.purchases(total, run=run), key=PurchaseCompleted.TYPE)
        port = str(world.ports.pick())
        arguments = ("worker",) if way == "ours" else ()
        with world.running(MODULES[way], *arguments, service="points", METRICS_PORT=port):
            connection = await asyncpg.connect(world.databases["points"])
            try:
                if way == "limit":
                    return await _limit(connection, total)
                begun = partial(connection.fetchval, _BEGUN, worlds.SOURCE, f"{run}-", f"{run}.")
                per_second = await rate(begun, sink.count, total, within_seconds=WITHIN_SECONDS)
            finally:
                await connection.close()
            if way == "ours":
                await deaths.look(world, port)
    await check(world, way, run, total)
    return per_second


async def _limit(connection: asyncpg.Connection, total: int) -> float:
    await connection.execute("DROP TABLE IF EXISTS bench_limit; CREATE TABLE bench_limit (body bytea)")
    count = partial(connection.fetchval, "SELECT count(*) FROM bench_limit")
    return await rate(count, count, int(total * 1.05), within_seconds=WITHIN_SECONDS)


async def check(world: World, way: str, run: str, total: int) -> None:
    """A way that is fast because it loses or doubles something is no way."""
    table, each = ("bench_entries", 2) if way == "baseline" else ("transfers", 1)
    entries = await world.fetch("points", f"SELECT count(*) FROM {table} WHERE order_id LIKE '{run}-%'")
    if entries != total * each:
        raise AssertionError(f"{run}: {entries} entries for {total} purchases")
    wrong = await world.fetch("points", _UNEQUAL[table])
    if wrong:
        raise AssertionError(f"{run}: {wrong} balances differ from the sum of their entries")


_UNEQUAL = {
    "transfers": """
        SELECT count(*) FROM wallets
        JOIN (SELECT member_id, sum(points) AS points FROM transfers GROUP BY member_id) AS moved USING (member_id)
        WHERE wallets.balance <> moved.points
    """,
    "bench_entries": """
        SELECT count(*) FROM (SELECT sum(balance) AS sum FROM bench_accounts
            WHERE id IN (SELECT account_id FROM bench_entries)) AS accounts
        WHERE sum <> (SELECT sum(points) FROM bench_entries)
    """,
}


async def compare(world: World, rounds: int, deaths: Deaths) -> dict[str, float]:
    """Medians of interleaved rounds."""
    rates: dict[str, list[float]] = {way: [] for way in COUNTS}
    for number in range(1, rounds + 1):
        for way in COUNTS:
            per_second = await run_once(world, way, f"{way}{number}", deaths)
            rates[way].append(per_second)
            say(f"accrual round {number}/{rounds}: {way:<12} {per_second:>9,.0f} purchases/s")
    return {way: median(values) for way, values in rates.items()}
