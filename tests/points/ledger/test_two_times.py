"""Balance as of two times, computed by hand: what had occurred then, by what was known then."""

from datetime import datetime
from typing import Any
from uuid import UUID

from common.storage import Database
from points.expiry import handlers as expiry
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, CLAWBACK, HELD, Cause, credit, settle_held, take
from tests.points.ledger.world import SHOP, days, must_hold, open_member

FOR_EVER = datetime.fromisoformat("9999-12-31T00:00:00+00:00")


class Story:
    """One member whose ledger is written at chosen times."""

    def __init__(self, database: Database, member_id: UUID) -> None:
        self.database, self.member_id = database, member_id

    async def at(self, day: float, work: Any) -> Any:
        """Do `work(tx, wallet)` with the clock at that day."""
        async with self.database.transaction() as tx:
            tx.now = days(day)
            wallets = await ledger.lock(tx, [self.member_id])
            found = await work(tx, wallets.of(self.member_id, "points"))
            await ledger.save(tx, wallets)
            return found

    async def earn(self, day: float, order: str, points: int, *, occurred: float | None = None, **times: Any) -> None:
        async def work(tx: Any, wallet: Any) -> None:
            why = Cause("earned", SHOP, order, "", days(day if occurred is None else occurred), tx.now)
            expires, available = times.get("expires"), times.get("available")
            credit(
                wallet,
                points,
                why,
                None if expires is None else days(expires),
                available_at=None if available is None else days(available),
                waits="return_window_closed" if times.get("waits") else "",
            )

        await self.at(day, work)

    async def spend(self, day: float, points: int, to_account: str = "redemption") -> int:
        async def work(tx: Any, wallet: Any) -> int:
            why = Cause("redeemed", "", "", "", tx.now, tx.now)
            return await ledger.spend(tx, wallet, points, why, to_account=to_account)

        return int(await self.at(day, work))

    async def give_back(self, day: float, debit: int, points: int, account: str = "redemption", grace: int = 7) -> None:
        async def work(tx: Any, wallet: Any) -> None:
            why = Cause("given_back", "", "", "", tx.now, tx.now)
            await ledger.give_back(tx, wallet, debit, points, why, from_account=account, grace_days=grace)

        await self.at(day, work)

    async def confirm(self, day: float, points: int) -> None:
        async def work(tx: Any, wallet: Any) -> None:
            settle_held(wallet, points, Cause("redeemed", "", "", "", tx.now, tx.now))

        await self.at(day, work)

    async def claw(self, day: float, order: str, points: int, *, occurred: float | None = None) -> None:
        async def work(tx: Any, wallet: Any) -> None:
            await ledger.load_for(tx, [ledger.Need(wallet, points, SHOP, order)])
            why = Cause("clawed_back", SHOP, order, "r", days(day if occurred is None else occurred), tx.now)
            take(wallet, points, why, CLAWBACK, ALLOW_NEGATIVE)

        await self.at(day, work)

    async def jobs(self, day: float) -> None:
        async with self.database.transaction() as tx:
            tx.now = days(day)
            await ledger.release_due(tx)
            await expiry.sweep(tx)

    async def ask(self, day: float, *, known: float | None = None) -> tuple[int, int, int, int]:
        """Available, pending, held, debt."""
        async with self.database.transaction() as tx:
            recorded = FOR_EVER if known is None else days(known)
            (one,) = await ledger.balances_as_of(tx, self.member_id, occurred_at=days(day), recorded_at=recorded)
        return (one.available, one.pending, one.held, one.debt)


async def begin(database: Database) -> Story:
    return Story(database, await open_member(database))


async def test_waiting_points_are_pending_until_their_day_whether_written_or_not(points_database: Database) -> None:
    story = await begin(points_database)
    await story.earn(0, "a", 30, available=7, expires=20)
    expected = {6.9: (0, 30, 0, 0), 7: (30, 0, 0, 0), 19.9: (30, 0, 0, 0), 20: (0, 0, 0, 0)}
    assert {day: await story.ask(day) for day in expected} == expected
    await story.jobs(9)
    assert {day: await story.ask(day) for day in expected} == expected
    assert await story.ask(8, known=8) == (30, 0, 0, 0)
    await story.jobs(25)
    assert {day: await story.ask(day) for day in expected} == expected
    assert await story.ask(21, known=1) == (0, 0, 0, 0)


async def test_points_that_came_late_had_been_waiting_then(points_database: Database) -> None:
    """Recorded on day 10, when their waiting was over: on day 3 they could not have been spent."""
    story = await begin(points_database)
    await story.earn(10, "late", 30, occurred=0, available=7)
    assert await story.ask(3) == (0, 30, 0, 0)
    assert await story.ask(8) == (30, 0, 0, 0)
    assert await story.ask(11, known=11) == (30, 0, 0, 0)


