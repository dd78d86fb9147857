"""What a return takes back of what its purchase earned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from points.accruals.domain import Accrual, Purchase, take_back
from points.ledger.domain import (
    CLAWBACK,
    CLAWED_BACK,
    PENDING_ONLY,
    WITHIN_BALANCE,
    Cause,
    Taken,
    Wallet,
    left_behind,
    reachable,
    take,
)

WAITING, APPLIED, REVIEW, REFUSED, REJECTED = "waiting", "applied", "review", "refused", "rejected"

MORE_THAN_BOUGHT, CURRENCY_MISMATCH, SHORTFALL = "returned_more_than_bought", "currency_mismatch", "shortfall"
LINES_OVER_AMOUNT = "lines_more_than_amount"


class Return(NamedTuple):
    """A return of `amount` minor units of a purchase. `points` were taken back of all wallets, `shortfall` of them were
    not there. `lines` are [sku, quantity, amount], None when they were not told.

    State: `waiting` for its purchase; `applied`; `review` (the member no longer has the points and the programme's
    policy leaves it to people) and then perhaps `rejected` by them; `refused` for a reason.
    """

    source: str
    return_id: str
    order_source: str
    order_id: str
    member_id: UUID | None
    currency: str
    amount: int
    lines: Sequence[Sequence[Any]] | None
    points: int
    shortfall: int
    state: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    settled_at: datetime | None
    body_hash: bytes

    @property
    def key(self) -> tuple[str, str]:
        return (self.source, self.return_id)

    @property
    def order_key(self) -> tuple[str, str]:
        return (self.order_source, self.order_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a return cannot be of this purchase: a code, and a sentence with the figures."""

    reason: str
    message: str


def contradiction(returned: Return) -> Refusal | None:
    """Whether the return contradicts itself."""
    named = sum(amount for _, _, amount in returned.lines or ())
    if named > returned.amount:
        return Refusal(
            reason=LINES_OVER_AMOUNT,
            message=f"the lines' amounts are {named} together, the return's amount is {returned.amount}",
        )
    return None


def refusal(purchase: Purchase, returned: Return, in_review: int) -> Refusal | None:
    """Whether the return contradicts its purchase, by what is known now.

    `in_review` are the amounts of its returns in review, or rejected there: their points were not taken, but the goods
    did come back.
    """
    if returned.currency != purchase.currency:
        return Refusal(
            reason=CURRENCY_MISMATCH,
            message=f"the return is in {returned.currency}, order {purchase.order_id} was in {purchase.currency}",
        )
    before = purchase.returned + in_review
    if before + returned.amount > purchase.basis:
        return Refusal(
            reason=MORE_THAN_BOUGHT,
            message=(
                f"{returned.amount} returned of order {purchase.order_id}, "
                f"but its basis was {purchase.basis} and {before} of it had come back before"
            ),
        )
    bought = pieces_of(purchase)
    for sku, (quantity, _) in lines_after(purchase, returned).items():
        if quantity > bought[sku]:
            return Refusal(
                reason=MORE_THAN_BOUGHT,
                message=f"{quantity} of {sku} returned of order {purchase.order_id}, but {bought[sku]} were bought",
            )
    return None


def pieces_of(purchase: Purchase) -> dict[str, int]:
    """How many of each sku were bought."""
    bought: dict[str, int] = {}
    for sku, _, quantity, _ in purchase.lines or ():
        bought[sku] = bought.get(sku, 0) + quantity
    return bought


def lines_after(purchase: Purchase, returned: Return) -> dict[str, list[int]]:
    """What has come back by name with this return: [quantity, amount] by sku. A sku that the purchase does not name
    comes back without a name.
    """
    found = {sku: list(pair) for sku, pair in (purchase.returned_lines or {}).items()}
    bought = pieces_of(purchase)
    for sku, quantity, amount in returned.lines or ():
        if sku in bought:
            pair = found.setdefault(sku, [0, 0])
            pair[0] += quantity
            pair[1] += amount
    return found


