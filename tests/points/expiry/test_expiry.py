"""The sweep writes down what has expired, once; notices go out before."""

import asyncio
import json
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.storage import Database
from points.errors import InsufficientPointsError
from points.expiry import handlers as expiry
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, CLAWBACK, Cause, Wallet, take, transfer
from points.wallet_types import handlers as wallet_types
from points.wallet_types.domain import WalletType
from tests.points.ledger.world import (
    SHOP,
    at_work,
    cause,
    days,
    earn,
    must_hold,
    open_member,
    remaining,
    seen,
    spend,
    written,
)


async def sweep(database: Database, limit: int = 100, *, now: datetime | None = None) -> int:
    async with database.transaction() as tx:
        tx.now = now or tx.now
        return await expiry.sweep_some(tx, limit)


async def told(database: Database, kind: str) -> list[dict[str, Any]]:
    async with database.transaction() as tx:
        rows: Any = await tx.fetch_all(
            "SELECT convert_from(body, 'UTF8') AS body FROM outbox WHERE routing_key = :kind ORDER BY id",
            {"kind": kind},
        )
    return [json.loads(row.body)["data"] for row in rows]


async def transfers(database: Database, member_id: Any) -> list[tuple[Any, ...]]:
    async with database.transaction() as tx:
        found = await ledger.newest(tx, member_id, "points", ledger.Chosen(), before=None, limit=100)
    return [(one.kind, one.from_account, one.to_account, one.points, one.balance) for one in reversed(found)]


async def test_sweep_writes_one_transfer_for_each_instant_and_again_nothing_more(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 10, "a", expires=days(-2), at=days(-9))
    await earn(points_database, someone, 20, "b", expires=days(-2), at=days(-8))
    await earn(points_database, someone, 40, "c", expires=days(-1), at=days(-8))
    await earn(points_database, someone, 80, "d", expires=days(1))
    assert (await seen(points_database, someone)).available == 80
    assert await sweep(points_database) == 3
    assert (await transfers(points_database, someone))[4:] == [
        ("expired", "wallet", "expiry", 30, 120),
        ("expired", "wallet", "expiry", 40, 80),
    ]
    assert await remaining(points_database, someone) == {4: 80}
    assert (await seen(points_database, someone)).available == 80
    events = await told(points_database, "points.expired.v1")
    assert [(one["points"], one["lots"], one["sequence"], one["balance"]) for one in events] == [
        (30, 2, 5, 80),
        (40, 1, 6, 80),
    ]
    assert await sweep(points_database) == 0
    assert len(await transfers(points_database, someone)) == 6
    await must_hold(points_database, someone)


async def test_points_that_waited_for_an_event_expire_from_pending(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 25, "a", expires=days(-1), waits=True)
    assert (await seen(points_database, someone)).pending == 0
    assert await sweep(points_database) == 1
    assert await transfers(points_database, someone) == [
        ("earned", "issue", "pending", 25, 0),
        ("expired", "pending", "expiry", 25, 0),
    ]
    assert await written(points_database, someone) == {}
    await must_hold(points_database, someone)


async def test_sweep_goes_on_where_it_stopped_and_leaves_wallets_at_work_alone(points_database: Database) -> None:
    members = [await open_member(points_database) for _ in range(5)]
    for one in members:
        await earn(points_database, one, 10, "a", expires=days(-1))
    async with at_work(points_database, members[0]):
        swept = [await sweep(points_database, 2) for _ in range(4)]
    assert swept == [2, 2, 0, 0]
    assert await sweep(points_database, 2) == 1
    await must_hold(points_database, *members)


async def test_two_sweeps_at_once_write_each_thing_once(points_database: Database) -> None:
    members = [await open_member(points_database) for _ in range(30)]
    for one in members:
        await earn(points_database, one, 10, "a", expires=days(-1))
    swept = await asyncio.gather(*(sweep(points_database, 10) for _ in range(6)))
    assert sum(swept) + await sweep(points_database, 100) == 30
    await must_hold(points_database, *members)


