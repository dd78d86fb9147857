"""What follows a purchase and its return in other subjects: limits, coupons, badges, rewards for activities."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from points.accruals.domain import Purchase
from points.ledger.wallet import Wallet


class Bought(NamedTuple):
    """A purchase that was taken in. `basis` in minor units; `quantities` by sku; `points` by wallet."""

    member_id: UUID
    source: str
    order_id: str
    occurred_at: datetime
    basis: int
    channel: str = ""
    shop: str = ""
    quantities: Mapping[str, int] = {}
    categories: frozenset[str] = frozenset()
    points: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An activity that was taken in: what a member did besides buying. It follows the order it names, if any."""

    member_id: UUID
    source: str
    activity_id: str
    activity: str
    occurred_at: datetime
    fields: Mapping[str, bool | int | str] = field(default_factory=dict)
    order_source: str = ""
    order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A return that was applied: of `basis` minor units `before` had come back, now `after` have. `purchase` is as the
    return left it.
    """

    member_id: UUID
    source: str
    return_id: str
    order_source: str
    order_id: str
    occurred_at: datetime
    basis: int
    before: int
    after: int
    purchase: Purchase

    @property
    def wholly(self) -> bool:
        """Nothing of the purchase is left."""
        return self.after >= self.basis

    @property
    def kept(self) -> dict[str, int]:
        """How many pieces of each sku that was bought did not come back, as far as purchase and returns named them;
        empty: not known.
        """
        pieces: dict[str, int] = {}
        for sku, _, quantity, _ in self.purchase.lines or ():
            pieces[sku] = pieces.get(sku, 0) + quantity
        for sku, (quantity, _) in (self.purchase.returned_lines or {}).items():
            pieces[sku] = max(0, pieces.get(sku, 0) - quantity)
        return pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """An activity that went with the return of the order it names; `returned.member_id` is who holds its points now."""

    done: Done
    returned: Returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one return changed somewhere: a line of its receipt. `what` names the thing: a limit, a badge."""

    member_id: UUID
    source: str
    return_id: str
    subject: str
    what: str
    before: str
    after: str


def standing(wallet: Wallet) -> dict[str, int]:
    """What a receipt tells of a wallet before and after."""
    return {
        "wallet": wallet.balance - wallet.expired,
        "pending": wallet.pending,
        "debt": wallet.debt,
    }


def moved(
    wallets: Iterable[Wallet], before: Mapping[tuple[UUID, str], Mapping[str, int]], effects: Sequence[Effect]
) -> list[Effect]:
    """What these effects moved in wallets, so that a receipt ends with what is there in the end. `before` says how each
    wallet stood, by member and name.
    """
    causes = {one.member_id: one for one in effects}
    return [
        replace(causes[wallet.member_id], subject=subject, what=wallet.name, before=str(then), after=str(now))
        for wallet in wallets
        if wallet.member_id in causes
        for subject, now in standing(wallet).items()
        if (then := before.get((wallet.member_id, wallet.name), {}).get(subject, 0)) != now
    ]
