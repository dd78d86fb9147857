"""Every kind of movement counts once, in any order, and outstanding is members' balances less their debts."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as conditions
from hypothesis import strategies as st

from analytics.calendar.domain import Range
from analytics.points_usage import domain, handlers
from analytics.points_usage.domain import PointsSums, counted
from analytics.points_usage.facts_of import movement
from common.events import Event, event_of
from common.events.points import (
    PointsAdjusted,
    PointsClawedBack,
    PointsEarned,
    PointsExpired,
    PointsGivenBack,
    PointsHeld,
    PointsHoldEnded,
    PointsPending,
    PointsRedeemed,
    PointsReleased,
    PointsRepriced,
    PointsTransferred,
    RuleShare,
)
from common.storage import Database
from tests.analytics.builders import hear, member, value

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
MARCH = Range(first=date(2026, 3, 1), last=date(2026, 3, 31))
ID = UUID(int=9)
ORDER = {"order_source": "//shop", "order_id": "A-1"}


@dataclass
class Ledger:
    """Ten lines that do with a wallet what the real ledger does, and tell of it."""

    balance: int = 0
    debt: int = 0
    held: int = 0
    pending: int = 0
    sequence: int = 0

    def told(self, contract: Any, points: int, **more: Any) -> Event[Any]:
        self.sequence += 1
        fields = {"member_id": member("lin"), "sequence": self.sequence, "points": points, "debt": self.debt}
        at = NOON + timedelta(hours=self.sequence)
        spendable = self.balance - self.debt
        return event_of(contract(**fields, balance=spendable, occurred_at=at, **more), source="//loyalty/points")

    def credit(self, points: int) -> None:
        repaid = min(points, self.debt)
        self.debt -= repaid
        self.balance += points - repaid

    def take(self, points: int, *, owed: bool) -> int:
        """The shortfall."""
        shortfall = max(points - self.balance, 0)
        self.balance -= points - shortfall
        self.debt += shortfall if owed else 0
        return shortfall

    def play(self, move: str, points: int) -> Event[Any] | None:
        match move:
            case "earned":
                self.credit(points)
                return self.told(PointsEarned, points, rule="r", rule_version=1)
            case "pending":
                self.pending += points
                return self.told(PointsPending, points, rule="r", rule_version=2)
            case "released" if self.pending:
                freed, self.pending = self.pending, 0
                self.credit(freed)
                return self.told(PointsReleased, freed)
            case "clawed_back" | "clamped":
                waiting = min(points, self.pending)
                self.pending -= waiting
                policy = "allow_negative" if move == "clawed_back" else "clamp"
                shortfall = self.take(points - waiting, owed=move == "clawed_back")
                told = {"return_id": "r", "shortfall": shortfall, "policy": policy, "pending": waiting}
                return self.told(PointsClawedBack, points, **told)
            case "repriced":
                self.credit(points)
                return self.told(PointsRepriced, points, **ORDER)
            case "lowered":
                shortfall = self.take(points, owed=True)
                return self.told(PointsRepriced, -points, shortfall=shortfall, **ORDER)
            case "redeemed" if points <= self.balance:
                self.take(points, owed=True)
                return self.told(PointsRedeemed, points, redemption_id="r")
            case "held" if points <= self.balance:
                self.balance -= points
                self.held += points
                return self.told(PointsHeld, points, hold_id=ID, expires_at=NOON)
            case "hold_ended" if self.held:
                freed, self.held = self.held, 0
                self.credit(freed)
                return self.told(PointsHoldEnded, freed, hold_id=ID, outcome="cancelled")
            case "confirmed" if self.held:
                spent, self.held = self.held, 0
                return self.told(PointsRedeemed, spent, redemption_id="r")
            case "given_back":
                self.credit(points)
                return self.told(PointsGivenBack, points, redemption_id="r")
            case "expired" if points <= self.balance:
                self.balance -= points
                return self.told(PointsExpired, points)
            case "adjusted":
                self.credit(points)
                return self.told(PointsAdjusted, points, adjustment_id=ID, reason="x")
            case "adjusted_down" if points <= self.balance:
                self.balance -= points
                return self.told(PointsAdjusted, -points, adjustment_id=ID, reason="x")
            case "received":
                self.credit(points)
                return self.told(PointsTransferred, points, other_member_id=ID, transfer_id=ID)
            case "sent" if points <= self.balance:
                self.balance -= points
                return self.told(PointsTransferred, -points, other_member_id=ID, transfer_id=ID)
        return None


MOVES = (
    *("earned", "pending", "released", "clawed_back", "clamped", "repriced", "lowered", "redeemed", "held"),
    *("hold_ended", "confirmed", "given_back", "expired", "adjusted", "adjusted_down", "received", "sent"),
)
stories = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(1, 200)), min_size=1, max_size=40)


def played(story: list[tuple[str, int]]) -> tuple[Ledger, list[Event[Any]]]:
    ledger = Ledger()
    return ledger, [event for move, points in story if (event := ledger.play(move, points)) is not None]


def sums_of(events: list[Event[Any]]) -> PointsSums:
    kinds: dict[str, domain.Tally] = {}
    for one in counted(movement(event, MARCH.first) for event in events):
        tally = domain.Tally(
            movements=one.movements, points=one.points, written_off=one.written_off, waiting=one.waiting
        )
        kinds[one.kind] = kinds.get(one.kind, domain.NONE) + tally
    return PointsSums(kinds=kinds)


@given(stories)
def test_outstanding_is_the_balance_with_what_is_held_less_the_debt(story: list[tuple[str, int]]) -> None:
    ledger, events = played(story)
    sums = sums_of(events)
    assert sums.outstanding == ledger.balance + ledger.held - ledger.debt
    assert sums.waiting == ledger.pending
    assert sums.movements == len(events)


@conditions(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories, shuffled=st.randoms(use_true_random=False))
async def test_any_order_and_repetition_come_to_the_same(
    analytics_database: Database, story: list[tuple[str, int]], shuffled: Any
) -> None:
    async with analytics_database.transaction() as tx:
        await tx.execute("TRUNCATE movements, points_days, rule_days")
    ledger, events = played(story)
    twice = [*events, *events]
    shuffled.shuffle(twice)
    for start in range(0, len(twice), 7):
        await hear(analytics_database, *{event.id: event for event in twice[start : start + 7]}.values())
    async with analytics_database.transaction() as tx:
        sums, _ = await handlers.everything(tx)
    assert sums.outstanding == ledger.balance + ledger.held - ledger.debt
    assert sums.waiting == ledger.pending
    assert sums.kinds == sums_of(events).kinds


async def test_what_each_rule_gave_is_told_by_version(analytics_database: Database) -> None:
    ledger = Ledger()
    shares = (RuleShare(rule="base", version=1, points=60), RuleShare(rule="会员日", version=3, points=40))
    await hear(
        analytics_database,
        ledger.told(PointsEarned, 100, rule="base", rule_version=1, rules=shares),
        ledger.told(PointsPending, 7, rule="base", rule_version=2),
        ledger.told(PointsEarned, 5, rule="base", rule_version=1),
    )
    async with analytics_database.transaction() as tx:
        rows = await handlers.by_rule(tx, "points", MARCH)
        await handlers.fold(tx)
    found = [(row.rule, row.version, int(row.credits), int(row.points)) for row in rows]
    assert found == [("base", 1, 2, 65), ("base", 2, 1, 7), ("会员日", 3, 1, 40)]
    assert await value(analytics_database, "SELECT count(*) FROM rule_days") == 3


@pytest.mark.parametrize("kind", sorted(domain.SIGNS))
def test_every_kind_has_a_sign(kind: str) -> None:
    assert domain.SIGNS[kind] in (-1, 0, 1)
    assert kind in domain.WAITING_SIGNS
