"""What every member must have in the end, computed from the input alone: the services are checked against it.

Written from the words of the programme and from nothing else, the slow way, and shares no line with the services:
rolling spend of `window` until and with each purchase; a tier once reached is kept; a return is as if its goods had
never been bought, from the moment of the return on; a purchase earns by the tier held before it; fractions are cut off.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A purchase; `amount` in minor units."""

    customer: str
    order_id: str
    at: datetime
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A return of a part or all of an order; `amount` in minor units."""

    return_id: str
    order_id: str
    at: datetime
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A tier: from which rolling spend (minor units) it is held, and how many points a minor unit earns in it."""

    tier: str
    threshold: int
    points_per_minor_unit: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One member in the end. `history` is every tier held and from when on; the first from the beginning."""

    earned: int
    taken_back: int
    tier: str
    history: tuple[tuple[str, datetime | None], ...]


def expected(
    bought: Iterable[Bought], returned: Iterable[Returned], levels: Sequence[Level], window: timedelta
) -> dict[str, Expected]:
    """By customer. `levels` ascend and begin at threshold 0."""
    orders: dict[str, list[Bought]] = defaultdict(list)
    for purchase in bought:
        orders[purchase.customer].append(purchase)
    returns: dict[str, list[Returned]] = defaultdict(list)
    for one in returned:
        returns[one.order_id].append(one)
    return {customer: _member(mine, returns, levels, window) for customer, mine in orders.items()}


def _member(
    mine: list[Bought], returns: dict[str, list[Returned]], levels: Sequence[Level], window: timedelta
) -> Expected:
    def level_just_before(moment: datetime) -> Level:
        """The highest level reached by what was bought before, less what had been given back by then."""
        kept = [
            (one.at, one.amount - sum(back.amount for back in returns.get(one.order_id, ()) if back.at < moment))
            for one in mine
            if one.at < moment
        ]
        spends = [sum(amount for at, amount in kept if end - window < at <= end) for end, _ in kept]
        return [level for level in levels if level.threshold <= max(spends, default=0)][-1]

    earned = taken_back = 0
    moments = set()
    for one in mine:
        points = int(one.amount * level_just_before(one.at).points_per_minor_unit)
        back = sum(entry.amount for entry in returns.get(one.order_id, ()))
        earned += points
        taken_back += points * back // one.amount if one.amount else 0
        moments |= {one.at, *(max(one.at, entry.at) for entry in returns.get(one.order_id, ()))}
    history: list[tuple[str, datetime | None]] = [(levels[0].tier, None)]
    for moment in sorted(moments):
        tier = level_just_before(moment + timedelta.resolution).tier
        if tier != history[-1][0]:
            history.append((tier, moment))
    return Expected(earned=earned, taken_back=taken_back, tier=history[-1][0], history=tuple(history))