async def test_return_finds_the_same_whether_the_sweep_has_run_or_not(points_database: Database) -> None:
    """Points of the purchase itself that expired unused are not owed; other members' order of jobs does not matter."""
    ends = []
    for swept_before in (False, True):
        someone = await open_member(points_database)
        await earn(points_database, someone, 60, "own", expires=days(-1), at=days(-20))
        await earn(points_database, someone, 15, "other", expires=days(5), at=days(-20))
        if swept_before:
            await sweep(points_database)
        async with at_work(points_database, someone) as (tx, wallet):
            await ledger.load_for(tx, [ledger.Need(wallet, 100, SHOP, "own")])
            taken = take(wallet, 40, cause(tx, "clawed_back", "own"), CLAWBACK, ALLOW_NEGATIVE)
        async with at_work(points_database, someone) as (tx, wallet):
            await ledger.load_for(tx, [ledger.Need(wallet, 100, SHOP, "own")])
            again = take(wallet, 30, cause(tx, "clawed_back", "own"), CLAWBACK, ALLOW_NEGATIVE)
        await sweep(points_database)
        ends.append((taken.shortfall, again.shortfall, await written(points_database, someone)))
        await must_hold(points_database, someone)
    assert ends == [(0, 0, {"balance": 5})] * 2


async def test_given_back_after_expiry_lives_for_the_grace_and_no_longer(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 30, "soon", expires=days(2))
    await earn(points_database, someone, 50, "late", expires=days(40))
    debit = await spend(points_database, someone, 60)
    async with at_work(points_database, someone, now=days(3)) as (tx, wallet):
        back = await ledger.give_back(tx, wallet, debit, 60, cause(tx, "given_back"), grace_days=7)
        assert back.grace_until == tx.now + timedelta(days=7)
    assert (back.restored, back.renewed) == (30, 30)
    assert await remaining(points_database, someone) == {2: 50, back.sequence: 30}
    assert (await seen(points_database, someone)).expiring == 30
    await must_hold(points_database, someone)


async def test_return_finds_its_own_points_in_the_grace_that_followed_their_redemption(
    points_database: Database,
) -> None:
    """Given back with grace, and never used after all: they are not owed, whatever came with them."""
    someone = await open_member(points_database)
    await earn(points_database, someone, 30, "a", expires=days(2))
    await earn(points_database, someone, 20, "b", expires=days(2))
    debit = await spend(points_database, someone, 50)
    async with at_work(points_database, someone, now=days(3)) as (tx, wallet):
        back = await ledger.give_back(tx, wallet, debit, 50, cause(tx, "given_back"), grace_days=7)
    assert (back.renewed, sum((await remaining(points_database, someone)).values())) == (50, 50)
    await sweep(points_database, now=days(11))
    for order, points in (("a", 30), ("b", 20)):
        async with at_work(points_database, someone, now=days(12)) as (tx, wallet):
            await ledger.load_for(tx, [ledger.Need(wallet, points, SHOP, order)])
            taken = take(wallet, points, cause(tx, "clawed_back", order), CLAWBACK, ALLOW_NEGATIVE)
        assert (taken.shortfall, taken.unexpired) == (0, points)
    assert await written(points_database, someone) == {}
    await must_hold(points_database, someone)


async def test_ended_hold_goes_back_as_it_was_and_what_expired_stays_expired(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 30, "soon", expires=days(2))
    await earn(points_database, someone, 50, "late", expires=days(40))
    debit = await spend(points_database, someone, 60, to_account="held")
    assert await sweep(points_database, now=days(3)) == 0
    async with at_work(points_database, someone, now=days(3)) as (tx, wallet):
        await ledger.give_back(tx, wallet, debit, 60, cause(tx, "hold_ended"), from_account="held", grace_days=0)
        assert wallet.spendable == 50
    assert await sweep(points_database, now=days(3)) == 1
    assert await written(points_database, someone) == {"balance": 50}
    await must_hold(points_database, someone)


async def test_members_are_told_once_for_each_step_ahead(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 10, "a", expires=days(20))
    await earn(points_database, someone, 5, "b", expires=days(20))
    await earn(points_database, someone, 40, "c", expires=days(3))
    await earn(points_database, someone, 80, "d", expires=days(31))
    for _ in range(2):
        async with points_database.transaction() as tx:
            await expiry.notify_ahead(tx)
    events = await told(points_database, "points.expiring.v1")
    assert [(one["points"], one["balance"]) for one in events] == [(40, 135), (15, 135)]
    async with points_database.transaction() as tx:
        tx.now += timedelta(days=14)
        await expiry.notify_ahead(tx)
    events = await told(points_database, "points.expiring.v1")
    assert [one["points"] for one in events[2:]] == [15, 80]


