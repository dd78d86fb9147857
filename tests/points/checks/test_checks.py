"""The check that the ledger holds finds what does not."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.runtime.metrics import REGISTRY
from common.storage import Database
from points.checks import handlers as checks
from points.checks.domain import Difference, Movement, Stored, judge
from points.jobs import SCHEDULE
from points.ledger.domain import HELD
from tests.points.ledger.world import earn, open_member, spend
from tests.points.world import day, happen, member, purchase, rate, refund, rows, tiers, value


async def a_little_history(database: Database) -> Any:
    someone = await member(database)
    await happen(database, purchase(someone, "a", 100_00, at=day(1)), purchase(someone, "b", 50_00, at=day(2)))
    await happen(database, refund("a", "r", 40_00, at=day(3)))
    return someone


async def check(database: Database) -> None:
    async with database.transaction() as tx:
        await checks.check(tx)


async def look(database: Database) -> Any:
    async with database.transaction() as tx:
        (finding,) = await checks.look(tx)
    return finding


def test_programmes_accounts_and_members_accounts_sum_to_zero() -> None:
    movements = [
        Movement(from_account="issue", to_account="wallet", kind="earned", transfers=2, points=150),
        Movement(from_account="wallet", to_account="clawback", kind="clawed_back", transfers=1, points=40),
        Movement(from_account="debt", to_account="clawback", kind="shortfall", transfers=1, points=10),
    ]
    finding = judge("points", movements, Stored(balance=110, debt=10, lots=110), [])
    assert (finding.difference, finding.holds, finding.transfers) == (0, True, 4)
    assert (finding.issued, finding.clawed_back, finding.written_off) == (150, 50, 0)


def test_difference_is_named_with_the_figures() -> None:
    movements = [Movement(from_account="issue", to_account="wallet", kind="earned", transfers=1, points=100)]
    finding = judge("points", movements, Stored(balance=130, debt=0, lots=120), [])
    assert (finding.difference, finding.holds) == (30, False)
    assert [(problem["what"], problem["difference"]) for problem in finding.problems] == [
        ("sum of balances", 30),
        ("sum of lots", -10),
    ]


async def test_empty_ledger_holds(points_database: Database) -> None:
    await check(points_database)
    async with points_database.transaction() as tx:
        assert await checks.look(tx) == []


async def test_check_folds_only_what_has_moved_and_agrees_with_reading_everything(points_database: Database) -> None:
    someone = await a_little_history(points_database)
    await check(points_database)
    await rate(points_database, multipliers={"gold": "2"})
    await happen(points_database, purchase(someone, "c", 10_00, at=day(5)))
    await happen(points_database, tiers(someone, 1, ("gold", day(4))))
    live = await look(points_database)
    await check(points_database)
    async with points_database.transaction() as tx:
        await checks.check_everything(tx)
    assert live.holds
    assert (live.balance, live.issued, live.clawed_back, live.transfers) == (130, 170, 40, 5)
    kept = await rows(points_database, "SELECT complete, transfers, balance, difference FROM ledger_checks ORDER BY id")
    assert [tuple(row) for row in kept] == [(False, 3, 110, 0), (False, 5, 130, 0), (True, 5, 130, 0)]
    assert await value(points_database, "SELECT sum(transfers) FROM account_totals") == 5


@pytest.mark.parametrize("checked_before", [False, True])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE wallets SET balance = balance + 7", "balance"),
        ("UPDATE wallets SET debt = debt + 7", "debt"),
        ("UPDATE wallets SET sequence = sequence + 7", "newest transfer"),
    ],
)
async def test_changed_wallet_is_found_and_its_member_named(
    points_database: Database, change: str, what: str, checked_before: bool
) -> None:
    someone = await a_little_history(points_database)
    if checked_before:
        await check(points_database)
    await value(points_database, change + " RETURNING 1")
    await check(points_database)
    finding = await look(points_database)
    assert not finding.holds
    found = {problem["what"]: problem for problem in finding.problems if problem.get("member_id") == str(someone)}
    assert found[what]["difference"] == 7
    assert await value(points_database, "SELECT jsonb_array_length(problems) > 0 FROM ledger_checks ORDER BY id DESC")


async def test_changed_lot_is_found_when_its_wallet_moves_and_when_everything_is_read(
    points_database: Database,
) -> None:
    someone = await a_little_history(points_database)
    await check(points_database)
    await value(points_database, "UPDATE lots SET remaining = remaining - 5 WHERE order_id = 'b' RETURNING 1")
    assert (await look(points_database)).holds
    async with points_database.transaction() as tx:
        await checks.check_everything(tx)
    latest = await value(points_database, "SELECT problems::text FROM ledger_checks ORDER BY id DESC")
    assert str(someone) in latest
    assert "sum of lots" in latest
    await happen(points_database, purchase(someone, "c", 10_00))
    assert not (await look(points_database)).holds


async def test_removed_transfer_is_found(points_database: Database) -> None:
    await a_little_history(points_database)
    async with points_database.transaction() as tx:
        await tx.execute("ALTER TABLE transfers DISABLE TRIGGER transfers_append_only")
        await tx.execute("DELETE FROM transfers WHERE sequence = 2")
    finding = await look(points_database)
    assert {problem["what"] for problem in finding.problems} >= {"balance", "number of transfers"}


async def test_result_of_the_check_is_a_metric(points_database: Database) -> None:
    await a_little_history(points_database)
    await check(points_database)
    assert REGISTRY.get_sample_value("loyalty_ledger_difference_points", {"wallet": "points"}) == 0
    assert REGISTRY.get_sample_value("loyalty_points_outstanding", {"wallet": "points"}) == 110
    await value(points_database, "UPDATE wallets SET balance = balance + 7 RETURNING 1")
    await check(points_database)
    assert REGISTRY.get_sample_value("loyalty_ledger_difference_points", {"wallet": "points"}) == 7
    assert (REGISTRY.get_sample_value("loyalty_ledger_problems", {"wallet": "points"}) or 0) > 0


async def test_several_types_of_wallets_are_checked_apart(points_database: Database) -> None:
    someone = await a_little_history(points_database)
    await rate(points_database, 2, 100, wallet="growth")
    await happen(points_database, purchase(someone, "g", 10_00))
    async with points_database.transaction() as tx:
        found = {finding.wallet: (finding.balance, finding.holds) for finding in await checks.look(tx)}
    assert found == {"growth": (20, True), "points": (110, True)}


def test_difference_says_what_is_written_and_what_it_should_be() -> None:
    someone = UUID(int=7)
    facts = Difference(member_id=someone, what="balance", written=12, folded=10).facts()
    assert facts == {"member_id": str(someone), "what": "balance", "written": 12, "folded": 10, "difference": 2}


def test_ledger_check_is_on_the_schedule() -> None:
    names = {job.name for job in SCHEDULE}
    assert names >= {"ledger.check", "ledger.check_everything", "returns.settle", "activities.settle"}
    assert names >= {"ledger.release_due", "expiry.sweep", "expiry.notify_ahead"}


async def test_points_that_are_held_belong_to_an_open_hold(points_database: Database) -> None:
    """The complete check asks the redemptions; a hold that nobody knows of is named."""
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "a")
    await spend(points_database, someone, 20, to_account=HELD)
    async with points_database.transaction() as tx:
        await checks.check_everything(tx)
    (kept,) = await rows(points_database, "SELECT problems::text AS problems, held, pending FROM ledger_checks")
    assert (kept.held, kept.pending) == (20, 0)
    (problem,) = json.loads(kept.problems)
    assert (problem["what"], problem["written"], problem["folded"]) == ("open holds", 20, 0)


@pytest.mark.parametrize("account", ["pending", "held"])
async def test_changed_account_is_found(points_database: Database, account: str) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "a", waits=True)
    await value(points_database, f"UPDATE wallets SET {account} = {account} + 3 RETURNING 1")
    finding = await look(points_database)
    assert {problem["what"] for problem in finding.problems} >= {account, f"sum of {account}"}


async def test_lot_that_waits_in_writing_but_not_in_the_accounts_is_found(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "a", waits=True)
    await value(points_database, "UPDATE lots SET pending = false RETURNING 1")
    finding = await look(points_database)
    assert {problem["what"] for problem in finding.problems} == {"lots", "lots that wait"}


async def test_movements_are_told_by_day_folded_or_not(points_database: Database) -> None:
    """A day is that of the programme's zone: 17:00 in London is the next day in Shanghai."""
    someone = await open_member(points_database)
    evening = datetime(2025, 3, 10, 17, tzinfo=UTC)
    await earn(points_database, someone, 50, "a", at=evening - timedelta(hours=2))
    await earn(points_database, someone, 20, "b", at=evening)
    await check(points_database)
    await earn(points_database, someone, 5, "c", at=evening)
    async with points_database.transaction() as tx:
        found = await checks.by_day(tx, "points", date(2025, 3, 10), date(2025, 3, 11))
        only = await checks.by_day(tx, "points", date(2025, 3, 10), date(2025, 3, 10))
    days = [(row.day, row.from_account, row.to_account, row.transfers, row.points) for row in found]
    assert days == [
        (date(2025, 3, 10), "issue", "wallet", 1, 50),
        (date(2025, 3, 11), "issue", "wallet", 2, 25),
    ]
    assert [row.points for row in only] == [50]


async def test_check_at_the_same_time_as_that_of_everything_adds_up_nothing_twice(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 50, "a")
    async with points_database.transaction() as tx:
        await checks.check(tx)
    await earn(points_database, someone, 40, "b")
    async with points_database.transaction() as tx:
        await checks.check_everything(tx)

        async def check() -> None:
            async with points_database.transaction() as another:
                await checks.check(another)

        at_once = asyncio.create_task(check())
        await asyncio.wait([at_once], timeout=1)
    await at_once
    await earn(points_database, someone, 1, "c")
    async with points_database.transaction() as tx:
        await checks.check(tx)
        assert [(one.holds, one.balance) for one in await checks.look(tx)] == [(True, 91)]