async def test_release_by_event_counts_from_the_event_on(points_database: Database) -> None:
    story = await begin(points_database)
    await story.earn(0, "a", 30, waits=True)

    async def close(tx: Any, wallet: Any) -> None:
        wallets = ledger.Wallets([wallet])
        await ledger.release(tx, wallets, story.member_id, SHOP, "a", occurred_at=days(4))

    await story.at(6, close)
    assert await story.ask(3) == (0, 30, 0, 0)
    assert await story.ask(5) == (30, 0, 0, 0)
    assert await story.ask(5, known=5) == (0, 30, 0, 0)


async def test_holds_confirmations_and_what_is_given_back(points_database: Database) -> None:
    story = await begin(points_database)
    await story.earn(0, "a", 40, expires=5)
    await story.earn(0, "b", 60, expires=50)
    debit = await story.spend(1, 70, HELD)
    await story.confirm(2, 45)
    await story.give_back(3, debit, 25, HELD, 0)
    await story.jobs(6)
    await story.give_back(8, debit, 45, grace=7)
    assert {day: await story.ask(day) for day in (0, 1, 2, 3, 5, 8, 14.9, 15)} == {
        0: (100, 0, 0, 0),
        1: (30, 0, 70, 0),
        2: (30, 0, 25, 0),
        3: (55, 0, 0, 0),  # the 25 went back to the later lot: 5 of it are taken, all 40 of the earlier
        5: (55, 0, 0, 0),
        8: (100, 0, 0, 0),  # 5 into the later lot, 40 renewed for seven days
        14.9: (100, 0, 0, 0),
        15: (60, 0, 0, 0),
    }
    assert await story.ask(8, known=7) == (55, 0, 0, 0)
    assert await story.ask(2, known=1) == (30, 0, 70, 0)
    await story.jobs(16)
    assert await story.ask(16) == (60, 0, 0, 0)
    assert await story.ask(8) == (100, 0, 0, 0)
    await must_hold(points_database, story.member_id)


async def test_expiry_counts_from_its_instant_not_from_the_sweep(points_database: Database) -> None:
    story = await begin(points_database)
    await story.earn(0, "a", 40, expires=5)
    await story.spend(2, 15)
    expected = {1: (40, 0, 0, 0), 4.9: (25, 0, 0, 0), 5: (0, 0, 0, 0)}
    assert {day: await story.ask(day) for day in expected} == expected
    await story.jobs(9)
    assert {day: await story.ask(day) for day in expected} == expected
    assert {day: await story.ask(day, known=6) for day in expected} == expected


async def test_debt_then_and_now(points_database: Database) -> None:
    story = await begin(points_database)
    await story.earn(0, "a", 60)
    await story.spend(1, 60)
    await story.claw(4, "a", 30, occurred=2)
    await story.earn(5, "b", 50)
    assert {day: await story.ask(day) for day in (1, 2, 5)} == {
        1: (0, 0, 0, 0),
        2: (0, 0, 0, 30),
        5: (20, 0, 0, 0),
    }
    assert await story.ask(3, known=3) == (0, 0, 0, 0)


async def test_return_of_expired_points_as_of_any_day(points_database: Database) -> None:
    story = await begin(points_database)
    await story.earn(0, "a", 60, expires=5)
    await story.jobs(6)
    await story.claw(8, "a", 20)
    assert {day: await story.ask(day) for day in (1, 6, 9)} == {1: (60, 0, 0, 0), 6: (0, 0, 0, 0), 9: (0, 0, 0, 0)}
    await story.jobs(10)
    assert await story.ask(11) == (0, 0, 0, 0)
    await must_hold(points_database, story.member_id)


async def test_debt_is_repaid_by_what_became_available_before_it_expired(points_database: Database) -> None:
    """Nothing is written between: three of the ten repaid debt on day 2, before the rest expired on day 4."""
    story = await begin(points_database)
    await story.earn(0, "a", 10, available=2, expires=4)
    await story.earn(0, "never-there", 10, available=5, expires=1)
    await story.claw(1, "other", 3)
    expected = {1: (0, 10, 0, 3), 2: (7, 0, 0, 0), 4: (0, 0, 0, 0), 6: (0, 0, 0, 0)}
    assert {day: await story.ask(day) for day in expected} == expected
    await story.jobs(7)
    await story.jobs(8)
    assert {day: await story.ask(day) for day in expected} == expected
    await must_hold(points_database, story.member_id)


async def test_what_was_taken_out_of_later_points_is_owed_before_they_come(points_database: Database) -> None:
    """A return of day 2, told on day 8, takes from a lot of day 6: on day 5 it was owed, and nothing is less than 0."""
    story = await begin(points_database)
    await story.earn(0, "a", 60, expires=5)
    await story.earn(6, "b", 50)
    await story.claw(8, "other", 30, occurred=2)
    expected = {1: (60, 0, 0, 0), 3: (30, 0, 0, 0), 5: (0, 0, 0, 30), 6: (20, 0, 0, 0)}
    assert {day: await story.ask(day) for day in expected} == expected
    assert await story.ask(3, known=7) == (60, 0, 0, 0)
