"""How often members buy: purchases of each, days between them, repeat purchases.

A member's first purchase in the range is the first, all later ones are repeats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

PERCENTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
WAITS = ((0, 0), (1, 7), (8, 14), (15, 30), (31, 60), (61, 90), (91, 180), (181, 365))
MOST_PURCHASES = 50
"""Members with more purchases than this share the last line of the distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyers:
    """Members with the same number of purchases: how many, the sum of their mean repeat spends, and of all of it."""

    purchases: int
    members: int
    mean_repeat_spends: Decimal
    repeat_spend: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Members with `purchases` purchases, or at least as many where `or_more`."""

    purchases: int
    or_more: bool
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Purchases that came `first` to `last` days after the member's purchase before (`last` None: or later)."""

    first: int
    last: int | None
    purchases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Repeat purchases. Money in minor units, before returns.

    `mean_repeat_spend` is the mean over members with a repeat of the mean of their repeat purchases;
    `mean_repeat_order` the mean of all repeat purchases.
    """

    customers: int
    purchases: int
    repeat_customers: int
    repeat_purchases: int
    repeat_rate: float | None
    mean_purchases: float | None
    mean_repeat_spend: float | None
    mean_repeat_order: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Days between one purchase of a member and the next; percentiles are days."""

    mean: float | None
    percentiles: Mapping[float, int]
    waits: Sequence[Wait]


def repeats(buyers: Sequence[Buyers]) -> Repeats:
    again = [group for group in buyers if group.purchases > 1]
    customers = sum(group.members for group in buyers)
    purchases = sum(group.members * group.purchases for group in buyers)
    repeat_customers = sum(group.members for group in again)
    repeat_purchases = sum(group.members * (group.purchases - 1) for group in again)
    means = sum((group.mean_repeat_spends for group in again), Decimal(0))
    spend = sum(group.repeat_spend for group in again)
    return Repeats(
        customers=customers,
        purchases=purchases,
        repeat_customers=repeat_customers,
        repeat_purchases=repeat_purchases,
        repeat_rate=_mean(Decimal(repeat_customers), customers, digits=4),
        mean_purchases=_mean(Decimal(purchases), customers, digits=4),
        mean_repeat_spend=_mean(means, repeat_customers, digits=2),
        mean_repeat_order=_mean(Decimal(spend), repeat_purchases, digits=2),
    )


def distribution(buyers: Sequence[Buyers]) -> list[Step]:
    """Members by number of purchases; the last step gathers those above MOST_PURCHASES."""
    steps = [
        Step(purchases=group.purchases, or_more=False, members=group.members)
        for group in sorted(buyers, key=lambda group: group.purchases)
        if group.purchases <= MOST_PURCHASES
    ]
    more = sum(group.members for group in buyers if group.purchases > MOST_PURCHASES)
    return [*steps, Step(purchases=MOST_PURCHASES + 1, or_more=True, members=more)] if more else steps


def gaps(counts: Mapping[int, int]) -> Gaps:
    """From days → number of purchases that came so many days after the one before."""
    number = sum(counts.values())
    return Gaps(
        mean=_mean(Decimal(sum(days * many for days, many in counts.items())), number, digits=2),
        percentiles={share: _percentile(counts, share) for share in PERCENTILES} if number else {},
        waits=[
            *(Wait(first=first, last=last, purchases=_between(counts, first, last)) for first, last in WAITS),
            Wait(first=WAITS[-1][1] + 1, last=None, purchases=_between(counts, WAITS[-1][1] + 1, None)),
        ],
    )


def _between(counts: Mapping[int, int], first: int, last: int | None) -> int:
    return sum(many for days, many in counts.items() if first <= days and (last is None or days <= last))


def _percentile(counts: Mapping[int, int], share: float) -> int:
    """The smallest number of days that at least `share` of the purchases do not exceed."""
    number = sum(counts.values())
    reached = 0
    for days in sorted(counts):
        reached += counts[days]
        if reached >= share * number:
            return days
    raise ValueError("nothing to take a percentile of")


def _mean(total: Decimal, number: int, *, digits: int) -> float | None:
    return float(round(total / number, digits)) if number else None
