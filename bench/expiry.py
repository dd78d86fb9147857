"""How many lots a second the expiry sweep writes down: transfers with hashes, lots, wallets, events in the outbox.

Each member has five lots in two months that ended, as `end_of_month` leaves them: two transfers. One process, one
transaction for each batch of wallets, as the timed job does it.
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
_EXPIRES = "timestamptz '2021-01-01' + (number % 2) * interval '1 month'"
_SAMPLE = 50


async def measure(world: World, rounds: int) -> float:
    """The median of the rounds, in lots a second."""
    rates: list[float] = []
    for number in range(1, rounds + 1):
        lots = Lots(members=members(MEMBERS, 100 + number), each=EACH, expires_at=_EXPIRES)
        await lots.lay_down(world)
        database = Database(world.databases["points"], service="points", pool_size=1)
        try:
            begun, swept = time.perf_counter(), 0
            while True:
                async with database.transaction() as tx:
                    some = await expiry.sweep_some(tx, expiry.WALLETS_PER_RUN)
                swept += some
                if not some:
                    break
            rates.append(swept / (time.perf_counter() - begun))
            await _check(database, lots, swept)
        finally:
            await database.close()
        say(f"expiry round {number}/{rounds}: {rates[-1]:>9,.0f} lots/s")
    return median(rates)


async def _check(database: Database, lots: Lots, swept: int) -> None:
    if swept != MEMBERS * EACH:
        raise AssertionError(f"{swept} lots were swept")
    async with database.transaction() as tx:
        if await tx.fetch_value("SELECT count(*) FROM wallets WHERE balance <> 0 AND earliest_expiry <= now()"):
            raise AssertionError("something is left in the wallets")
        for member_id in lots.members[:_SAMPLE]:
            rows = await reading.transfers_of(tx, member_id, "points", after=EACH, limit=10)
            if [row.points for row in rows] != [2 * POINTS, 3 * POINTS]:
                raise AssertionError(f"{rows} were written")
            if chain.breaks(rows, sequence=EACH, head=rows[0].previous_hash):
                raise AssertionError(f"the chain of {member_id} does not hold")