def with_return(purchase: Purchase, returned: Return) -> Purchase:
    """The purchase, once this has come back of it."""
    lines = lines_after(purchase, returned)
    return purchase._replace(returned=purchase.returned + returned.amount, returned_lines=lines or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A return that met its purchase, and what became of both; `taken` of which wallet, empty where no points moved."""

    returned: Return
    purchase: Purchase
    accruals: Sequence[Accrual]
    taken: Sequence[tuple[Wallet, Taken]]


def settle(
    returned: Return,
    purchase: Purchase,
    accruals: Sequence[Accrual],
    wallet_of: Callable[[str], Wallet],
    former_of: Callable[[str], Wallet | None],
    policy_of: Callable[[str], str],
    now: datetime,
    *,
    in_review: int = 0,
) -> Settled:
    """Take back what this return costs: with what was taken before, the share of all that was returned.

    The purchase's own factors decide, never today's rule. Under `within_balance` a return whose points are not there
    any more takes nothing and goes to review. `former_of` gives the wallet of a buyer who was merged into another
    member since: what had expired there stayed there, and is not owed here.
    """
    no = refusal(purchase, returned, in_review)
    if no is not None:
        return _unmoved(returned, purchase, accruals, REFUSED, f"{no.reason}: {no.message}", now)
    after = with_return(purchase, returned)
    credits = take_back(after, accruals)
    due = _due(accruals, credits)
    cause = Cause(CLAWED_BACK, purchase.source, purchase.order_id, returned.return_id, returned.occurred_at, now)
    for name, points in due.items():
        there = reachable(wallet_of(name), cause) + _stayed(former_of(name), cause)
        if policy_of(name) == WITHIN_BALANCE and points > there:
            message = f"{SHORTFALL}: {points} {name} are due, {there} are there"
            return _unmoved(returned, purchase, accruals, REVIEW, message, now)
    taken: list[tuple[Wallet, Taken]] = []
    for name, points in sorted(due.items()):
        former, policy = former_of(name), policy_of(name)
        stayed = 0 if policy == PENDING_ONLY else min(points, _stayed(former, cause))
        if former is not None and stayed:
            taken.append((former, take(former, stayed, cause, CLAWBACK, policy)))
        if points > stayed:
            wallet = wallet_of(name)
            taken.append((wallet, take(wallet, points - stayed, cause, CLAWBACK, policy)))
    return Settled(
        returned=returned._replace(
            member_id=purchase.member_id,
            points=sum(one.points for _, one in taken),
            shortfall=sum(one.shortfall for _, one in taken),
            state=APPLIED,
            settled_at=now,
        ),
        purchase=after,
        accruals=credits,
        taken=taken,
    )


def _stayed(former: Wallet | None, cause: Cause) -> int:
    return left_behind(former, cause) if former is not None else 0


def _due(before: Sequence[Accrual], after: Sequence[Accrual]) -> dict[str, int]:
    """How many points are to be taken of which wallet; wallets that nothing is taken of are not named."""
    due: dict[str, int] = {}
    for one in after:
        due[one.wallet] = due.get(one.wallet, 0) + one.taken_back
    for one in before:
        due[one.wallet] -= one.taken_back
    return {name: points for name, points in due.items() if points > 0}


def _unmoved(
    returned: Return, purchase: Purchase, accruals: Sequence[Accrual], state: str, reason: str, now: datetime
) -> Settled:
    aside = returned._replace(member_id=purchase.member_id, state=state, reason=reason, settled_at=now)
    return Settled(returned=aside, purchase=purchase, accruals=accruals, taken=())


def in_order(returns: list[Return]) -> list[Return]:
    """Returns that waited for the same purchase are taken by the time they happened, then by id."""
    return sorted(returns, key=lambda one: (one.occurred_at, one.source, one.return_id))
