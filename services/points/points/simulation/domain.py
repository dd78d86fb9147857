"""What another set of rules would have paid for purchases that really happened, beside what today's rules pay. Pure.

Both sides are evaluated anew, purchase by purchase, with limits and budgets counted from zero; what returns have taken
back is taken off both. So the two sides differ by the rules alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple
from uuid import UUID

from points.accruals.domain import Purchase, taken_in_total
from points.evaluation.earned import Earned, Evaluation
from points.evaluation.sums import whole_parts

MOST = 20
"""How many winners and how many losers are named in each wallet."""


class Paid(NamedTuple):
    """What one rule paid for a purchase, net of returns. `multiplies`: its points are what it added to other rules'."""

    wallet: str
    rule: str
    points: int
    multiplies: bool


class Replayed(NamedTuple):
    """A purchase under both sets of rules. `month` is its local month, `2026-03`."""

    member_id: UUID
    tier: str
    month: str
    before: Sequence[Paid]
    after: Sequence[Paid]
    coupons_before: Sequence[str] = ()
    coupons_after: Sequence[str] = ()


def paid(evaluation: Evaluation, purchase: Purchase) -> list[Paid]:
    """What an evaluation of the purchase pays, less what its returns took back: of the rules in proportion to what each
    gave of a credit. An evaluation says by line what a credit is, not what each rule gave of it.
    """
    return [one for earned in evaluation.earned for one in _paid(earned, purchase)]


def _paid(earned: Earned, purchase: Purchase) -> Iterator[Paid]:
    points = [share.points for share in earned.shares]
    if purchase.returned and earned.points:
        net = earned.points - taken_in_total(purchase, earned.points, earned.by_line)
        points = whole_parts([one * net for one in points], earned.points, net)
    for share, of_rule in zip(earned.shares, points, strict=True):
        if of_rule:
            yield Paid(earned.wallet, share.rule, of_rule, bool(share.factor))


@dataclass(slots=True)
class Change:
    """Points (or coupons) under today's rules, and under the other ones."""

    before: int = 0
    after: int = 0

    @property
    def difference(self) -> int:
        return self.after - self.before


@dataclass(slots=True)
class Overlap:
    """How often two rules both pay the same purchase, and the smaller of the two payments, summed up."""

    before: int = 0
    after: int = 0
    points: int = 0


@dataclass(slots=True)
class Comparison:
    """Sums over all purchases that were replayed so far."""

    purchases: int = 0
    better: int = 0
    worse: int = 0
    by_wallet: dict[str, Change] = field(default_factory=dict)
    by_tier: dict[tuple[str, str], Change] = field(default_factory=dict)
    by_rule: dict[tuple[str, str], Change] = field(default_factory=dict)
    by_month: dict[tuple[str, str], Change] = field(default_factory=dict)
    by_member: dict[tuple[str, UUID], Change] = field(default_factory=dict)
    coupons: dict[str, Change] = field(default_factory=dict)
    overlaps: dict[tuple[str, str, str], Overlap] = field(default_factory=dict)

    def add(self, one: Replayed) -> None:
        self.purchases += 1
        before, after = sums(one.before), sums(one.after)
        for wallet in before.keys() | after.keys():
            was, is_now = before.get(wallet, 0), after.get(wallet, 0)
            self.better += is_now > was
            self.worse += is_now < was
            for change in (
                self.by_wallet.setdefault(wallet, Change()),
                self.by_tier.setdefault((wallet, one.tier), Change()),
                self.by_month.setdefault((wallet, one.month), Change()),
                self.by_member.setdefault((wallet, one.member_id), Change()),
            ):
                change.before += was
                change.after += is_now
        for found in one.before:
            self.by_rule.setdefault((found.wallet, found.rule), Change()).before += found.points
        for found in one.after:
            self.by_rule.setdefault((found.wallet, found.rule), Change()).after += found.points
        for template in one.coupons_before:
            self.coupons.setdefault(template, Change()).before += 1
        for template in one.coupons_after:
            self.coupons.setdefault(template, Change()).after += 1
        for key, _ in twice(one.before):
            self.overlaps.setdefault(key, Overlap()).before += 1
        for key, points in twice(one.after):
            overlap = self.overlaps.setdefault(key, Overlap())
            overlap.after += 1
            overlap.points += points

    def winners(self, wallet: str) -> list[tuple[UUID, Change]]:
        """Who would get most more than today, the biggest difference first."""
        return [one for one in self._members(wallet, -1) if one[1].difference > 0]

    def losers(self, wallet: str) -> list[tuple[UUID, Change]]:
        """Who would get most less than today, the biggest difference first."""
        return [one for one in self._members(wallet, 1) if one[1].difference < 0]

    def _members(self, wallet: str, sign: int) -> list[tuple[UUID, Change]]:
        of_wallet = ((member, change) for (name, member), change in self.by_member.items() if name == wallet)
        return sorted(of_wallet, key=lambda one: (sign * one[1].difference, one[0]))[:MOST]


def sums(found: Iterable[Paid]) -> Mapping[str, int]:
    """Points by wallet."""
    by_wallet: dict[str, int] = {}
    for one in found:
        by_wallet[one.wallet] = by_wallet.get(one.wallet, 0) + one.points
    return by_wallet


def twice(found: Sequence[Paid]) -> Iterator[tuple[tuple[str, str, str], int]]:
    """Pairs of rules that both pay this purchase in one wallet, or both multiply what others pay: (wallet, rule, rule)
    and the smaller payment. A multiplier and what it multiplies are no pair.
    """
    paying = sorted(one for one in found if one.points > 0)
    for one, other in combinations(paying, 2):
        if (one.wallet, one.multiplies) == (other.wallet, other.multiplies):
            yield (one.wallet, one.rule, other.rule), min(one.points, other.points)
