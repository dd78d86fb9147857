"""The final state does not depend on the order of arrival: against a model, in the domain and through PostgreSQL."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import Contract, Event, event_of
from common.storage import Database
from points.accruals.domain import Accrual
from points.checks import handlers as checks
from points.earning.domain import earned_by, multiplier_of
from points.facts.domain import MemberFacts, first_difference, tier_before
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, EARNED, ISSUE, REPRICED, Cause, Wallet, breaks, credit, take
from points.repricing.domain import correct
from points.returns.domain import WAITING, Return, in_order, settle
from points.rules.domain import version_of
from tests import servers as servers_module
from tests.points.world import (
    NOON,
    SHOP,
    balance,
    day,
    happen,
    programme,
    purchase,
    rate,
    refund,
    registered,
    rows,
    tiers,
)
from tests.servers import Servers

MULTIPLIERS = {"silver": "1.25", "gold": "2"}
ROUND = {"floor": floor, "ceil": ceil, "half_up": lambda number: floor(number + Fraction(1, 2))}


@dataclass(frozen=True)
class Story:
    """What happened: purchases (day, amount, amounts that came back) and tier histories, the last of which is true."""

    purchases: tuple[tuple[int, int, tuple[int, ...]], ...]
    histories: tuple[tuple[tuple[str, int], ...], ...]
    rounding: str = "floor"

    def nets(self) -> list[int]:
        """What each purchase is worth in the end: the model."""
        whole = ROUND[self.rounding]
        found = []
        for at, amount, parts in self.purchases:
            held = "base"
            for tier, since in self.histories[-1] if self.histories else ():
                held = tier if since < at else held
            earned = whole(Fraction(amount, 100) * Fraction(MULTIPLIERS.get(held, "1")))
            back = sum(parts)
            found.append(earned - (earned if back == amount else min(earned, whole(Fraction(earned * back, amount)))))
        return found


tier_steps = st.lists(st.tuples(st.sampled_from(["base", "silver", "gold"]), st.integers(0, 30)), max_size=4).map(
    lambda steps: tuple(sorted(steps, key=lambda step: step[1]))
)


@st.composite
def bought(draw: st.DrawFn) -> tuple[int, int, tuple[int, ...]]:
    amount = draw(st.integers(1, 50_000))
    cuts = sorted(draw(st.lists(st.integers(0, amount), max_size=4)))
    parts = [after - before for before, after in zip([0, *cuts], cuts, strict=False)]
    return (draw(st.integers(0, 30)), amount, tuple(part for part in parts if part))


stories = st.builds(
    Story,
    purchases=st.lists(bought(), min_size=1, max_size=5).map(tuple),
    histories=st.lists(tier_steps, max_size=3).map(tuple),
    rounding=st.sampled_from(["floor", "half_up", "ceil"]),
)


class Domain:
    """The domain's decisions for one member, called in the order in which facts come; keeps what the tables keep."""

    def __init__(self, rounding: str) -> None:
        self.rounding = rounding
        self.wallet = Wallet(uuid4(), "points", lots=[])
        self.facts = MemberFacts(member_id=self.wallet.member_id)
        self.revision = 0
        self.accruals: dict[str, Accrual] = {}
        self.returns: dict[str, Return] = {}
        self.spent = 0
        self.rule = version_of(
            rule="purchase_rate",
            version=1,
            wallet="points",
            points=1,
            per_minor_units=100,
            multipliers=MULTIPLIERS,
            effective_from=day(-900),
        )

    def purchase(self, order: str, at: int, amount: int) -> None:
        if order in self.accruals:
            return
        tier = tier_before(self.facts, day(at), "base")
        multiplier = multiplier_of(self.rule, tier)
        earned = earned_by(amount, 1, 100, multiplier, self.rounding)
        self.accruals[order] = Accrual(
            SHOP, order, self.wallet.member_id, "points", "CNY", amount, "purchase_rate", 1, 1, 100, tier,
            multiplier[0], self.rounding, earned, 0, 0, day(at), NOON, None, b"",
        )  # fmt: skip
        if earned:
            credit(self.wallet, earned, Cause(EARNED, SHOP, order, "", day(at), NOON), None)
        for waiting in in_order([one for one in self.returns.values() if one.order_id == order]):
            self._settle(waiting)

    def refund(self, order: str, number: int, amount: int) -> None:
        return_id = f"{order}/{number}"
        if return_id not in self.returns:
            self.returns[return_id] = Return(
                SHOP, return_id, SHOP, order, None, "CNY", amount, 0, 0, WAITING, "", day(40), NOON, None, b""
            )
            if order in self.accruals:
                self._settle(self.returns[return_id])

    def _settle(self, returned: Return) -> None:
        settled = settle(returned, self.accruals[returned.order_id], self.wallet, ALLOW_NEGATIVE, NOON)
        self.returns[returned.return_id] = settled.returned
        self.accruals[returned.order_id] = settled.accrual

    def spend(self, points: int) -> None:
        """As a redemption will: never more than is there."""
        points = min(points, self.wallet.balance)
        self.spent += points
        if points:
            take(self.wallet, points, Cause("redeemed", "", "", "", NOON, NOON), "redemption", ALLOW_NEGATIVE)

    def tiers(self, revision: int, steps: Sequence[tuple[str, int]]) -> None:
        if revision <= self.revision:
            return
        before, self.revision = self.facts, revision
        self.facts = MemberFacts(
            member_id=before.member_id, tiers=[tier for tier, _ in steps], since=[day(at) for _, at in steps]
        )
        since = first_difference(before, self.facts, "base")
        for order, accrual in self.accruals.items():
            if since is not None and accrual.occurred_at > since:
                correction = correct(accrual, self.rule, tier_before(self.facts, accrual.occurred_at, "base"))
                if correction is not None:
                    cause = Cause(REPRICED, SHOP, order, "", accrual.occurred_at, NOON)
                    if correction.points > 0:
                        credit(self.wallet, correction.points, cause, None)
                    elif correction.points < 0:
                        take(self.wallet, -correction.points, cause, ISSUE, ALLOW_NEGATIVE)
                    self.accruals[order] = correction.after


