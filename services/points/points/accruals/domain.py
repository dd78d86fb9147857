"""What a purchase or an activity left behind: its facts, what it earned by wallet and why, what returns took back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from points.evaluation.earned import Share
from points.evaluation.sums import rounded

PURCHASE, ACTIVITY = "purchase", "activity"

Key = tuple[str, str]
"""A purchase: (source, order id). An activity: (source, activity id)."""

Place = tuple[datetime, str, str]
"""When a purchase occurred, its source and order id: in this order a member's purchases follow one another."""


class Purchase(NamedTuple):
    """The facts of a purchase. Money in minor units; `amount` is the goods before discount, `basis` what is earned on.

    `member_id` is the person who bought, by whose tier and history it is priced; after a merge the points may be in
    another member's wallets. `lines` are [sku, category, quantity, net], None when they were not told. `tier` and
    `is_first` are what it was priced by. `returned` has come back of the basis; of it by `returned_lines`, sku:
    [quantity, amount].
    """

    source: str
    order_id: str
    member_id: UUID
    currency: str
    amount: int
    basis: int
    channel: str
    shop: str
    lines: Sequence[Sequence[Any]] | None
    tier: str
    is_first: bool
    rounding: str
    returned: int
    returned_lines: Mapping[str, Sequence[int]] | None
    occurred_at: datetime
    recorded_at: datetime
    body_hash: bytes

    @property
    def key(self) -> Key:
        return (self.source, self.order_id)

    @property
    def survives(self) -> bool:
        """Something of it is left: it has not come back wholly."""
        return self.returned < self.basis

    @property
    def place(self) -> Place:
        return (self.occurred_at, self.source, self.order_id)


class Accrual(NamedTuple):
    """One credit: what an occasion (`kind` is `purchase` or `activity`) earned in a wallet; its net is `earned` less
    `taken_back`. An occasion has several `part`s in a wallet where its rules differ in when points can be spent or end.

    `shares` says what each rule version gave; `by_line` how `earned` is spread over the purchase's lines. The
    points wait until `available_at`, or for the event that `waits` names.
    """

    kind: str
    source: str
    occasion_id: str
    wallet: str
    part: int
    earned: int
    taken_back: int
    expires_at: datetime | None
    available_at: datetime | None
    waits: str
    shares: Sequence[Share]
    by_line: Sequence[int] | None

    @property
    def key(self) -> Key:
        return (self.source, self.occasion_id)

    @property
    def net(self) -> int:
        return self.earned - self.taken_back


class Repricing(NamedTuple):
    """One correction of an accrual, kept for ever. `points` is signed: the change of the accrual's net."""

    kind: str
    source: str
    occasion_id: str
    wallet: str
    part: int
    number: int
    reason: str
    previous_tier: str
    tier: str
    was_first: bool
    is_first: bool
    previous_earned: int
    earned: int
    points: int
    previous_shares: Sequence[Share]
    recorded_at: datetime


def taken_in_total(purchase: Purchase, earned: int, by_line: Sequence[int] | None) -> int:
    """What returns of the purchase have taken back of what it earned in one wallet: cumulative, so that any split and
    any order of returns sums to the same.

    A returned piece of a known line takes its share of what the line earned; what came back without a name takes its
    share, by basis, of what the lines that were named have not taken. All came back: all is taken. Of a purchase
    with nothing to earn on (basis 0) nothing comes back.
    """
    if not purchase.returned:
        return 0
    if purchase.returned >= purchase.basis:
        return earned
    named_points, named_amount = 0, 0
    if by_line is not None and purchase.lines and purchase.returned_lines:
        for sku, (quantity, amount) in purchase.returned_lines.items():
            named_amount += amount
            for place, line in enumerate(purchase.lines):
                if line[0] == sku and quantity:
                    pieces = min(quantity, line[2])
                    quantity -= pieces
                    named_points += min(by_line[place], rounded(by_line[place] * pieces, line[2], purchase.rounding))
    rest, rest_basis = earned - named_points, purchase.basis - named_amount
    unnamed = purchase.returned - named_amount
    if rest_basis <= 0 or unnamed <= 0:
        return named_points
    return named_points + min(rest, rounded(rest * unnamed, rest_basis, purchase.rounding))


def take_back(purchase: Purchase, accruals: Sequence[Accrual]) -> list[Accrual]:
    """All credits of a purchase, by what has come back of it now: in each wallet those that wait give first."""
    by_wallet: dict[str, list[Accrual]] = {}
    for one in accruals:
        by_wallet.setdefault(one.wallet, []).append(one)
    found: list[Accrual] = []
    for parts in by_wallet.values():
        earned = sum(one.earned for one in parts)
        rest = taken_in_total(purchase, earned, _sum_of_lines(parts))
        for one in sorted(parts, key=lambda one: (not one.waits and one.available_at is None, one.part)):
            taken = min(rest, one.earned)
            rest -= taken
            found.append(one if taken == one.taken_back else one._replace(taken_back=taken))
    return sorted(found, key=lambda one: (one.wallet, one.part))


def _sum_of_lines(parts: Sequence[Accrual]) -> list[int] | None:
    lines = [one.by_line for one in parts if one.by_line is not None]
    if not lines or any(one.by_line is None and one.earned for one in parts):
        return None
    return [sum(points) for points in zip(*lines, strict=True)]
