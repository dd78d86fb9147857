"""The real ledger behind one face: its decisions alone, and with PostgreSQL."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from common.storage import Database, Transaction
from points.checks import handlers as checks
from points.errors import InsufficientPointsError, MoreThanTakenError
from points.expiry import handlers as expiry
from points.ledger import domain
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, CLAWBACK, HELD, REDEMPTION, Cause, Part, Wallet, breaks
from points.ledger.wallet import is_expired, spendable_lots
from tests.points.ledger.model import NEVER
from tests.points.ledger.world import SHOP

START = datetime(2031, 1, 1, tzinfo=UTC)


def instant(day: int) -> datetime | None:
    return None if day == NEVER else START + timedelta(days=day)


class InMemory:
    """The domain, with all lots at hand."""

    def __init__(self) -> None:
        self.wallet = Wallet(uuid4(), "points", lots=[])
        self.now = START

    def at(self, day: int) -> None:
        """Time passes: what `ledger.lock` does when a wallet is locked."""
        self.now = START + timedelta(days=day)
        wallet, lots = self.wallet, self.wallet.lots or []
        wallet.expired = sum(lot.remaining for lot in lots if not lot.pending and is_expired(lot, self.now))
        due = [lot for lot in lots if lot.pending and lot.available_at and lot.available_at <= self.now]
        domain.release_due(wallet, due, self.now)

    def cause(self, kind: str, order: str = "") -> Cause:
        return Cause(kind, SHOP if order else "", order, "", self.now, self.now)

    def credit(self, order: str, points: int, expires: int, waits: int) -> None:
        available_at, event = (instant(waits) if waits else None), waits == NEVER
        why = self.cause("earned", order)
        domain.credit(
            self.wallet,
            points,
            why,
            instant(expires),
            available_at=available_at,
            waits="return_window_closed" if event else "",
        )

    def release(self, order: str) -> None:
        for lot in [lot for lot in self.wallet.lots or () if lot.order_id == order and lot.available_at is None]:
            domain.release(self.wallet, lot, self.cause("released", order))

    def spend(self, points: int, to_account: str) -> int:
        try:
            return domain.spend(self.wallet, points, self.cause("redeemed"), to_account)
        except InsufficientPointsError:
            return 0

    def settle(self, points: int) -> None:
        domain.settle_held(self.wallet, points, self.cause("redeemed"))

    def give_back(self, debit: int, points: int, from_account: str, grace: int) -> bool:
        back = Counter[int]()
        for one in self.wallet.restorations:
            back[one.lot_sequence] += one.points if one.undone == debit else 0
        lots = {lot.sequence: lot for lot in self.wallet.lots or ()}
        parts = [
            Part(lot=lots[one.lot_sequence], taken=one.points, points=one.points - back[one.lot_sequence])
            for one in self.wallet.consumptions
            if one.sequence == debit
        ]
        why = self.cause("given_back")
        try:
            domain.give_back(self.wallet, debit, parts, points, why, from_account=from_account, grace_days=grace)
        except MoreThanTakenError:
            return False
        return True

    def take(self, order: str, points: int) -> None:
        domain.take(self.wallet, points, self.cause("clawed_back", order), CLAWBACK, ALLOW_NEGATIVE)

    def sweep(self) -> None:
        """Only the database sweeps."""

    def state(self) -> tuple[Any, ...]:
        wallet, lots = self.wallet, self.wallet.lots or []
        gone = sum(lot.remaining for lot in lots if lot.pending and is_expired(lot, self.now))
        left = [lot.remaining for lot in spendable_lots(wallet, self.now)]
        return (wallet.balance - wallet.expired, wallet.pending - gone, wallet.held, wallet.debt, left)

    def must_hold(self) -> None:
        accounts = Counter[str]()
        for one in self.wallet.transfers:
            accounts[one.from_account] -= one.points
            accounts[one.to_account] += one.points
        wallet = self.wallet
        assert accounts.total() == 0
        members = (accounts["wallet"], accounts["pending"], accounts["held"], -accounts["debt"])
        assert members == (wallet.balance, wallet.pending, wallet.held, wallet.debt)
        assert wallet.balance + wallet.pending == sum(lot.remaining for lot in wallet.lots or ())
        assert all(0 <= lot.remaining <= lot.points for lot in wallet.lots or ())
        assert breaks(wallet.transfers) == []


class InPostgres:
    """The handlers and their SQL: each step a transaction of its own, whose clock is set."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self.runner, self.database = runner, database
        self.member, self.now = uuid4(), START
        self._do(lambda tx: ledger.open_wallets(tx, [self.member]))

    def _do(self, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            async with self.database.transaction() as tx:
                tx.now = self.now
                return await work(tx)

        return self.runner.run(run())

    def _move(self, work: Callable[[Transaction, Wallet], Awaitable[Any]]) -> Any:
        async def run(tx: Transaction) -> Any:
            wallets = await ledger.lock(tx, [self.member])
            found = await work(tx, wallets.of(self.member, "points"))
            await ledger.save(tx, wallets)
            return found

        return self._do(run)

    def at(self, day: int) -> None:
        self.now = START + timedelta(days=day)

    def cause(self, kind: str, order: str = "") -> Cause:
        return Cause(kind, SHOP if order else "", order, "", self.now, self.now)

    def credit(self, order: str, points: int, expires: int, waits: int) -> None:
        async def work(tx: Transaction, wallet: Wallet) -> None:
            available_at, event = (instant(waits) if waits else None), waits == NEVER
            why = self.cause("earned", order)
            domain.credit(
                wallet,
                points,
                why,
                instant(expires),
                available_at=available_at,
                waits="return_window_closed" if event else "",
            )

        self._move(work)

    def release(self, order: str) -> None:
        async def run(tx: Transaction) -> None:
            wallets = await ledger.lock(tx, [self.member])
            await ledger.release(tx, wallets, self.member, SHOP, order)
            await ledger.save(tx, wallets)

        self._do(run)

    def spend(self, points: int, to_account: str) -> int:
        async def work(tx: Transaction, wallet: Wallet) -> int:
            return await ledger.spend(tx, wallet, points, self.cause("redeemed"), to_account=to_account)

        try:
            return int(self._move(work))
        except InsufficientPointsError:
            return 0

    def settle(self, points: int) -> None:
        async def work(tx: Transaction, wallet: Wallet) -> None:
            domain.settle_held(wallet, points, self.cause("redeemed"))

        self._move(work)

    def give_back(self, debit: int, points: int, from_account: str, grace: int) -> bool:
        async def work(tx: Transaction, wallet: Wallet) -> None:
            why = self.cause("given_back")
            await ledger.give_back(tx, wallet, debit, points, why, from_account=from_account, grace_days=grace)

        try:
            self._move(work)
        except MoreThanTakenError:
            return False
        return True

    def take(self, order: str, points: int) -> None:
        async def work(tx: Transaction, wallet: Wallet) -> None:
            await ledger.load_for(tx, [ledger.Need(wallet, points, SHOP, order)])
            domain.take(wallet, points, self.cause("clawed_back", order), CLAWBACK, ALLOW_NEGATIVE)

        self._move(work)

    def sweep(self) -> None:
        self._do(ledger.release_due)
        self._do(expiry.sweep)

    def state(self) -> tuple[Any, ...]:
        async def run(tx: Transaction) -> tuple[Any, ...]:
            (now,) = await ledger.balances(tx, self.member, soon=self.now)
            (then,) = await ledger.balances_as_of(tx, self.member, occurred_at=self.now, recorded_at=self.now) or (now,)
            assert (now.available, now.pending, now.held, now.debt) == (
                then.available,
                then.pending,
                then.held,
                then.debt,
            )
            wallets = await ledger.lock(tx, [self.member])
            wallet = wallets.of(self.member, "points")
            await ledger.load_for(tx, [ledger.Need(wallet, now.available)])
            left = [lot.remaining for lot in spendable_lots(wallet, self.now)]
            return (now.available, now.pending, now.held, now.debt, left)

        found: tuple[Any, ...] = self._do(run)
        return found

    def must_hold(self) -> None:
        async def run(tx: Transaction) -> None:
            assert all(finding.holds for finding in await checks.look(tx))
            (chain,) = await ledger.verify(tx, self.member)
            assert list(chain.breaks) == []

        self._do(run)


Subject = InMemory | InPostgres
__all__ = ["HELD", "REDEMPTION", "InMemory", "InPostgres", "Subject"]
