"""Segments, birthdays, days of registration and merges: known late or early, what was earned is the same."""

from typing import Any
from uuid import UUID, uuid4

from common.events import Contract, Event, event_of
from common.events.members import MemberUpdated, Sealed
from common.events.segments import SegmentEntered, SegmentLeft
from common.storage import Database
from points import keyring
from points.facts import handlers as facts
from points.facts.birthdays import PURPOSE, birthday_of
from points.facts.domain import Known, MemberFacts, SegmentChange, segments_before
from tests.points.world import SHOP, balance, day, happen, member, purchase, registered, rows, rule, value, words

VIP = {"kind": "segment", "one_of": ["vip"]}


def entered(someone: UUID, revision: int, at: int, **facts: Any) -> Event[Contract]:
    told = {"segment": "vip", "occurred_at": day(at), **facts}
    return event_of(SegmentEntered(member_id=someone, revision=revision, **told), source=SHOP)


def left(someone: UUID, revision: int, at: int) -> Event[Contract]:
    return event_of(SegmentLeft(member_id=someone, segment="vip", revision=revision, occurred_at=day(at)), source=SHOP)


def test_segment_is_held_strictly_after_it_was_entered_and_the_highest_revision_counts() -> None:
    changes = [
        SegmentChange("vip", 1, True, day(1)),
        SegmentChange("vip", 2, False, day(5)),
        SegmentChange("new", 1, True, day(2)),
    ]
    assert segments_before(changes, day(1)) == frozenset()
    assert segments_before(changes, day(3)) == {"vip", "new"}
    assert segments_before(changes, day(6)) == {"new"}


async def test_segment_that_is_told_late_corrects_what_was_earned_while_it_was_held(points_database: Database) -> None:
    await rule(points_database, "vip", {"kind": "fixed", "points": 7}, when=VIP)
    someone = await member(points_database)
    await happen(points_database, *(purchase(someone, f"o{at}", 10_00, at=day(at)) for at in (1, 3, 6)))
    assert await balance(points_database, someone) == (30, 0)
    await happen(points_database, left(someone, 2, 5))
    await happen(points_database, entered(someone, 1, 2))
    assert await balance(points_database, someone) == (37, 0)
    found = await rows(points_database, "SELECT occasion_id, reason, points FROM repricings WHERE points <> 0")
    assert [tuple(row) for row in found] == [("o3", "segment_history", 7)]


async def test_same_change_of_a_segment_is_a_duplicate_and_another_with_its_revision_dead(
    points_database: Database,
) -> None:
    someone = await member(points_database)
    events = [entered(someone, 1, 2), entered(someone, 1, 2), entered(someone, 1, 3)]
    assert words(await happen(points_database, *events)) == [("duplicate", ""), ("dead", "revision_reused")]
    assert await value(points_database, "SELECT count(*) FROM segment_changes") == 1


async def sealed(database: Database, someone: UUID, **fields: str) -> Sealed:
    async with database.transaction() as tx:
        return await keyring.current().seal(tx, someone, fields, purpose=PURPOSE)


async def test_birthday_stays_sealed_and_doubles_what_is_earned_near_it(points_database: Database) -> None:
    near = {"kind": "birthday", "days_before": 1, "days_after": 1}
    await rule(points_database, "party", {"kind": "multiplier", "factor": "2"}, when=near)
    someone = uuid4()
    born = await sealed(points_database, someone, birthday=f"1990-{day(0):%m-%d}", calendar="solar")
    await happen(points_database, registered(someone, birthday=born))
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00, at=day(9)))
    assert await balance(points_database, someone) == (30, 0)
    assert "1990" not in await value(points_database, "SELECT birthday FROM members")


async def test_birthday_that_is_told_late_corrects_and_an_erased_member_keeps_the_points(
    points_database: Database,
) -> None:
    near = {"kind": "birthday", "days_before": 1, "days_after": 1}
    await rule(points_database, "party", {"kind": "multiplier", "factor": "2"}, when=near)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00))
    born = await sealed(points_database, someone, birthday=f"1990-{day(0):%m-%d}", calendar="solar")
    update = MemberUpdated(member_id=someone, revision=2, registered_at=day(-400), birthday=born)
    await happen(points_database, event_of(update))
    assert await balance(points_database, someone) == (20, 0)
    erased = MemberUpdated(member_id=someone, revision=3, registered_at=day(-400), status="erased")
    await happen(points_database, event_of(erased))
    assert await balance(points_database, someone) == (20, 0)
    assert await value(points_database, "SELECT wrapped = '' FROM data_keys WHERE member_id = :m", m=someone) is True


def test_lunar_birthdays_are_read_and_nonsense_is_none() -> None:
    lunar = birthday_of({"birthday": "1990-08-15", "calendar": "lunar"})
    assert lunar is not None
    assert (lunar.month, lunar.day, lunar.calendar) == (8, 15, "lunar")
    assert birthday_of({"birthday": "soon"}) is None
    assert birthday_of({}) is None


async def test_day_of_registration_that_is_told_after_the_history_corrects(points_database: Database) -> None:
    long = {"kind": "registered", "at_least_days": 365}
    await rule(points_database, "loyal", {"kind": "fixed", "points": 3}, when=long)
    someone = uuid4()
    await happen(points_database, entered(someone, 1, 0))
    await happen(points_database, purchase(someone, "a", 10_00))
    await happen(points_database, registered(someone))
    assert await balance(points_database, someone) == (13, 0)


def test_points_of_a_merged_member_are_with_the_last_who_stayed_and_circles_end() -> None:
    a, b, c = (UUID(int=number) for number in (1, 2, 3))
    chain = {
        1: MemberFacts(member_id=a, merged_into=b, merged_at=day(5)),
        2: MemberFacts(member_id=b, merged_into=c, merged_at=day(9)),
    }
    known = Known(chain)
    assert (known.owner(a), known.owner(b), known.owner(c)) == (c, c, c)
    assert [known.person(a, day(at)) for at in (4, 5, 9)] == [a, b, c]
    assert known.missing() == {c}
    assert Known({**chain, 3: MemberFacts(member_id=c, merged_into=a, merged_at=day(1))}).owner(a) in (a, b, c)


async def test_purchase_and_return_of_an_absorbed_member_move_the_survivors_points(points_database: Database) -> None:
    absorbed, survivor = await member(points_database), await member(points_database)
    async with points_database.transaction() as tx:
        await facts.merged(tx, absorbed, survivor, day(5))
    await happen(points_database, purchase(absorbed, "a", 100_00, at=day(1)), purchase(absorbed, "b", 50_00, at=day(6)))
    await happen(points_database, purchase(absorbed, "a", 100_00, at=day(1)))
    assert await balance(points_database, survivor) == (150, 0)
    found = await rows(points_database, "SELECT order_id, member_id FROM purchases ORDER BY order_id")
    assert [tuple(row) for row in found] == [("a", absorbed), ("b", survivor)]
    async with points_database.transaction() as tx:
        assert await facts.survivors(tx, [absorbed, survivor]) == {absorbed: survivor}
        assert set(await facts.group(tx, survivor)) == {absorbed, survivor}
        await facts.unmerged(tx, absorbed)
        assert await facts.survivors(tx, [absorbed]) == {}
