"""What points keeps of members, and which tier they held when."""

from datetime import timedelta
from uuid import uuid4

from common.events import event_of
from common.events.members import MemberUpdated
from common.storage import Database
from points.facts.domain import MemberFacts, first_difference, first_tier, tier_before
from tests.points.world import day, happen, registered, rows, tiers, value

SOMEONE = uuid4()


def history(*steps: tuple[str, int]) -> MemberFacts:
    return MemberFacts(member_id=SOMEONE, tiers=[tier for tier, _ in steps], since=[day(at) for _, at in steps])


def test_tier_is_the_one_held_strictly_before() -> None:
    facts = history(("silver", 0), ("gold", 10))
    assert tier_before(facts, day(0), "base") == "base"
    assert tier_before(facts, day(0) + timedelta(microseconds=1), "base") == "silver"
    assert tier_before(facts, day(10), "base") == "silver"
    assert tier_before(facts, day(11), "base") == "gold"


def test_member_without_history_has_the_first_tier() -> None:
    assert tier_before(history(), day(0), "bronze") == "bronze"
    assert first_tier([(2, "gold"), (0, "bronze"), (1, "silver")]) == "bronze"
    assert first_tier([]) == "base"


def test_histories_differ_from_the_first_instant_on_which_the_tier_is_another() -> None:
    before = history(("silver", 0), ("gold", 10))
    assert first_difference(before, before, "base") is None
    assert first_difference(before, history(("silver", 0), ("gold", 7)), "base") == day(7)
    assert first_difference(before, history(("silver", 0)), "base") == day(10)
    assert first_difference(history(), before, "base") == day(0)
    assert first_difference(history(), history(("base", 0), ("gold", 10)), "base") == day(10)


async def test_highest_revision_of_a_member_wins_in_any_order(points_database: Database) -> None:
    someone = uuid4()
    updated = [
        event_of(MemberUpdated(member_id=someone, revision=revision, status=status, registered_at=day(-400)))
        for revision, status in ((3, "left"), (2, "paused"))
    ]
    for event in (updated[0], registered(someone), updated[1]):
        await happen(points_database, event)
    (row,) = await rows(points_database, "SELECT revision, status FROM members")
    assert tuple(row) == (3, "left")


async def test_highest_revision_within_one_batch_wins(points_database: Database) -> None:
    someone = uuid4()
    await happen(
        points_database,
        *(registered(someone, revision=revision, status=f"s{revision}") for revision in (2, 5, 3)),
    )
    assert await value(points_database, "SELECT status FROM members") == "s5"


async def test_older_tier_history_changes_nothing(points_database: Database) -> None:
    someone = uuid4()
    await happen(points_database, tiers(someone, 2, ("gold", day(0))))
    await happen(points_database, tiers(someone, 1, ("silver", day(0))))
    (row,) = await rows(points_database, "SELECT tier_revision, tier, history_tiers, history_since FROM members")
    assert tuple(row) == (2, "gold", ["gold"], [day(0)])


async def test_tier_history_may_come_before_the_member(points_database: Database) -> None:
    someone = uuid4()
    await happen(points_database, tiers(someone, 4, ("base", day(-10)), ("gold", day(0))))
    await happen(points_database, registered(someone))
    (row,) = await rows(points_database, "SELECT revision, registered_at, tier_revision, history_tiers FROM members")
    assert tuple(row) == (1, day(-400), 4, ["base", "gold"])
    assert await value(points_database, "SELECT count(*) FROM wallets") == 1


async def test_many_histories_are_kept_by_one_batch(points_database: Database) -> None:
    members = [uuid4() for _ in range(30)]
    await happen(points_database, *(tiers(one, 1, ('银牌, "1"', day(0)), ("金牌", day(1))) for one in members))
    assert await value(points_database, "SELECT count(*) FROM members WHERE history_tiers[2] = '金牌'") == 30
