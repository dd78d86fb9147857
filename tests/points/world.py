"""What the tests of points say often: events by their facts, delivered as a batch would be."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from common.events import Contract, Event, event_of
from common.events.members import MemberRegistered, MemberTierChanged, TierSince
from common.events.programme import ProgrammeSettings, ProgrammeUpdated
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import Outcome
from common.storage import Database, Transaction
from points.consumer import SUBSCRIPTIONS
from points.rules import handlers as rules
from points.rules.definition import Definition

SHOP = "//shop.example/tills/1"
NOON = datetime(2025, 3, 10, 12, 0, tzinfo=UTC)


def day(number: int) -> datetime:
    """Noon of the day `number` days after 10 March 2025."""
    return NOON + timedelta(days=number)


def registered(member_id: UUID, *, revision: int = 1, **facts: Any) -> Event[Contract]:
    return event_of(MemberRegistered(member_id=member_id, revision=revision, registered_at=day(-400), **facts))


def purchase(
    member_id: UUID, order_id: str, amount: int, *, at: datetime = NOON, source: str = SHOP, **facts: Any
) -> Event[Contract]:
    data = PurchaseCompleted(
        order_id=order_id, member_id=member_id, occurred_at=at, amount=amount, **{"currency": "CNY", **facts}
    )
    return event_of(data, source=source)


def refund(
    order_id: str, return_id: str, amount: int, *, at: datetime = NOON, source: str = SHOP, **facts: Any
) -> Event[Contract]:
    data = PurchaseRefunded(
        return_id=return_id, order_id=order_id, occurred_at=at, amount=amount, **{"currency": "CNY", **facts}
    )
    return event_of(data, source=source)


def tiers(member_id: UUID, revision: int, *steps: tuple[str, datetime]) -> Event[Contract]:
    """The member's whole history: (tier, since)."""
    return event_of(
        MemberTierChanged(
            member_id=member_id,
            revision=revision,
            tier=steps[-1][0] if steps else "base",
            previous_tier="base",
            direction="up",
            effective_at=steps[-1][1] if steps else NOON,
            history=tuple(TierSince(tier=tier, since=since) for tier, since in steps),
        )
    )


def programme(revision: int = 1, **settings: Any) -> Event[Contract]:
    return event_of(ProgrammeUpdated(revision=revision, effective_at=day(-500), settings=ProgrammeSettings(**settings)))


async def deliver(tx: Transaction, events: Sequence[Event[Any]]) -> list[Outcome]:
    """One batch: each handler gets the events of its contract, in the order of the subscriptions."""
    outcomes: list[Outcome] = []
    for subscription in SUBSCRIPTIONS:
        chosen = [event for event in events if event.type == subscription.contract.TYPE]
        if chosen:
            outcomes += await subscription.handler(tx, chosen) or ()
    return outcomes


async def happen(database: Database, *events: Event[Any]) -> list[Outcome]:
    """One batch in a transaction of its own."""
    async with database.transaction() as tx:
        return await deliver(tx, events)


def words(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.word, outcome.reason) for outcome in outcomes]


async def balance(database: Database, member_id: UUID, wallet: str = "points") -> tuple[int, int]:
    """Balance and debt as they are written down."""
    async with database.transaction() as tx:
        row: Any = await tx.fetch_one(
            "SELECT balance, debt FROM wallets WHERE member_id = :member AND wallet = :wallet",
            {"member": member_id, "wallet": wallet},
        )
    return (row.balance, row.debt)


async def value(database: Database, sql: str, **params: Any) -> Any:
    async with database.transaction() as tx:
        return await tx.fetch_value(sql, params)


PAYLOADS = "SELECT convert_from(body, 'UTF8')::jsonb ->> 'data' AS body FROM outbox"
"""What was emitted, as JSON."""


async def rows(database: Database, sql: str, **params: Any) -> Sequence[Any]:
    async with database.transaction() as tx:
        return await tx.fetch_all(sql, params)


async def rate(
    database: Database,
    points: int = 1,
    per: int = 100,
    *,
    multipliers: Mapping[str, str] | None = None,
    effective_from: datetime = datetime(1900, 1, 1, tzinfo=UTC),
    wallet: str = "points",
) -> int:
    """Publish the next version of the purchase rate (returns its number), and of the tiers' multipliers if there are
    any or were.
    """
    rate = {"kind": "rate", "points": points, "per_minor_units": per}
    version = await rule(database, "purchase_rate", rate, effective_from=effective_from, wallet=wallet)
    before = await value(database, "SELECT count(*) FROM earning_rules WHERE rule = 'tier_multiplier'")
    if multipliers or before:
        by_tier = {"kind": "multiplier", "by_tier": dict(multipliers or {})}
        await rule(database, "tier_multiplier", by_tier, effective_from=effective_from, wallet=wallet)
    return version


async def rule(
    database: Database,
    key: str,
    effect: Mapping[str, Any],
    *,
    effective_from: datetime = datetime(1900, 1, 1, tzinfo=UTC),
    **definition: Any,
) -> int:
    """Publish the next version of a rule, as the API would after checking it; returns its number."""
    wanted = Definition.model_validate({"names": {"en": key}, "effect": dict(effect), **definition})
    async with database.transaction() as tx:
        row = await rules.add_version(tx, key, wanted, effective_from, "test")
    return int(row.version)


async def member(database: Database) -> UUID:
    """A new member that points knows of."""
    member_id = uuid4()
    await happen(database, registered(member_id))
    return member_id
