"""The story of a purchase: what is known of its member, what it earns, what has come back of it before it came."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from common.events import Event
from common.events.purchases import PurchaseCompleted
from common.messaging import Outcome, dead, duplicate, retry
from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import Accrual, Key, Place, Purchase
from points.activities import handlers as activities
from points.cascade import handlers as cascade
from points.cascade.domain import Bought
from points.earning import domain, granting
from points.earning.posting import Occurred, credit_all
from points.earning.pricing import Pricing, know, pricing
from points.evaluation.book import FIRST_PURCHASE, LIMITS
from points.evaluation.earned import CouponGrant
from points.evaluation.occasion import Occasion
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.ledger.handlers import Wallets
from points.limits import handlers as limits
from points.limits.domain import Usage
from points.repricing import handlers as repricing
from points.returns import handlers as returns
from points.times import Bounds, bounds

Bringing = Event[PurchaseCompleted]
NOTHING: frozenset[str] = frozenset()


class Accrued(NamedTuple):
    """A purchase that was taken in, with its credits. `owner` holds the points."""

    purchase: Purchase
    owner: UUID
    accruals: Sequence[Accrual]
    event: Bringing


async def purchases_completed(tx: Transaction, events: Sequence[Bringing]) -> list[Outcome]:
    """Credit what each purchase earns; those that cannot be are named in the outcomes and have no effect."""
    priced = await pricing(tx)
    wallets, known = await facts.lock(tx, {event.data.member_id for event in events}, priced.book.needs)
    await know(tx, priced, known)
    hashes = await accruals.body_hashes(tx, [(event.source, event.data.order_id) for event in events])
    outcomes, new = _sorted_out(events, hashes, priced, wallets, tx.now)
    batch = _Batch(tx, priced, wallets)
    if FIRST_PURCHASE in priced.book.needs:
        new.sort(key=lambda one: one[0].place)
        batch.firsts = await accruals.first_places(tx, {purchase.member_id for purchase, _, _ in new})
    if LIMITS in priced.book.needs:
        asked = [(occasion, purchase.member_id) for purchase, occasion, _ in new]
        batch.usage = await limits.load(tx, priced.book, asked, priced.terms)
    for purchase, occasion, event in new:
        refused = batch.take(purchase, occasion, event)
        if refused is not None:
            outcomes.append(refused)
    if batch.accrued:
        await _keep(tx, batch, priced, wallets)
    return outcomes


async def _keep(tx: Transaction, batch: "_Batch", priced: Pricing, wallets: Wallets) -> None:
    """Write what the purchases earned, and let everything follow that follows a purchase."""
    accrued = batch.accrued
    await accruals.add(tx, [one.purchase for one in accrued], [credit for one in accrued for credit in one.accruals])
    if batch.usage is not None:
        await limits.save(tx, batch.usage, priced.terms)
    await granting.issue(tx, [(one.purchase.member_id, one.purchase, grant) for one, grant in batch.grants])
    await _release_what_may_go(tx, wallets, batch.waiting)
    await cascade.purchases_taken(tx, wallets, [_bought(one) for one in accrued])
    causes = {one.purchase.key: one.event for one in accrued}
    await returns.settle_waiting(tx, causes, wallets, priced)
    if batch.displaced:
        await repricing.firsts_moved(tx, wallets, priced, batch.displaced)
    await ledger.save(tx, wallets)


async def _release_what_may_go(tx: Transaction, wallets: Wallets, waiting: Mapping[Key, Accrued]) -> None:
    """Points that wait for an event that came before them."""
    if waiting:
        for (source, order_id, word), occurred_at in (await activities.told_of(tx, waiting)).items():
            one = waiting[source, order_id]
            if any(credit.waits == word for credit in one.accruals):
                await ledger.release(tx, wallets, one.owner, source, order_id, occurred_at=occurred_at, reason=word)


def _sorted_out(
    events: Sequence[Bringing], known: dict[Key, bytes], priced: Pricing, wallets: Wallets, now: datetime
) -> tuple[list[Outcome], list[tuple[Purchase, Occasion, Bringing]]]:
    """What cannot be taken in and why; the rest as purchases."""
    outcomes: list[Outcome] = []
    new: list[tuple[Purchase, Occasion, Bringing]] = []
    limits_of_time = bounds(now, priced.settings.earliest_year, priced.settings.latest_future_hours)
    for event in events:
        key = (event.source, event.data.order_id)
        if key in known:
            outcomes.append(_again(event, known[key]))
            continue
        refused = _refused(event, priced, wallets, limits_of_time)
        if refused is not None:
            outcomes.append(refused)
            continue
        known[key] = event.body_hash
        purchase = _purchase(event, priced, now)
        new.append((purchase, domain.occasion_of(purchase), event))
    return outcomes, new


def _again(event: Bringing, known_hash: bytes) -> Outcome:
    if event.body_hash == known_hash:
        return duplicate(event)
    message = f"Order {event.data.order_id} of {event.source} came before with another body."
    return dead(event, "order_id_reused", message)


def _refused(event: Bringing, priced: Pricing, wallets: Wallets, limits_of_time: Bounds) -> Outcome | None:
    data, currency = event.data, priced.settings.currency
    if data.currency != currency:
        return dead(event, "currency_mismatch", f"The purchase is in {data.currency}, the programme in {currency}.")
    if absurd := limits_of_time.problem(data.occurred_at):
        return dead(event, "absurd_time", absurd)
    if not wallets.knows(data.member_id):
        return retry(event, "unknown_member", f"Member {data.member_id} is not known here.")
    return None


def _purchase(event: Bringing, priced: Pricing, now: datetime) -> Purchase:
    data, settings = event.data, priced.settings
    lines = None
    if data.lines:
        nets = domain.nets_of([(line.amount, line.discount) for line in data.lines], data.discount)
        lines = [[line.sku, line.category, line.quantity, net] for line, net in zip(data.lines, nets, strict=True)]
    return Purchase(
        event.source,
        data.order_id,
        priced.known.person(data.member_id, data.occurred_at),
        data.currency,
        data.amount,
        domain.basis_of(
            data.amount,
            data.discount,
            data.tax,
            data.delivery,
            on_tax=settings.earn_on_tax,
            on_delivery=settings.earn_on_delivery,
        ),
        data.channel,
        data.shop,
        lines,
        priced.first_tier,
        False,
        settings.rounding,
        0,
        None,
        data.occurred_at,
        now,
        event.body_hash,
    )


class _Batch:
    """Takes purchases in, one after the other. `displaced` are members whose first purchase is another one now."""

    def __init__(self, tx: Transaction, priced: Pricing, wallets: Wallets) -> None:
        self.firsts: dict[int, Place] | None = None
        self.usage: Usage | None = None
        self.accrued: list[Accrued] = []
        self.grants: list[tuple[Accrued, CouponGrant]] = []
        self.waiting: dict[Key, Accrued] = {}
        self.displaced: set[UUID] = set()
        self._tx = tx
        self._priced = priced
        self._wallets = wallets

    def take(self, purchase: Purchase, occasion: Occasion, event: Bringing) -> Outcome | None:
        """Price it and credit what it earns; an outcome when that is too much to be meant."""
        priced, member_id, occurred_at = self._priced, purchase.member_id, purchase.occurred_at
        is_first = self._is_first(purchase)
        person = priced.person(member_id, occurred_at, is_first=is_first)
        evaluation = priced.evaluate(occasion, person, purchase.recorded_at, self.usage)
        earned = sum(one.points for one in evaluation.earned)
        if earned > domain.MAX_EARNED:
            return dead(event, "too_many_points", f"{earned} points are more than one order may earn.")
        if is_first:
            self._mark_first(purchase)
        if self.usage is not None:
            limits.take(self.usage, evaluation, occasion, member_id, priced.terms)
        if is_first or person.tier != purchase.tier:
            purchase = purchase._replace(tier=person.tier, is_first=is_first)
        owner = priced.known.owner(member_id)
        credits = priced.credits(occasion, evaluation)
        of = Occurred(
            owner,
            purchase.source,
            purchase.order_id,
            "",
            occurred_at,
            purchase.recorded_at,
            "purchase",
            purchase.basis,
            purchase.currency,
            person.tier,
        )
        credit_all(self._tx, self._wallets, credits, of, event)
        accrued = Accrued(purchase, owner, credits, event)
        self.accrued.append(accrued)
        self.grants += [(accrued, grant) for grant in evaluation.grants]
        for one in credits:
            if one.waits:
                self.waiting[purchase.key] = accrued
        return None

    def _is_first(self, purchase: Purchase) -> bool:
        """Whether no purchase of the member that is still there was earlier. They come in the order of their places."""
        if self.firsts is None or not purchase.survives:
            return False
        first = self.firsts.get(purchase.member_id.int)
        return first is None or purchase.place < first

    def _mark_first(self, purchase: Purchase) -> None:
        firsts = self.firsts if self.firsts is not None else {}
        if purchase.member_id.int in firsts:
            self.displaced.add(purchase.member_id)
        firsts[purchase.member_id.int] = purchase.place


def _bought(one: Accrued) -> Bought:
    purchase, lines = one.purchase, one.purchase.lines
    quantities: dict[str, int] = {}
    for sku, _, quantity, _ in lines or ():
        quantities[sku] = quantities.get(sku, 0) + quantity
    return Bought(
        one.owner,
        purchase.source,
        purchase.order_id,
        purchase.occurred_at,
        purchase.basis,
        purchase.channel,
        purchase.shop,
        quantities,
        frozenset(line[1] for line in lines if line[1]) if lines else NOTHING,
        _points(one.accruals),
    )


def _points(credits: Sequence[Accrual]) -> Mapping[str, int]:
    points: dict[str, int] = {}
    for one in credits:
        points[one.wallet] = points.get(one.wallet, 0) + one.earned
    return points