def steps_of(domain: Domain, story: Story) -> list[tuple[Any, ...]]:
    """What happened, as calls."""
    steps: list[tuple[Any, ...]] = []
    for number, (at, amount, parts) in enumerate(story.purchases):
        steps.append((domain.purchase, f"o{number}", at, amount))
        steps += [(domain.refund, f"o{number}", part, back) for part, back in enumerate(parts)]
    return steps + [(domain.tiers, revision, history) for revision, history in enumerate(story.histories, start=1)]


@settings(max_examples=300, deadline=None)
@given(story=stories, data=st.data())
def test_domain_ends_the_same_in_any_order_with_duplicates(story: Story, data: st.DataObject) -> None:
    domain = Domain(story.rounding)
    steps = steps_of(domain, story)
    for step, *arguments in data.draw(st.permutations(steps + data.draw(st.lists(st.sampled_from(steps), max_size=5)))):
        step(*arguments)

    nets = story.nets()
    assert [domain.accruals[f"o{number}"].net for number in range(len(nets))] == nets
    assert (domain.wallet.balance, domain.wallet.debt) == (sum(nets), 0)
    assert sum(lot.remaining for lot in domain.wallet.opened) == sum(nets)
    assert breaks(domain.wallet.transfers) == []


@settings(max_examples=300, deadline=None)
@given(story=stories, spendings=st.lists(st.integers(1, 400), max_size=4), data=st.data())
def test_what_was_spent_meanwhile_becomes_debt_and_nothing_is_lost(
    story: Story, spendings: list[int], data: st.DataObject
) -> None:
    domain = Domain(story.rounding)
    steps = steps_of(domain, story) + [(domain.spend, points) for points in spendings]
    for step, *arguments in data.draw(st.permutations(steps)):
        step(*arguments)

    held = dict.fromkeys(("wallet", "debt", "issue", "clawback", "redemption"), 0)
    for one in domain.wallet.transfers:
        held[one.from_account] -= one.points
        held[one.to_account] += one.points
    assert sum(held.values()) == 0
    assert held["redemption"] == domain.spent
    assert domain.wallet.balance - domain.wallet.debt == sum(story.nets()) - domain.spent
    assert domain.wallet.balance == 0 or domain.wallet.debt == 0
    assert sum(lot.remaining for lot in domain.wallet.opened) == domain.wallet.balance
    assert [domain.accruals[f"o{number}"].net for number in range(len(story.purchases))] == story.nets()


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    """One database for all examples: each has a member of its own."""
    found = asyncio.run(servers_module.clone(servers, "points"))
    asyncio.run(_publish(found))
    yield found
    asyncio.run(servers_module.drop(servers, found))


async def _publish(url: str) -> None:
    database = Database(url, service="points")
    await rate(database, multipliers=MULTIPLIERS)
    await database.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories, data=st.data())
def test_service_ends_the_same_in_any_order_batch_and_with_duplicates(
    url: str, story: Story, data: st.DataObject
) -> None:
    someone, tag = uuid4(), uuid4().hex
    events: list[Event[Contract]] = []
    for number, (at, amount, parts) in enumerate(story.purchases):
        order = f"{tag}/o{number}"
        events.append(purchase(someone, order, amount, at=day(at)))
        events += [refund(order, f"{order}/{part}", back, at=day(40)) for part, back in enumerate(parts)]
    events += [
        tiers(someone, revision, *((tier, day(since)) for tier, since in history))
        for revision, history in enumerate(story.histories, start=1)
    ]
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    shuffled = data.draw(st.permutations(events + [event_of(one.data, source=one.source) for one in again]))
    size = data.draw(st.integers(1, len(shuffled)))
    batches = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    asyncio.run(_play(url, story, someone, tag, batches))


async def _play(url: str, story: Story, someone: Any, tag: str, batches: Sequence[Sequence[Event[Contract]]]) -> None:
    database = Database(url, service="points", pool_size=2)
    try:
        await happen(database, programme(_next_revision(), rounding=story.rounding))
        await happen(database, registered(someone))
        for batch in batches:
            outcomes = await happen(database, *batch)
            assert {outcome.word for outcome in outcomes} <= {"duplicate"}
        nets = story.nets()
        found = await rows(
            database,
            "SELECT earned - taken_back AS net FROM accruals WHERE order_id LIKE :tag ORDER BY order_id",
            tag=f"{tag}/%",
        )
        assert [row.net for row in found] == nets
        assert await balance(database, someone) == (sum(nets), 0)
        states = await rows(database, "SELECT state FROM returns WHERE order_id LIKE :tag", tag=f"{tag}/%")
        assert {row.state for row in states} <= {"applied"}
        async with database.transaction() as tx:
            (chain,) = await ledger.verify(tx, someone)
            assert list(chain.breaks) == []
            assert all(finding.holds for finding in await checks.look(tx))
    finally:
        await database.close()


_revisions = iter(range(1, 1_000_000))


def _next_revision() -> int:
    return next(_revisions)


def test_model_agrees_with_an_example_worked_by_hand() -> None:
    """33.00 at gold (×2) is 66; a third came back, so 22 of them."""
    story = Story(purchases=((5, 33_00, (11_00,)),), histories=((("gold", 3),),))
    assert story.nets() == [44]
    assert day(5) - day(3) == timedelta(days=2)
