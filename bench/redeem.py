"""What redeeming costs a member with 10,000 lots, over what it costs one with 10.

One redemption is a transaction of its own: lock, spend, `points.redeemed.v1` into the outbox, save, commit. It is done
in this process by the ledger's handlers, without HTTP, which would add the same to both and so make the ratio smaller.
"""

import time
from statistics import median
from uuid import UUID

from bench.lots import Lots, members
from bench.progress import say
from bench.world import World
from common.events.points import PointsRedeemed
from common.storage import Database
from points.ledger import handlers as ledger
from points.ledger.domain import Cause

FEW, MANY = 10, 10_000
EACH_ROUND = 40
POINTS = 45
"""Of five lots."""

_EXPIRES = "CASE WHEN number % 3 > 0 THEN timestamptz '2090-01-01' + (number * 7919 % 10007) * interval '1 hour' END"


async def compare(world: World, rounds: int) -> float:
    """The ratio of the medians of interleaved redemptions."""
    few = Lots(members=members(rounds * EACH_ROUND, 1), each=FEW, expires_at=_EXPIRES)
    many = Lots(members=members(5, 2), each=MANY, expires_at=_EXPIRES)
    await few.lay_down(world)
    await many.lay_down(world)
    times: dict[int, list[float]] = {FEW: [], MANY: []}
    database = Database(world.databases["points"], service="points", pool_size=1)
    try:
        await _redeem(database, many.members[0], "warm")
        for number, member in enumerate(few.members):
            for each, who in ((FEW, member), (MANY, many.members[number % len(many.members)])):
                begun = time.perf_counter()
                await _redeem(database, who, str(number))
                times[each].append(time.perf_counter() - begun)
    finally:
        await database.close()
    await _check(world, rounds)
    few_ms, many_ms = (median(times[each]) * 1000 for each in (FEW, MANY))
    say(f"redeem: {FEW} lots {few_ms:.2f} ms, {MANY:,} lots {many_ms:.2f} ms")
    return many_ms / few_ms


async def _redeem(database: Database, member_id: UUID, redemption: str) -> None:
    async with database.transaction() as tx:
        wallets = await ledger.lock(tx, [member_id])
        wallet = wallets.of(member_id, "points")
        sequence = await ledger.spend(tx, wallet, POINTS, Cause("redeemed", "", "", redemption, tx.now, tx.now))
        tx.emit(
            PointsRedeemed(
                member_id=member_id,
                sequence=sequence,
                points=POINTS,
                balance=wallet.spendable,
                occurred_at=tx.now,
                redemption_id=redemption,
            )
        )
        await ledger.save(tx, wallets)


async def _check(world: World, rounds: int) -> None:
    spent = await world.fetch("points", "SELECT sum(points) FROM lot_consumptions")
    if spent != (2 * rounds * EACH_ROUND + 1) * POINTS:
        raise AssertionError(f"{spent} points were taken from lots")
