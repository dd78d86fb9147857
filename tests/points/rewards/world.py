"""What the tests of rewards say often."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from common.events import event_of
from common.events.members import MemberRegistered, MemberTierChanged, TierSince
from common.events.programme import ProgrammeSettings, ProgrammeUpdated
from common.events.segments import SegmentEntered
from common.security.callers import Caller
from common.security.roles import permissions_of
from common.storage import Database
from common.storage.programme import programmes_updated
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.ledger.domain import Cause, credit
from points.merges import handlers as merges
from points.reward_fulfilment import handlers as fulfilment
from points.reward_orders import handlers as orders
from points.reward_orders.domain import Order, Wanted
from points.rewards import handlers as rewards
from points.rewards.domain import Price, Reward

ADDRESS = {"name": "王芳", "phone": "13800138000", "city": "上海", "street": "南京西路 1 号"}
PERSON = {**dict.fromkeys(("country", "region", "postal_code", "note"), ""), **ADDRESS}


def caller(role: str = "operator", subject: str = "staff:test") -> Caller:
    roles = frozenset({role})
    return Caller(subject=subject, kind="staff", roles=roles, permissions=permissions_of(roles))


OPERATOR, TILL = caller(), caller("checkout", "client:shop")


def soon(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def _event(data: Any) -> Any:
    return event_of(data)


async def member(database: Database, *lots: tuple[int, datetime | None]) -> UUID:
    """A member with these points: (points, expires_at)."""
    member_id = uuid4()
    async with database.transaction() as tx:
        registered = MemberRegistered(member_id=member_id, revision=1, registered_at=soon(-400))
        await facts.keep_states(tx, [_event(registered)])
        wallets = await ledger.lock(tx, [member_id])
        earned = tx.now - timedelta(days=30)
        for number, (points, expires_at) in enumerate(lots):
            cause = Cause("earned", "", "", str(number), earned, tx.now)
            credit(wallets.of(member_id, "points"), points, cause, expires_at)
        await ledger.save(tx, wallets)
    return member_id


async def tier(database: Database, member_id: UUID, key: str) -> None:
    since = datetime.now(UTC) - timedelta(days=1)
    told = MemberTierChanged(
        member_id=member_id,
        revision=1,
        tier=key,
        previous_tier="base",
        direction="up",
        effective_at=since,
        history=(TierSince(tier=key, since=since),),
    )
    async with database.transaction() as tx:
        await facts.keep_histories(tx, [_event(told)])


async def segment(database: Database, member_id: UUID, key: str) -> None:
    told = SegmentEntered(member_id=member_id, segment=key, revision=1, occurred_at=soon(-1))
    async with database.transaction() as tx:
        await facts.keep_segments(tx, [_event(told)])


async def programme(database: Database, **settings: Any) -> None:
    told = ProgrammeUpdated(revision=1, effective_at=soon(-500), settings=ProgrammeSettings(**settings))
    async with database.transaction() as tx:
        await programmes_updated(tx, [_event(told)])


def reward(key: str = "mug", *, points: int = 100, **facts: Any) -> Reward:
    fields = {
        "kind": "goods",
        "name_zh": "马克杯",
        "name_en": "Mug",
        "prices": (Price(option="points", points=points),),
    }
    return Reward(reward=key, **{**fields, **facts})


async def offer(database: Database, wanted: Reward) -> Reward:
    """A published reward."""
    async with database.transaction() as tx:
        await rewards.create(tx, OPERATOR, wanted)
        return await rewards.move(tx, OPERATOR, wanted.reward, "published", None)


async def order(
    database: Database, member_id: UUID, key: str = "mug", *, by: Caller = TILL, goods: bool = True, **wish: Any
) -> Order:
    wanted = Wanted(member_id=member_id, reward=key, **{"address": PERSON if goods else None, **wish})
    async with database.transaction() as tx:
        return (await orders.order(tx, by, wanted)).order


async def undo(
    database: Database, order: Order, state: str = "cancelled", *, by: Caller = OPERATOR, restock: bool = True
) -> fulfilment.Undone:
    async with database.transaction() as tx:
        return await fulfilment.undo(tx, by, order.order_id, state, reason="", restock=restock, seen=None)


async def advance(database: Database, order: Order, *states: str) -> Order:
    for state in states:
        async with database.transaction() as tx:
            order = await fulfilment.advance(tx, OPERATOR, order.order_id, state, seen=None)
    return order


async def stock(database: Database, key: str = "mug") -> int | None:
    async with database.transaction() as tx:
        return (await rewards.of_key(tx, key)).stock


async def balance(database: Database, member_id: UUID) -> int:
    async with database.transaction() as tx:
        (wallet,) = await ledger.balances(tx, member_id, soon=tx.now)
    return wallet.available - wallet.debt


async def merge(database: Database, stays: UUID, absorbed: UUID) -> None:
    async with database.transaction() as tx:
        await merges.merge(tx, OPERATOR, uuid4(), stays, absorbed, tx.now)


async def value(database: Database, sql: str, **params: Any) -> Any:
    async with database.transaction() as tx:
        return await tx.fetch_value(sql, params)


async def rows(database: Database, sql: str, **params: Any) -> list[Any]:
    async with database.transaction() as tx:
        return list(await tx.fetch_all(sql, params))


async def told(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """What was emitted: (type, data), in order."""
    import json

    found = await rows(database, "SELECT routing_key, convert_from(body, 'UTF8') AS body FROM outbox ORDER BY id")
    return [(row.routing_key, json.loads(row.body)["data"]) for row in found]
