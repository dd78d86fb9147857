"""Explaining: what a cart would earn and why, and why a purchase earned what it did. Nothing is written."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from common.storage import Transaction
from points.accruals import handlers as accruals
from points.accruals.domain import Accrual, Purchase
from points.earning.domain import occasion_of
from points.earning.pricing import Pricing, know, pricing
from points.errors import PurchaseUnknownError
from points.evaluation.book import Book
from points.evaluation.domain import evaluate
from points.evaluation.earned import Evaluation
from points.evaluation.explaining import Explanation, explain
from points.evaluation.occasion import PURCHASE, Occasion, Person
from points.evaluation.recorded import Given, RecordedUsage
from points.evaluation.sums import total_by
from points.facts import handlers as facts
from points.ledger import handlers as ledger
from points.limits import handlers as limits
from points.simulation.changes import Changes, changed
from points.simulation.drafts import with_drafts

MAX_ROUNDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A cart under the rules asked for, and what it earns under those that are published."""

    currency: str
    explanation: Explanation
    published: Evaluation


async def trial(tx: Transaction, book: Book, drafts: Sequence[str], changes: Changes) -> Book:
    """The published rules with these drafts and changes. Raises DraftUnknownError, RuleUnknownError."""
    return changed(book, await with_drafts(tx, drafts, changes))


async def person_of(tx: Transaction, priced: Pricing, member_id: UUID, occasion: Occasion) -> Person:
    """The member as known now of then (after a merge: who it was then); whether it would be the first purchase, too.
    Raises MemberUnknownError.
    """
    await ledger.wallets_of(tx, member_id)
    await know(tx, priced, await facts.known(tx, [member_id], priced.book.needs))
    member_id = priced.known.person(member_id, occasion.occurred_at)
    firsts = await accruals.firsts(tx, [member_id])
    first = firsts.get(member_id.int)
    return priced.person(
        member_id, occasion.occurred_at, is_first=first is None or occasion.occurred_at < first.occurred_at
    )


async def simulate(tx: Transaction, published: Book, priced: Pricing, occasion: Occasion, person: Person) -> Simulated:
    """Explain a cart by the rules of `priced`, with what is left of limits now."""
    usage = await limits.look(tx, [published, priced.book], [(occasion, person.member_id)], priced.terms)
    valid = published.valid_at(occasion.occurred_at, tx.now)
    return Simulated(
        currency=priced.settings.currency,
        explanation=explain(priced.book, occasion, person, priced.terms, usage, recorded_at=tx.now),
        published=evaluate(valid, occasion, person, priced.terms, usage),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A purchase that was taken in, with what it earned, and every rule. `agrees`: the rules give what was credited."""

    purchase: Purchase
    accruals: Sequence[Accrual]
    person: Person
    explanation: Explanation
    agrees: bool


async def explain_purchase(tx: Transaction, source: str, order_id: str) -> Explained:
    """By the facts it was priced by, and the rules published when it was recorded. Raises PurchaseUnknownError."""
    key = (source, order_id)
    purchase = (await accruals.purchases(tx, [key])).get(key)
    if purchase is None:
        raise PurchaseUnknownError(source, order_id)
    priced = await pricing(tx)
    await know(tx, priced, await facts.known(tx, [purchase.member_id], priced.book.needs))
    occasion = occasion_of(purchase)
    person = priced.person(purchase.member_id, purchase.occurred_at, is_first=purchase.is_first)
    person = person._replace(tier=purchase.tier)
    credits = (await accruals.by_keys(tx, [key])).get(key, [])
    taken = {one.rule for one in await limits.takings(tx, [(PURCHASE, *key)]) if one.uses}
    found = _as_recorded(priced, occasion, person, purchase, credits, taken)
    wallets = total_by((one.wallet, one.points) for one in found.evaluation.earned)
    agrees = wallets == total_by((one.wallet, one.earned) for one in credits)
    return Explained(purchase=purchase, accruals=credits, person=person, explanation=found, agrees=agrees)


def _as_recorded(
    priced: Pricing,
    occasion: Occasion,
    person: Person,
    purchase: Purchase,
    credits: Sequence[Accrual],
    taken: Set[str],
) -> Explanation:
    """A rule with limits that count (those per order do not), that would have given something, but of which nothing is
    `taken`, had nothing left.
    """
    given = {share.rule: Given(share.points, share.limit) for one in credits for share in one.shares}
    closed: set[str] = set()
    terms = replace(priced.terms, rounding=purchase.rounding)
    for _ in range(MAX_ROUNDS):
        usage = RecordedUsage(given=given, first_day_of_week=terms.first_day_of_week, closed=closed)
        found = explain(priced.book, occasion, person, terms, usage, recorded_at=purchase.recorded_at)
        more = {used.rule.key for used in found.evaluation.used if used.rule.counts} - taken - closed
        if not more:
            break
        closed |= more
    return found


def nobody() -> UUID:
    """A member that there is not: nothing has been used of its limits."""
    return uuid4()
