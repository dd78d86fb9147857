"""Applies returns to their purchases while the members' wallets are locked, with everything that follows a return."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from common.events import Event
from common.events.points import PointsClawedBack
from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import Accrual, Key, Purchase
from points.activities import following
from points.cascade import handlers as cascade
from points.cascade.domain import Effect, Returned, moved, standing
from points.earning.pricing import Pricing
from points.evaluation.book import FIRST_PURCHASE
from points.ledger import handlers as ledger
from points.ledger.domain import ALLOW_NEGATIVE, Taken
from points.ledger.handlers import Need, Wallets
from points.ledger.wallet import Wallet
from points.repricing import handlers as repricing
from points.returns import domain, store
from points.returns.domain import APPLIED, REVIEW, Return, Settled
from points.returns.telling import set_aside

NO_CREDITS: tuple[Accrual, ...] = ()


class Applying:
    """Purchases and what is taken back of them. `prepare`, then `apply` each return, then `finish`."""

    def __init__(self, tx: Transaction, wallets: Wallets, priced: Pricing) -> None:
        self._tx = tx
        self._wallets = wallets
        self._priced = priced
        self.purchases: dict[Key, Purchase] = {}
        self.in_review: Counter[Key] = Counter()
        self._credits: dict[Key, Sequence[Accrual]] = {}
        self._changed: dict[Key, None] = {}
        self._returned: list[Returned] = []
        self._effects: list[Effect] = []
        self._causes: dict[Key, Event[Any] | None] = {}

    async def prepare(self, orders: Iterable[Key]) -> None:
        """Read these purchases as they are now; their members' wallets are locked."""
        keys = list(orders)
        self.purchases = await accruals.purchases(self._tx, keys)
        self._credits = dict(await accruals.by_keys(self._tx, self.purchases)) if self.purchases else {}
        self.in_review = await store.in_review(self._tx, self.purchases) if self.purchases else Counter()
        needs: list[Need] = []
        for key, credits in self._credits.items():
            nets: dict[str, int] = {}
            for one in credits:
                nets[one.wallet] = nets.get(one.wallet, 0) + one.net
            needs += [Need(self._wallet(key, name), net, *key) for name, net in sorted(nets.items()) if net]
            needs += [Need(former, 0, *key) for name in sorted(nets) if (former := self._former(key, name))]
        await ledger.load_for(self._tx, needs)

    def _wallet(self, order: Key, name: str) -> Wallet:
        return self._wallets.of(self.owner(order), name)

    def _former(self, order: Key, name: str) -> Wallet | None:
        """The buyer's own wallet, when the points went on to another member."""
        buyer = self.purchases[order].member_id
        moved_on = buyer != self.owner(order) and self._wallets.knows(buyer)
        return self._wallets.of(buyer, name) if moved_on else None

    def owner(self, order: Key) -> UUID:
        """Who holds what the purchase earned."""
        return self._priced.known.owner(self.purchases[order].member_id)

    def apply(self, returned: Return, cause: Event[Any] | None, *, policy: str | None = None) -> Return:
        """What became of the return; `policy` is before the programme's and the wallet's."""
        order = returned.order_key
        purchase, credits = self.purchases[order], self._credits.get(order, NO_CREDITS)
        names = sorted({one.wallet for one in credits})
        before = {name: standing(self._wallet(order, name)) for name in names}
        settled = domain.settle(
            returned,
            purchase,
            credits,
            lambda name: self._wallet(order, name),
            lambda name: self._former(order, name),
            lambda name: policy or self._priced.policy(name),
            self._tx.now,
            in_review=self.in_review[order],
        )
        if settled.returned.state == REVIEW:
            self.in_review[order] += returned.amount
        if settled.returned.state == APPLIED:
            self.purchases[order], self._credits[order] = settled.purchase, settled.accruals
            self._changed[order] = None
            self._causes[returned.key] = cause
            self._note(settled, purchase, before)
            for wallet, taken in settled.taken:
                self._tell(settled, wallet, taken, policy or self._priced.policy(wallet.name), cause)
        else:
            set_aside(self._tx, settled.returned, cause)
        return settled.returned

    def _note(self, settled: Settled, before: Purchase, states: dict[str, dict[str, int]]) -> None:
        """For the receipt, and for those who follow a return."""
        returned, after, owner = settled.returned, settled.purchase, self.owner(settled.returned.order_key)
        self._returned.append(self._followed(returned, before.returned, after))
        lines = [("purchase", f"{after.order_id} returned", str(before.returned), str(after.returned))]
        for name, state in states.items():
            now = standing(self._wallet(returned.order_key, name))
            lines += [
                (subject, name, str(state[subject]), str(now[subject]))
                for subject in now
                if subject == "wallet" or state[subject] != now[subject]
            ]
        self._effects += [
            Effect(
                member_id=owner,
                source=returned.source,
                return_id=returned.return_id,
                subject=subject,
                what=what,
                before=one,
                after=other,
            )
            for subject, what, one, other in lines
        ]

    def follow_again(self, returned: Return) -> None:
        """Something crossed this return, which was applied: what follows it is to follow it once more. That takes
        nothing twice.
        """
        purchase = self.purchases[returned.order_key]
        self._returned.append(self._followed(returned, purchase.returned, purchase))

    def _followed(self, returned: Return, before: int, after: Purchase) -> Returned:
        return Returned(
            member_id=self.owner(returned.order_key),
            source=returned.source,
            return_id=returned.return_id,
            order_source=returned.order_source,
            order_id=returned.order_id,
            occurred_at=returned.occurred_at,
            basis=after.basis,
            before=before,
            after=after.returned,
            purchase=after,
        )

    def _tell(self, settled: Settled, wallet: Wallet, taken: Taken, policy: str, cause: Event[Any] | None) -> None:
        self._tx.emit(
            PointsClawedBack(
                member_id=wallet.member_id,
                wallet=wallet.name,
                sequence=taken.sequence,
                points=taken.points,
                balance=wallet.spendable,
                debt=wallet.debt,
                occurred_at=settled.returned.occurred_at,
                order_source=settled.purchase.source,
                order_id=settled.purchase.order_id,
                return_id=settled.returned.return_id,
                shortfall=taken.shortfall,
                policy=policy or ALLOW_NEGATIVE,
                pending=taken.pending,
                unexpired=taken.unexpired,
            ),
            cause=cause,
        )

    async def finish(self) -> None:
        """Write the purchases, then let everything follow: limits, coupons, badges, activities, the next first
        purchase. The caller saves the wallets afterwards.
        """
        if not self._returned:
            return
        changed = [self.purchases[key] for key in self._changed]
        await accruals.change(self._tx, changed, [one for key in self._changed for one in self._credits.get(key, ())])
        own = {(one.member_id, one.name): standing(one) for one in self._wallets.all()}
        effects = await cascade.purchases_returned(self._tx, self._wallets, self._returned)
        effects += await following.purchases_returned(
            self._tx, self._wallets, self._priced, self._returned, self._causes
        )
        if FIRST_PURCHASE in self._priced.book.needs:
            effects += await repricing.firsts_returned(
                self._tx, self._wallets, self._priced, self._gone(), self._causes
            )
        await store.add_effects(self._tx, [*self._effects, *effects, *moved(self._wallets.all(), own, effects)])

    def _gone(self) -> list[tuple[Purchase, Returned]]:
        """Purchases of which nothing is left, with the return that took the last of them."""
        last = {(one.order_source, one.order_id): one for one in self._returned if one.wholly}
        return [(self.purchases[key], one) for key, one in last.items()]
