"""Events and readings that the tests of analytics are written with."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from analytics.consumer import SUBSCRIPTIONS
from common.events import Contract, Event, event_of
from common.events.members import MemberRegistered, MemberTierChanged, TierSince
from common.events.notices import NoticeSent
from common.events.points import PointsClawedBack, PointsEarned
from common.events.programme import ProgrammeSettings, ProgrammeUpdated
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import Outcome
from common.storage import Database, Transaction

SHOP = "//shop/one"
SHANGHAI = ZoneInfo("Asia/Shanghai")
MARCH = date(2026, 3, 1)
NAMES = UUID("018f2b7a-0000-7000-8000-000000000000")


def member(name: str) -> UUID:
    """The same member for the same name."""
    return uuid5(NAMES, name)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """`at("2026-03-01 23:30")`: a local time in the zone."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def purchase(
    order_id: str,
    *,
    who: str = "lin",
    when: str | datetime = "2026-03-01 12:00",
    amount: int = 10_000,
    discount: int = 0,
    channel: str = "web",
    currency: str = "CNY",
    source: str = SHOP,
    **more: Any,
) -> Event[Any]:
    data = PurchaseCompleted(
        order_id=order_id,
        member_id=member(who),
        occurred_at=at(when) if isinstance(when, str) else when,
        currency=currency,
        amount=amount,
        discount=discount,
        channel=channel,
        **more,
    )
    return event_of(data, source=source)


def refund(
    return_id: str,
    order_id: str,
    *,
    when: str | datetime = "2026-03-02 12:00",
    amount: int = 1_000,
    currency: str = "CNY",
    source: str = SHOP,
    order_source: str | None = None,
) -> Event[Any]:
    data = PurchaseRefunded(
        return_id=return_id,
        order_id=order_id,
        order_source=order_source,
        occurred_at=at(when) if isinstance(when, str) else when,
        currency=currency,
        amount=amount,
    )
    return event_of(data, source=source)


def registered(who: str, *, revision: int = 1, **facts: Any) -> Event[Any]:
    known = {"registered_at": at("2026-01-01 09:00"), "region": "Shanghai", "gender": "f", **facts}
    return event_of(MemberRegistered(member_id=member(who), revision=revision, **known), source="//loyalty/members")


def tier_changed(who: str, *history: tuple[str, str], revision: int = 1) -> Event[Any]:
    steps = tuple(TierSince(tier=tier, since=at(since)) for tier, since in history)
    data = MemberTierChanged(
        member_id=member(who),
        revision=revision,
        tier=steps[-1].tier,
        previous_tier=steps[0].tier,
        direction="up",
        effective_at=steps[-1].since,
        history=steps,
    )
    return event_of(data, source="//loyalty/members")


def earned(
    who: str, sequence: int, points: int, *, when: str = "2026-03-01 12:00", wallet: str = "points", balance: int = 0
) -> Event[Any]:
    data = PointsEarned(
        member_id=member(who),
        wallet=wallet,
        sequence=sequence,
        points=points,
        balance=balance,
        occurred_at=at(when),
        order_source=SHOP,
        order_id=f"{who}-{sequence}",
        rule="standard",
        rule_version=1,
    )
    return event_of(data, source="//loyalty/points")


def clawed_back(
    who: str,
    sequence: int,
    points: int,
    *,
    when: str = "2026-03-02 12:00",
    shortfall: int = 0,
    policy: str = "allow_negative",
) -> Event[Any]:
    data = PointsClawedBack(
        member_id=member(who),
        sequence=sequence,
        points=points,
        balance=0,
        occurred_at=at(when),
        return_id=f"return-{sequence}",
        shortfall=shortfall,
        policy=policy,
    )
    return event_of(data, source="//loyalty/points")


def notice(
    number: int,
    *,
    kind: type[Any] = NoticeSent,
    who: str = "lin",
    when: str = "2026-03-01 12:00",
    template: str = "points_earned",
    channel: str = "inbox",
    **more: Any,
) -> Event[Any]:
    data = kind(
        notice_id=UUID(int=NAMES.int + number),
        member_id=member(who),
        template=template,
        channel=channel,
        cause_source="//loyalty/points",
        cause_id=f"cause-{number}",
        decided_at=at(when),
        **more,
    )
    return event_of(data, source="//loyalty/notify")


def settings(revision: int = 1, **changes: Any) -> Event[Any]:
    """A programme update: `settings(2, time_zone="Europe/Berlin")`."""
    data = ProgrammeUpdated(
        revision=revision, effective_at=datetime(2020, 1, 1, tzinfo=UTC), settings=ProgrammeSettings(**changes)
    )
    return event_of(data, source="//loyalty/members")


async def hear(database: Database, *events: Event[Any]) -> list[Outcome]:
    """One batch, as a worker would handle it: by type, in the order of the subscriptions."""
    async with database.transaction() as tx:
        return await hear_in(tx, events)


async def hear_in(tx: Transaction, events: Sequence[Event[Any]]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    ordered = sorted(events, key=lambda event: (event.source, event.id))
    for subscription in SUBSCRIPTIONS:
        kind: type[Contract] = subscription.contract
        if mine := [event for event in ordered if event.type == kind.TYPE]:
            outcomes += await subscription.handler(tx, mine) or ()
    return outcomes


def words(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """(word, reason) of each outcome, sorted."""
    return sorted((outcome.word, outcome.reason) for outcome in outcomes)


async def spend_days(database: Database) -> dict[tuple[date, str], tuple[int, ...]]:
    """The roll-up: (day, channel) → (orders, gross, discount, returns, returned), without what came to nothing."""
    sql = """
        SELECT day, channel, sum(orders) AS orders, sum(gross) AS gross, sum(discount) AS discount,
            sum(returns) AS returns, sum(returned) AS returned
        FROM spend_days GROUP BY day, channel
        HAVING (sum(orders), sum(gross), sum(discount), sum(returns), sum(returned)) <> (0, 0, 0, 0, 0)
    """
    async with database.transaction() as tx:
        rows = await tx.fetch_all(sql)
    return {
        (row.day, row.channel): tuple(
            int(number) for number in (row.orders, row.gross, row.discount, row.returns, row.returned)
        )
        for row in rows
    }


async def value(database: Database, sql: str) -> Any:
    async with database.transaction() as tx:
        return await tx.fetch_value(sql)
