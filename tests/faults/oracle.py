"""What must be true after every fault: nothing lost, effects once, the ledger holds, nothing is left lying about."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging.channel import BatchConnection
from points.checks import handlers as checks
from tests.faults.world import World, until

POINTS_PER_MINOR_UNITS = 100
"""The rule that points starts with: one point for one unit of money."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What was published and shall take effect, and what shall be set aside: count by error, by service."""

    bought: Sequence[PurchaseCompleted]
    returned: Sequence[PurchaseRefunded] = ()
    dead: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def earned(self) -> dict[str, int]:
        return {one.order_id: one.amount // POINTS_PER_MINOR_UNITS for one in self.bought}

    def taken_back(self) -> dict[str, int]:
        """By order; cumulative, so that any split adds up to the whole."""
        amounts, earned, back = {one.order_id: one.amount for one in self.bought}, self.earned(), Counter[str]()
        for one in self.returned:
            back[one.order_id] += one.amount
        return {order: earned[order] * amount // amounts[order] for order, amount in back.items()}

    def balances(self) -> dict[Any, int]:
        """Balance less debt, by member."""
        balances, earned, taken = Counter[Any](), self.earned(), self.taken_back()
        for one in self.bought:
            balances[one.member_id] += earned[one.order_id] - taken.get(one.order_id, 0)
        return dict(balances)


async def holds(world: World, expected: Expected, *, within_seconds: float = 90) -> None:
    """Wait until all has taken effect and nothing is under way, then judge; AssertionError names what is wrong."""
    await world.until_value(
        "points", "SELECT count(*) FROM purchases", len(expected.bought), within_seconds=within_seconds
    )
    if expected.returned:
        sql = "SELECT count(*) FROM returns WHERE state = 'applied'"
        await world.until_value("points", sql, len(expected.returned), within_seconds=within_seconds)
    for service in world.databases:
        wanted = sum(expected.dead.get(service, {}).values())
        await world.until_value(service, "SELECT count(*) FROM dead_letters", wanted, within_seconds=within_seconds)
    await nothing_under_way(world)
    world.settled = True
    wrong = await complaints(world, expected)
    assert not wrong, "\n".join(wrong)


async def nothing_under_way(world: World, *, within_seconds: float = 60) -> None:
    """Queues of the services at hand and their outboxes empty, nothing unacknowledged as far as the broker has counted.

    The world has the last word at its end, when the workers have stopped.
    """
    for service in world.databases:
        await world.until_value(service, "SELECT count(*) FROM outbox", 0, within_seconds=within_seconds)
    left: dict[str, int] = {}

    async def empty() -> bool:
        ready, counted = await world.ready_now(), await world.queues()
        left.clear()
        left.update((name, sum(counted.get(name, (0, 0)))) for name in ready if counted.get(name, (0, 0)) != (0, 0))
        left.update((name, count) for name, count in ready.items() if count)
        return not left

    await until(empty, within_seconds=within_seconds, what=lambda: f"queues to be empty: {left}")


async def complaints(world: World, expected: Expected) -> list[str]:
    """Everything that is wrong, in words."""
    return [
        *await _ledger(world, expected),
        *await _published(world),
        *[line for service in world.databases for line in await _framework(world, service, expected)],
    ]


async def _ledger(world: World, expected: Expected) -> list[str]:
    wrong: list[str] = []
    earned = {row.order_id: row for row in await world.rows("points", _EARNED)}
    back = expected.taken_back()
    for order, points in expected.earned().items():
        row = earned.pop(order, None)
        if row is None:
            wrong.append(f"purchase {order} is lost")
        elif (row.earned, row.taken_back) != (points, back.get(order, 0)):
            wrong.append(f"purchase {order}: {(row.earned, row.taken_back)} instead of {(points, back.get(order, 0))}")
    wrong += [f"purchase {order} was never made" for order in earned]
    transfers = await world.rows(
        "points", "SELECT order_id, count(*) AS n FROM transfers WHERE kind = 'earned' GROUP BY 1 HAVING count(*) > 1"
    )
    wrong += [f"purchase {row.order_id} took effect {row.n} times" for row in transfers]
    wallets = {row.member_id: row.net for row in await world.rows("points", _NET)}
    for member, balance in expected.balances().items():
        if wallets.pop(member, 0) != balance:
            wrong.append(f"the balance of {member} is not {balance}")
    wrong += [f"{member} has {net} points from nowhere" for member, net in wallets.items()]
    async with world.databases["points"].transaction() as tx:
        for finding in await checks.look(tx):
            if not finding.holds or finding.difference:
                wrong.append(f"the ledger does not hold: {finding}")
    if broken := await world.value("points", _CHAIN):
        wrong.append(f"{broken} transfers do not follow upon the one before")
    return wrong


_EARNED = """
    SELECT order_id, COALESCE(sum(earned), 0) AS earned, COALESCE(sum(taken_back), 0) AS taken_back
    FROM purchases LEFT JOIN accruals
        ON kind = 'purchase' AND accruals.source = purchases.source AND occasion_id = order_id
    GROUP BY purchases.source, order_id
"""
_NET = "SELECT member_id, balance - debt AS net FROM wallets"
_CHAIN = """
    SELECT count(*) FROM (
        SELECT sequence, previous_hash, lag(hash) OVER w AS before, lag(sequence, 1, 0::bigint) OVER w AS place
        FROM transfers WINDOW w AS (PARTITION BY member_id, wallet ORDER BY sequence)
    ) AS chain WHERE sequence <> place + 1 OR (before IS NOT NULL AND before <> previous_hash)
"""
_TOLD = "SELECT count(*) FROM transfers WHERE kind = 'earned'"


async def _published(world: World) -> list[str]:
    """Every credit was told to the others: once by event id, whatever was sent twice."""
    told = await world.value("points", _TOLD)
    wrong = []
    for service in ("notify", "analytics"):
        if service in world.databases:
            sql = "SELECT count(*) FROM inbox WHERE type = 'points.earned.v1'"
            heard = await world.value(service, sql)
        else:
            heard = len(Counter(await ids_in(world, f"{service}.main", "points.earned.v1")))
        if heard != told:
            wrong.append(f"{service} heard of {heard} credits, {told} there were")
    return wrong


async def ids_in(world: World, queue: str, event_type: str) -> list[str]:
    """Ids of the events of a type that lie in a queue of a service that does not run; they are taken out."""
    ids: list[str] = []
    async with BatchConnection(world.vhost.url("operator"), name="oracle") as connection:
        channel = await connection.channel()
        left = (await channel.queue_declare(queue, passive=True)).message_count or 0
        await channel.consume(queue, prefetch=2000)
        while left:
            channel.arrived.clear()
            if not channel.buffer:
                await channel.arrived.wait()
            taken = [channel.buffer.popleft() for _ in range(len(channel.buffer))]
            left -= len(taken)
            bodies = [orjson.loads(one.body) for one in taken if one.routing_key == event_type]
            ids += [f"{body['source']} {body['id']}" for body in bodies]
            await channel.basic_ack(taken[-1].tag, multiple=True)
    return ids


async def _framework(world: World, service: str, expected: Expected) -> list[str]:
    wrong = []
    letters = await world.rows(service, "SELECT error_type, count(*) AS n FROM dead_letters GROUP BY 1")
    found = {row.error_type: row.n for row in letters}
    if found != dict(expected.dead.get(service, {})):
        wrong.append(f"dead letters of {service}: {found}, expected {dict(expected.dead.get(service, {}))}")
    deadlocks = await world.value(service, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    if deadlocks:
        wrong.append(f"{deadlocks} deadlocks in {service}")
    return wrong
