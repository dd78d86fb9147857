"""Whatever happens to a wallet, the ledger ends where a model of sixty lines ends: alone, and in PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common.storage import Database
from tests import servers as servers_module
from tests.points.ledger.model import NEVER, Model
from tests.points.ledger.subjects import HELD, REDEMPTION, InMemory, InPostgres, Subject
from tests.servers import Servers

POINTS = st.integers(1, 60)
LIFE = st.one_of(st.just(NEVER), st.integers(1, 12))
WAIT = st.sampled_from([0, 0, 0, 2, 5, NEVER])
ORDERS = st.sampled_from(["a", "b", "c"])
LAST = st.integers(0, 3)


class Comparison(RuleBasedStateMachine):
    """Every step is done to both; then both say the same."""

    def __init__(self, make: Callable[[], Subject]) -> None:
        super().__init__()
        self.model, self.real = Model(), make()
        self.debits: list[tuple[int, int, str]] = []  # of the model, of the ledger, where the points went
        self.holds: list[list[int]] = []  # debit, points still held

    @rule(order=ORDERS, points=POINTS, life=LIFE, wait=WAIT)
    def credit(self, order: str, points: int, life: int, wait: int) -> None:
        expires = NEVER if life == NEVER else self.model.now + life
        waits = self.model.now + wait if 0 < wait < NEVER else wait
        self.model.credit(order, points, expires, waits)
        self.real.credit(order, points, expires, waits)

    @rule(days=st.integers(1, 6))
    def time_passes(self, days: int) -> None:
        self.model.pass_days(days)
        self.real.at(self.model.now)

    @rule(order=ORDERS)
    def return_window_closes(self, order: str) -> None:
        self.model.end_waiting([lot for lot in self.model.lots if lot.order == order and lot.waits == NEVER])
        self.real.release(order)

    @rule(points=POINTS, hold=st.booleans())
    def spend(self, points: int, hold: bool) -> None:
        there = self.model.spend(points)
        sequence = self.real.spend(points, HELD if hold else REDEMPTION)
        assert there == bool(sequence)
        if there and hold:
            self.model.held += points
            self.holds.append([len(self.model.debits) - 1, sequence, points])
        elif there:
            self.debits.append((len(self.model.debits) - 1, sequence, REDEMPTION))

    @precondition(lambda self: self.holds)
    @rule(which=LAST, cancel=st.booleans(), part=st.integers(1, 60))
    def hold_ends(self, which: int, cancel: bool, part: int) -> None:
        hold = self.holds[which % len(self.holds)]
        part = min(part, hold[2])
        if cancel:
            assert self.model.give_back(hold[0], part, 0)
            assert self.real.give_back(hold[1], part, HELD, 0)
        else:
            self.real.settle(part)
        self.model.held -= part
        hold[2] -= part
        self.holds = [one for one in self.holds if one[2]]

    @precondition(lambda self: self.debits)
    @rule(which=LAST, points=POINTS, grace=st.sampled_from([0, 3]))
    def give_back(self, which: int, points: int, grace: int) -> None:
        debit, sequence, account = self.debits[which % len(self.debits)]
        assert self.model.give_back(debit, points, grace) == self.real.give_back(sequence, points, account, grace)

    @rule(order=ORDERS, points=POINTS)
    def goods_return(self, order: str, points: int) -> None:
        self.model.take(order, points)
        self.real.take(order, points)

    @rule()
    def sweep(self) -> None:
        self.real.sweep()

    @invariant()
    def both_say_the_same(self) -> None:
        model = self.model
        left = [lot.left for lot in model.spendable()]
        assert self.real.state() == (model.available(), model.pending(), model.held, model.debt, left)

    def teardown(self) -> None:
        self.real.must_hold()


def test_decisions_end_where_the_model_ends() -> None:
    steps = settings(max_examples=150, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(lambda: Comparison(InMemory), settings=steps)  # type: ignore[arg-type]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


def test_postgresql_ends_where_the_model_ends(servers: Servers, runner: asyncio.Runner) -> None:
    """One database for all examples: each has a member of its own."""
    url = runner.run(servers_module.clone(servers, "points"))
    database = Database(url, service="points", pool_size=1)
    steps = settings(max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    try:
        run_state_machine_as_test(lambda: Comparison(lambda: InPostgres(runner, database)), settings=steps)  # type: ignore[arg-type]
    finally:
        runner.run(database.close())
        runner.run(servers_module.drop(servers, url))
