"""How many lots a second the expiry sweep writes down: transfers with hashes, lots, wallets, events in the outbox.

`together`: five lots of a member end at one instant, as `end_of_month` lets them: one transfer and one event. `apart`:
each lot ends at an instant of its own, the worst there is. One process, one transaction for each batch of wallets, as
the timed job does it.
"""

import time
from statistics import median

from bench.lots import POINTS, Lots, members
from bench.progress import say
from bench.world import World
from common.storage import Database
from points.expiry import handlers as expiry
from points.ledger import chain, reading

MEMBERS, EACH = 8_000, 5
TOGETHER, APART = "together", "apart"
_EXPIRES = {
    TOGETHER: "timestamptz '2021-01-01' + number * interval '0'",
    APART: "timestamptz '2021-01-01' + number * interval '1 day'",
}
_SAMPLE = 50


async def measure(world: World, rounds: int) -> dict[str, float]:
    """The medians of the interleaved rounds, in lots a second."""
    rates: dict[str, list[float]] = {TOGETHER: [], APART: []}
    for number in range(1, rounds + 1):
        for place, way in enumerate(rates):
            lots = Lots(members=members(MEMBERS, 100 + 2 * number + place), each=EACH, expires_at=_EXPIRES[way])
            await lots.lay_down(world)
            rates[way].append(await _sweep(world, lots, [EACH * POINTS] if way == TOGETHER else [POINTS] * EACH))
            say(f"expiry round {number}/{rounds}: {way:<8} {rates[way][-1]:>9,.0f} lots/s")
    return {way: median(values) for way, values in rates.items()}


async def _sweep(world: World, lots: Lots, expected: list[int]) -> float:
    database = Database(world.databases["points"], service="points", pool_size=1)
    try:
        begun, swept = time.perf_counter(), 0
        while True:
            async with database.transaction() as tx:
                some = await expiry.sweep_some(tx, expiry.WALLETS_PER_RUN)
            swept += some
            if not some:
                break
        per_second = swept / (time.perf_counter() - begun)
        await _check(database, lots, swept, expected)
    finally:
        await database.close()
    return per_second


async def _check(database: Database, lots: Lots, swept: int, expected: list[int]) -> None:
    if swept != MEMBERS * EACH:
        raise AssertionError(f"{swept} lots were swept")
    async with database.transaction() as tx:
        if await tx.fetch_value("SELECT count(*) FROM wallets WHERE balance <> 0 AND earliest_expiry <= now()"):
            raise AssertionError("something is left in the wallets")
        for member_id in lots.members[:_SAMPLE]:
            rows = await reading.transfers_of(tx, member_id, "points", after=EACH, limit=10)
            if [row.points for row in rows] != expected:
                raise AssertionError(f"{rows} were written")
            if chain.breaks(rows, sequence=EACH, head=rows[0].previous_hash):
                raise AssertionError(f"the chain of {member_id} does not hold")
