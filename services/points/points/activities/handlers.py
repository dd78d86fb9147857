"""The story of an activity: what it earns by the rules for activities, and what its coming sets free."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from common.events import Event
from common.events.activities import ActivityCompleted
from common.messaging import Outcome, dead, duplicate, retry
from common.storage import Transaction, inbox
from points.accruals import handlers as accruals
from points.accruals.domain import ACTIVITY, Accrual, Key, Purchase
from points.activities import store
from points.activities.domain import Activity, done_of, occasion_of, reference_of
from points.cascade import handlers as cascade
from points.coupons.domain import RULE, Grant
from points.earning import granting
from points.earning.domain import MAX_EARNED
from points.earning.posting import Occurred, credit_all
from points.earning.pricing import Pricing, know, pricing
from points.facts import handlers as facts
from points.facts.domain import Known
from points.ledger import handlers as ledger
from points.ledger.handlers import Wallets
from points.limits import handlers as limits
from points.limits.domain import Usage
from points.times import bounds

Doing = Event[ActivityCompleted]


async def take(tx: Transaction, events: Sequence[Doing]) -> list[Outcome]:
    """Credit what activities earn, by the queue or by HTTP; those that cannot be are named and have no effect."""
    priced = await pricing(tx)
    orders = {order for event in events if (order := order_of(event))[1]}
    wallets, known, bought = await _lock(tx, priced, {event.data.member_id for event in events}, orders)
    await know(tx, priced, known)
    hashes = await store.body_hashes(tx, [(event.source, event.data.activity_id) for event in events])
    gone = await accruals.wholly_returned(tx, orders) if orders else set()
    outcomes, new = _sorted_out(events, hashes, priced, wallets, tx.now, gone, bought)
    earning = [(occasion_of(one), one.member_id) for one, _ in new if not one.taken_back]
    usage = await limits.load(tx, priced.book, earning, priced.terms)
    batch = _Batch(tx, priced, wallets, usage)
    for activity, event in new:
        refused = batch.take(activity, event)
        if refused is not None:
            outcomes.append(refused)
    if batch.taken:
        await _keep(tx, batch, priced, wallets, bought)
    return outcomes


async def _lock(
    tx: Transaction, priced: Pricing, members: set[UUID], orders: set[Key]
) -> tuple[Wallets, Known, dict[Key, Purchase]]:
    """The wallets of these members and of those who bought the orders, and the purchases that are known then."""
    bought = await accruals.purchases(tx, orders) if orders else {}
    while True:
        members |= {purchase.member_id for purchase in bought.values()}
        wallets, known = await facts.lock(tx, members, priced.book.needs)
        # While we waited for the wallets, the very purchase may have come that did not find the activity.
        missing = orders - bought.keys()
        come = await accruals.purchases(tx, missing) if missing else {}
        bought |= come
        if all(purchase.member_id in members for purchase in come.values()):
            return wallets, known, bought


async def tell(tx: Transaction, events: Sequence[Doing]) -> list[Outcome]:
    """By HTTP: who tells the same again is counted, as the queue counts its senders."""
    outcomes = await take(tx, events)
    again = Counter((one.event.source, one.event.type) for one in outcomes if one.word == "duplicate")
    if again:
        await inbox.count_duplicates(tx, again)
    return outcomes


async def activities_completed(tx: Transaction, events: Sequence[Doing]) -> list[Outcome]:
    """From the queue."""
    return await take(tx, events)


async def _keep(
    tx: Transaction, batch: "_Batch", priced: Pricing, wallets: Wallets, bought: dict[Key, Purchase]
) -> None:
    await store.add(tx, batch.taken)
    await accruals.add(tx, [], batch.credits)
    await limits.save(tx, batch.usage, priced.terms)
    await granting.issue_for_activity(tx, batch.grants)
    await set_free(tx, batch.taken, priced, wallets, bought)
    done = [done_of(one, priced.known.owner(one.member_id)) for one in batch.taken if not one.taken_back]
    if done:
        await cascade.activities_taken(tx, wallets, done)
    await ledger.save(tx, wallets)


async def set_free(
    tx: Transaction, taken: Sequence[Activity], priced: Pricing, wallets: Wallets, bought: Mapping[Key, Purchase]
) -> None:
    """Release what waited for these activities: points of purchases, and of activities that follow them."""
    words = {(one.order, one.activity): one for one in taken if one.order_id}
    if not words:
        return
    waiting: dict[tuple[Key, str], set[UUID]] = {}
    for key, credits in (await accruals.by_keys(tx, bought)).items() if bought else ():
        for credit in credits:
            waiting.setdefault((key, credit.waits), set()).add(priced.known.owner(bought[key].member_id))
    following = {one.key: one for one in await store.of_orders(tx, {order for order, _ in words})}
    for key, credits in (await accruals.by_keys(tx, following, kind=ACTIVITY)).items() if following else ():
        for credit in credits:
            owner = priced.known.owner(following[key].member_id)
            if wallets.knows(owner):
                waiting.setdefault((following[key].order, credit.waits), set()).add(owner)
    for (order, word), one in words.items():
        for owner in sorted(waiting.get((order, word), ())):
            await ledger.release(tx, wallets, owner, *order, occurred_at=one.occurred_at, reason=word)


async def of_orders(tx: Transaction, orders: Iterable[Key]) -> list[Activity]:
    """Activities that follow these orders and were not taken back."""
    return await store.of_orders(tx, orders)


async def unmet(tx: Transaction, limit: int) -> list[Activity]:
    """Activities whose order was not known when they came, and is there now."""
    return await store.unmet(tx, limit)


async def met(tx: Transaction, activities: Iterable[Activity]) -> None:
    """Everything was done that follows from their orders being known."""
    await store.met(tx, activities)


async def told_of(tx: Transaction, orders: Iterable[Key]) -> dict[tuple[str, str, str], datetime]:
    """Which activities name these orders, and when the first of each kind occurred: (source, order id, activity)."""
    return await store.told_of(tx, orders)


def order_of(event: Doing) -> Key:
    """The purchase it follows: of the same source unless it names another; empty texts for none."""
    if event.data.order_id is None:
        return ("", "")
    return (event.data.order_source or event.source, event.data.order_id)


def _sorted_out(
    events: Sequence[Doing],
    known: dict[Key, bytes],
    priced: Pricing,
    wallets: Wallets,
    now: datetime,
    gone: set[Key],
    bought: Mapping[Key, Purchase],
) -> tuple[list[Outcome], list[tuple[Activity, Doing]]]:
    """What cannot be taken in and why; the rest as activities."""
    outcomes: list[Outcome] = []
    new: list[tuple[Activity, Doing]] = []
    limits_of_time = bounds(now, priced.settings.earliest_year, priced.settings.latest_future_hours)
    for event in events:
        key = (event.source, event.data.activity_id)
        if key in known:
            outcomes.append(_again(event, known[key]))
        elif absurd := limits_of_time.problem(event.data.occurred_at):
            outcomes.append(dead(event, "absurd_time", absurd))
        elif not wallets.knows(event.data.member_id):
            outcomes.append(retry(event, "unknown_member", f"Member {event.data.member_id} is not known here."))
        else:
            known[key] = event.body_hash
            new.append((_activity(event, priced, now, gone, bought), event))
    return outcomes, new


def _again(event: Doing, known_hash: bytes) -> Outcome:
    if event.body_hash == known_hash:
        return duplicate(event)
    message = f"Activity {event.data.activity_id} of {event.source} came before with another body."
    return dead(event, "activity_id_reused", message)


def _activity(event: Doing, priced: Pricing, now: datetime, gone: set[Key], bought: Mapping[Key, Purchase]) -> Activity:
    data, order = event.data, order_of(event)
    return Activity(
        event.source,
        data.activity_id,
        priced.known.person(data.member_id, data.occurred_at),
        data.activity,
        data.fields,
        *order,
        priced.first_tier,
        priced.settings.rounding,
        order in gone,
        bool(order[1]) and order not in bought,
        data.occurred_at,
        now,
        event.body_hash,
    )


class _Batch:
    """Takes activities in, one after the other. What follows an order that came back wholly earns nothing."""

    def __init__(self, tx: Transaction, priced: Pricing, wallets: Wallets, usage: Usage) -> None:
        self.usage = usage
        self.taken: list[Activity] = []
        self.credits: list[Accrual] = []
        self.grants: list[Grant] = []
        self._tx = tx
        self._priced = priced
        self._wallets = wallets

    def take(self, activity: Activity, event: Doing) -> Outcome | None:
        """Price it and credit what it earns; an outcome when that is too much to be meant."""
        priced, member_id = self._priced, activity.member_id
        person = priced.person(member_id, activity.occurred_at)
        activity = activity._replace(tier=person.tier)
        if activity.taken_back:
            self.taken.append(activity)
            return None
        occasion = occasion_of(activity)
        evaluation = priced.evaluate(occasion, person, activity.recorded_at, self.usage)
        earned = sum(one.points for one in evaluation.earned)
        if earned > MAX_EARNED:
            return dead(event, "too_many_points", f"{earned} points are more than one activity may earn.")
        limits.take(self.usage, evaluation, occasion, member_id, priced.terms)
        credits = priced.credits(occasion, evaluation)
        of = Occurred(
            priced.known.owner(member_id),
            activity.order_source,
            activity.order_id,
            reference_of(activity),
            activity.occurred_at,
            activity.recorded_at,
            ACTIVITY,
            tier=person.tier,
        )
        credit_all(self._tx, self._wallets, credits, of, event)
        self.taken.append(activity)
        self.credits += credits
        self.grants += [
            Grant(
                template=grant.template,
                member_id=member_id,
                reason=RULE,
                reference=f"{grant.rule}/{activity.source}/{activity.activity_id}",
                occurred_at=activity.occurred_at,
                cause=activity.order,
            )
            for grant in evaluation.grants
        ]
        return None


async def page(
    tx: Transaction, member_id: UUID, *, activity: str, before: tuple[datetime, str, str], limit: int
) -> list[Activity]:
    """A member's activities, the latest first; of one kind unless `activity` is empty. Raises MemberUnknownError."""
    await ledger.wallets_of(tx, member_id)
    return await store.page(tx, await facts.group(tx, member_id), activity=activity, before=before, limit=limit)


async def credits_of(tx: Transaction, activities: Sequence[Activity]) -> dict[Key, list[Accrual]]:
    """What these activities earned, one accrual for each credit."""
    return await accruals.by_keys(tx, [one.key for one in activities], kind=ACTIVITY) if activities else {}
