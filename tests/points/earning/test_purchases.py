"""Purchases through the handler on a real database."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from common.events.points import PointsEarned
from common.storage import Database
from points.accruals import handlers as accruals
from tests.points.world import (
    NOON,
    PAYLOADS,
    SHOP,
    balance,
    day,
    happen,
    member,
    programme,
    purchase,
    rate,
    registered,
    rows,
    tiers,
    value,
    words,
)

_EARNED = """
    SELECT order_id, CAST(shares -> 0 ->> 'version' AS integer) AS version, earned
    FROM purchases JOIN accruals ON occasion_id = order_id ORDER BY occurred_at
"""
_BY_TIER = """
    SELECT order_id, tier, earned FROM purchases JOIN accruals ON occasion_id = order_id ORDER BY occurred_at
"""


async def earned_events(database: Database) -> list[PointsEarned]:
    found = await rows(database, f"{PAYLOADS} WHERE routing_key = 'points.earned.v1' ORDER BY id")
    return [PointsEarned.model_validate_json(row.body) for row in found]


async def test_purchase_earns_by_the_seeded_rule_and_says_so(points_database: Database) -> None:
    someone = await member(points_database)
    assert await happen(points_database, purchase(someone, "a", 200_00, discount=20_00)) == []
    assert await balance(points_database, someone) == (180, 0)
    (event,) = await earned_events(points_database)
    assert (event.member_id, event.points, event.balance, event.basis, event.order_id) == (
        someone,
        180,
        180,
        180_00,
        "a",
    )
    assert (event.rule, event.rule_version, event.tier, event.sequence) == ("purchase_rate", 1, "base", 1)


async def test_accrual_keeps_every_factor(points_database: Database) -> None:
    await rate(points_database, 3, 200, multipliers={"gold": "1.5"})
    someone = await member(points_database)
    await happen(points_database, tiers(someone, 1, ("gold", day(-5))), purchase(someone, "a", 33_00))
    (row,) = await rows(points_database, "SELECT * FROM purchases")
    assert (row.source, row.order_id, row.member_id, row.currency) == (SHOP, "a", someone, "CNY")
    assert (row.amount, row.basis, row.tier, row.rounding) == (33_00, 33_00, "gold", "floor")
    async with points_database.transaction() as tx:
        ((credit,),) = (await accruals.by_keys(tx, [(SHOP, "a")])).values()
    assert (credit.wallet, credit.earned, credit.taken_back) == ("points", 74, 0)
    assert sum(share.points for share in credit.shares) == 74
    assert {share.rule for share in credit.shares} >= {"purchase_rate"}
    assert [share.factor for share in credit.shares if share.factor] == ["1.5"]


async def test_event_carries_the_trace_of_its_cause(points_database: Database) -> None:
    someone = await member(points_database)
    event = purchase(someone, "a", 10_000)
    traced = type(event)(
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time,
        data=event.data,
        body_hash=event.body_hash,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    await happen(points_database, traced)
    trace = await value(points_database, "SELECT convert_from(body, 'UTF8')::jsonb ->> 'traceparent' FROM outbox")
    assert trace[3:35] == "0af7651916cd43dd8448eb211c80319c"


async def test_purchase_that_earns_nothing_is_recorded_without_a_transfer_or_an_event(
    points_database: Database,
) -> None:
    someone = await member(points_database)
    assert await happen(points_database, purchase(someone, "a", 99)) == []
    assert await value(points_database, "SELECT count(*) FROM accruals") == 0
    assert await value(points_database, "SELECT count(*) FROM purchases") == 1
    assert await value(points_database, "SELECT count(*) FROM transfers") == 0
    assert await earned_events(points_database) == []


async def test_unknown_member_is_retried_and_has_no_effect(points_database: Database) -> None:
    stranger = uuid4()
    event = purchase(stranger, "a", 10_000)
    assert words(await happen(points_database, event)) == [("retry", "unknown_member")]
    assert await value(points_database, "SELECT count(*) FROM purchases") == 0
    await happen(points_database, registered(stranger))
    assert await happen(points_database, event) == []
    assert await balance(points_database, stranger) == (100, 0)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"currency": "USD"}, "currency_mismatch"),
        ({"at": datetime(1989, 12, 31, tzinfo=UTC)}, "absurd_time"),
        ({"at": datetime.now(UTC) + timedelta(hours=25)}, "absurd_time"),
    ],
)
async def test_impossible_purchase_is_dead_and_the_rest_of_the_batch_goes_on(
    points_database: Database, facts: dict[str, object], reason: str
) -> None:
    someone = await member(points_database)
    bad = purchase(someone, "bad", 10_000, **facts)  # type: ignore[arg-type]
    outcomes = await happen(points_database, purchase(someone, "a", 10_000), bad, purchase(someone, "b", 10_000))
    assert words(outcomes) == [("dead", reason)]
    assert outcomes[0].event is bad
    assert await balance(points_database, someone) == (200, 0)


async def test_more_points_than_any_order_may_earn_is_dead(points_database: Database) -> None:
    await rate(points_database, 1_000_000, 1)
    someone = await member(points_database)
    outcomes = await happen(points_database, purchase(someone, "a", 10**12))
    assert words(outcomes) == [("dead", "too_many_points")]


async def test_same_purchase_again_is_a_duplicate(points_database: Database) -> None:
    someone = await member(points_database)
    first, again, later = (purchase(someone, "a", 10_000) for _ in range(3))
    assert words(await happen(points_database, first, again)) == [("duplicate", "")]
    assert words(await happen(points_database, later)) == [("duplicate", "")]
    assert await balance(points_database, someone) == (100, 0)
    assert len(await earned_events(points_database)) == 1


async def test_same_order_with_another_body_is_dead(points_database: Database) -> None:
    someone = await member(points_database)
    first, other, later = (purchase(someone, "a", amount) for amount in (10_000, 20_000, 30_000))
    assert words(await happen(points_database, first, other)) == [("dead", "order_id_reused")]
    assert words(await happen(points_database, later)) == [("dead", "order_id_reused")]
    assert await balance(points_database, someone) == (100, 0)


async def test_same_order_id_of_another_source_is_another_purchase(points_database: Database) -> None:
    someone = await member(points_database)
    both = purchase(someone, "a", 10_000), purchase(someone, "a", 10_000, source="//other.example")
    assert await happen(points_database, *both) == []
    assert await balance(points_database, someone) == (200, 0)


async def test_same_order_of_two_members_at_once_is_credited_to_one_of_them(points_database: Database) -> None:
    """Their wallets do not make them take turns: the key of the accrual does, and the loser comes again."""
    both = [await member(points_database) for _ in range(2)]

    async def try_(someone: UUID) -> str:
        event = purchase(someone, "a", 10_000)
        try:
            outcomes = await happen(points_database, event)
        except IntegrityError:  # the consumer does the batch again, event by event
            outcomes = await happen(points_database, event)
        return outcomes[0].reason if outcomes else "done"

    assert sorted(await asyncio.gather(*(try_(someone) for someone in both))) == ["done", "order_id_reused"]
    assert await value(points_database, "SELECT sum(balance) FROM wallets") == 100


async def test_refused_purchase_does_not_use_up_its_order_id(points_database: Database) -> None:
    someone = await member(points_database)
    wrong, right = purchase(someone, "a", 10_000, currency="USD"), purchase(someone, "a", 10_000)
    assert words(await happen(points_database, wrong, right)) == [("dead", "currency_mismatch")]
    assert await balance(points_database, someone) == (100, 0)


async def test_late_purchase_earns_by_the_version_valid_when_it_occurred(points_database: Database) -> None:
    someone = await member(points_database)
    await rate(points_database, 2, 100, effective_from=day(0))
    await rate(points_database, 5, 100, effective_from=day(10))
    for order, at in (("before", day(-1)), ("at", day(0)), ("between", day(9)), ("after", day(10))):
        await happen(points_database, purchase(someone, order, 100_00, at=at))
    found = await rows(points_database, _EARNED)
    assert [tuple(row) for row in found] == [("before", 1, 100), ("at", 2, 200), ("between", 2, 200), ("after", 3, 500)]


async def test_of_two_versions_from_the_same_instant_the_later_published_counts(points_database: Database) -> None:
    someone = await member(points_database)
    await rate(points_database, 2, 100, effective_from=day(0))
    await rate(points_database, 3, 100, effective_from=day(0))
    await happen(points_database, purchase(someone, "a", 100_00, at=day(1)))
    assert await balance(points_database, someone) == (300, 0)


async def test_multiplier_is_of_the_tier_held_strictly_before_the_purchase(points_database: Database) -> None:
    await rate(points_database, multipliers={"gold": "2"})
    someone = await member(points_database)
    await happen(points_database, tiers(someone, 1, ("base", day(-100)), ("gold", day(0))))
    await happen(points_database, purchase(someone, "crossing", 100_00, at=day(0)))
    await happen(points_database, purchase(someone, "next", 100_00, at=day(0) + timedelta(seconds=1)))
    found = await rows(points_database, _BY_TIER)
    assert [tuple(row) for row in found] == [("crossing", "base", 100), ("next", "gold", 200)]


async def test_programme_decides_currency_rounding_and_switches(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, programme(currency="USD", rounding="ceil", earn_on_tax=True))
    outcomes = await happen(
        points_database, purchase(someone, "a", 10_01, tax=1_00, currency="USD"), purchase(someone, "b", 10_00)
    )
    assert words(outcomes) == [("dead", "currency_mismatch")]
    assert await balance(points_database, someone) == (12, 0)


async def test_expiry_by_the_programme_is_stored_and_expired_points_do_not_count(points_database: Database) -> None:
    someone = await member(points_database)
    await happen(points_database, programme(expiry_months=12))
    long_ago = datetime.now(UTC) - timedelta(days=400)
    await happen(points_database, purchase(someone, "old", 70_00, at=long_ago))
    await happen(points_database, purchase(someone, "new", 30_00, at=datetime.now(UTC)))
    old, new = await earned_events(points_database)
    assert old.expires_at is not None
    assert old.expires_at < datetime.now(UTC) < (new.expires_at or NOON)
    assert (old.balance, new.balance) == (0, 30)
