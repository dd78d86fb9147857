"""Orders, cancellations, returns and restocking in any order against a model of a few lines."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from common.storage import Database
from points.reward_orders.domain import Order
from points.rewards import handlers as rewards
from points.rewards.domain import Limit
from points.rewards.refusals import BadTransitionError, LimitReachedError, OutOfStockError, PointsShortError
from tests import servers as servers_module
from tests.points.rewards.world import (
    OPERATOR,
    advance,
    balance,
    member,
    offer,
    order,
    reward,
    rows,
    stock,
    undo,
    value,
)
from tests.servers import Servers

T = TypeVar("T")
PRICE, STOCK, LIMIT, POINTS = 30, 5, 3, 150


class Shop(RuleBasedStateMachine):
    """Two members, one reward: the model is a number of pieces, and what each member has and holds."""

    database: Database
    run: Callable[[Coroutine[Any, Any, Any]], Any]

    def __init__(self) -> None:
        super().__init__()
        self.key = ""
        self.left = STOCK
        self.points: dict[UUID, int] = {}
        self.had: dict[UUID, int] = {}
        self.open: list[Order] = []
        self.kept: list[Order] = []

    async def _begin(self) -> None:
        count = await value(self.database, "SELECT count(*) FROM rewards")
        self.key = f"mug-{count}"
        limits = (Limit(quantity=LIMIT, per="year"),)
        await offer(self.database, reward(self.key, points=PRICE, stock=STOCK, limits=limits))
        for _ in range(2):
            someone = await member(self.database, (POINTS - 100, None), (100, None))
            self.points[someone], self.had[someone] = POINTS, 0

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())

    async def _order(self, someone: UUID, quantity: int) -> None:
        try:
            placed = await order(self.database, someone, self.key, quantity=quantity)
        except LimitReachedError:
            assert self.had[someone] + quantity > LIMIT
        except OutOfStockError:
            assert self.left < quantity
        except PointsShortError:
            assert self.points[someone] < PRICE * quantity
        else:
            self.left -= quantity
            self.points[someone] -= PRICE * quantity
            self.had[someone] += quantity
            self.open.append(placed)

    @rule(who=st.integers(0, 1), quantity=st.integers(1, 4))
    def order(self, who: int, quantity: int) -> None:
        self.run(self._order(list(self.points)[who], quantity))

    async def _undo(self, placed: Order, state: str, restock: bool) -> None:
        undone = await undo(self.database, placed, state, restock=restock)
        assert undone.back is not None
        assert undone.back.points == placed.points
        self.left += placed.quantity if restock else 0
        self.points[placed.member_id] += placed.points
        self.had[placed.member_id] -= placed.quantity

    @rule(which=st.integers(0, 9), restock=st.booleans())
    def cancel(self, which: int, restock: bool) -> None:
        if self.open:
            placed = self.open.pop(which % len(self.open))
            self.run(self._undo(placed, "cancelled", restock))

    @rule(which=st.integers(0, 9))
    def deliver(self, which: int) -> None:
        if self.open:
            placed = self.open.pop(which % len(self.open))
            self.kept.append(self.run(advance(self.database, placed, "shipped", "delivered")))

    @rule(which=st.integers(0, 9), restock=st.booleans())
    def send_back(self, which: int, restock: bool) -> None:
        if self.kept:
            placed = self.kept.pop(which % len(self.kept))
            with pytest.raises(BadTransitionError):
                self.run(self._undo(placed, "cancelled", restock))
            self.run(self._undo(placed, "returned", restock))

    async def _restock(self, change: int) -> None:
        try:
            async with self.database.transaction() as tx:
                await rewards.restock(tx, OPERATOR, self.key, change, "")
        except OutOfStockError:
            assert self.left + change < 0
        else:
            self.left += change

    @rule(change=st.integers(-3, 3))
    def restock(self, change: int) -> None:
        self.run(self._restock(change))

    async def _compare(self) -> None:
        assert await stock(self.database, self.key) == self.left >= 0
        changes = "SELECT sum(change) FROM reward_stock_changes WHERE reward = :key"
        assert await value(self.database, changes, key=self.key) == self.left
        for someone, points in self.points.items():
            assert await balance(self.database, someone) == points
        alive = await rows(
            self.database,
            "SELECT member_id, sum(quantity) AS quantity FROM reward_orders "
            "WHERE reward = :key AND state NOT IN ('cancelled', 'returned') GROUP BY member_id",
            key=self.key,
        )
        assert {one.member_id: one.quantity for one in alive} == {k: had for k, had in self.had.items() if had}

    @invariant()
    def agrees(self) -> None:
        if self.key:
            self.run(self._compare())


def test_any_sequence_of_orders_and_returns_agrees_with_the_model(servers: Servers) -> None:
    with asyncio.Runner() as runner:

        def run(work: Coroutine[Any, Any, T]) -> T:
            return runner.run(work)

        async def clone() -> tuple[str, Database]:
            url = await servers_module.clone(servers, "points")
            return url, Database(url, service="points")

        url, database = run(clone())
        try:
            machine = type("ShopOfThisTest", (Shop,), {"database": database, "run": staticmethod(run)})
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=15,
                    stateful_step_count=15,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            run(database.close())
            run(_drop(servers, url))


async def _drop(servers: Servers, url: str) -> None:
    dropped: Awaitable[None] = servers_module.drop(servers, url)
    await dropped