async def test_types_of_wallets_say_how_many_days_ahead(points_database: Database) -> None:
    someone = await open_member(points_database)
    await earn(points_database, someone, 10, "a", expires=days(20))
    async with points_database.transaction() as tx:
        await wallet_types.put(tx, WalletType(key="points", notice_days=(3,)), "test")
    async with points_database.transaction() as tx:
        await expiry.notify_ahead(tx)
    assert await told(points_database, "points.expiring.v1") == []


SWEPT = st.lists(st.tuples(st.integers(1, 10**12), st.integers(1, 4), st.booleans()), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lots=SWEPT, name=st.sampled_from(["points", "growth", "积分", "back\\slash", "o'clock", "\\000"]))
async def test_database_hashes_as_we_do(
    points_database: Database, lots: list[tuple[int, int, bool]], name: str
) -> None:
    someone = await open_member(points_database)
    for number, (points, ago, waits) in enumerate(lots):
        await earn(points_database, someone, points, str(number), expires=days(-ago), waits=waits, name=name)
    async with at_work(points_database, someone, name) as (tx, wallet):
        model = Wallet(someone, name, wallet.sequence, wallet.head, wallet.balance, 0, wallet.pending)
    async with points_database.transaction() as tx:
        now = tx.now
        await expiry.sweep_some(tx, 1_000)
    steps = sorted({(days(-ago), waits) for _, ago, waits in lots})
    for instant, waits in steps:
        points = sum(one for one, ago, waiting in lots if (days(-ago), waiting) == (instant, waits))
        account = "pending" if waits else "wallet"
        transfer(model, account, "expiry", points, Cause("expired", "", "", "", instant, now))
    async with points_database.transaction() as tx:
        found = await ledger.newest(tx, someone, name, ledger.Chosen(), before=None, limit=len(steps))
        (chain,) = [one for one in await ledger.verify(tx, someone) if one.wallet == name]
    assert found[::-1] == model.transfers
    assert list(chain.breaks) == []


async def test_return_finds_waiting_points_that_expired_whether_swept_or_not(points_database: Database) -> None:
    ends = []
    for swept_before in (False, True):
        someone = await open_member(points_database)
        await earn(points_database, someone, 60, "own", expires=days(-1), waits=True)
        if swept_before:
            await sweep(points_database)
        shortfalls = []
        for points in (25, 25, 25):
            async with at_work(points_database, someone) as (tx, wallet):
                await ledger.load_for(tx, [ledger.Need(wallet, points, SHOP, "own")])
                taken = take(wallet, points, cause(tx, "clawed_back", "own"), CLAWBACK, ALLOW_NEGATIVE)
                shortfalls.append(taken.shortfall)
        await sweep(points_database)
        ends.append((shortfalls, await written(points_database, someone)))
        await must_hold(points_database, someone)
    assert ends == [([0, 0, 15], {"debt": 15})] * 2


async def test_points_that_expire_while_many_spend_are_spent_or_expired_and_never_both(
    points_database: Database,
) -> None:
    """Each transaction finds it a little later; every tenth of a day something expires."""
    someone, clock = await open_member(points_database), (days(number / 20) for number in count(1))
    for number in range(30):
        await earn(points_database, someone, 10, f"{number}", expires=days(0.3 + number / 10))

    async def spend_some() -> int:
        spent = 0
        for _ in range(8):
            with suppress(InsufficientPointsError):
                async with at_work(points_database, someone, now=next(clock)) as (tx, wallet):
                    await ledger.spend(tx, wallet, 7, cause(tx, "redeemed"))
                spent += 7
        return spent

    async def sweep_some() -> int:
        return sum([await sweep(points_database, now=next(clock)) for _ in range(10)])

    *spent, swept = await asyncio.gather(*(spend_some() for _ in range(4)), sweep_some())
    swept += await sweep(points_database, now=days(9))
    expired = sum(points for kind, *_, points, _ in await transfers(points_database, someone) if kind == "expired")
    assert sum(spent) + expired == 300
    assert sum(spent) > 0 < swept
    assert await written(points_database, someone) == {}
    await must_hold(points_database, someone)
