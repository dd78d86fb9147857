"""The story of a purchase: what is known of its member, what it earns, what has come back of it before it came."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from common.events import Event
from common.events.points import PointsEarned
from common.events.programme import ProgrammeSettings
from common.events.purchases import PurchaseCompleted
from common.messaging import Outcome, dead, duplicate, retry
from common.storage import Transaction
from common.storage.programme import programme
from points.accruals import handlers as accruals
from points.accruals.domain import Accrual, Key
from points.earning import domain
from points.facts import handlers as facts
from points.facts.domain import MemberFacts, first_tier, tier_before
from points.ledger import handlers as ledger
from points.ledger.domain import EARNED, Cause, Wallet, credit
from points.returns import handlers as returns
from points.rules import handlers as rules
from points.rules.domain import RuleBook
from points.times import bounds

Purchase = Event[PurchaseCompleted]


async def purchases_completed(tx: Transaction, events: Sequence[Purchase]) -> list[Outcome]:
    """Credit what each purchase earns; those that cannot be are named in the outcomes and have no effect."""
    settings = await programme(tx)
    book = await rules.rule_book(tx)
    wallets = await ledger.lock(tx, {event.data.member_id for event in events})
    histories = await facts.histories_of(tx, wallets.member_ids())
    known = await accruals.body_hashes(tx, [(event.source, event.data.order_id) for event in events])

    accrual_of = _Accruing(settings, book, wallets, histories, tx)
    outcomes: list[Outcome] = []
    accrued: dict[Key, Accrual] = {}
    causes: dict[Key, Purchase] = {}
    for event in events:
        key = (event.source, event.data.order_id)
        if key in known:
            outcomes.append(_again(event, known[key]))
            continue
        accrual = accrual_of(event)
        if isinstance(accrual, Outcome):
            outcomes.append(accrual)
            continue
        known[key], accrued[key], causes[key] = event.body_hash, accrual, event
        if accrual.earned:
            _credit(tx, wallets.of(accrual.member_id, accrual.wallet), accrual, event)

    if accrued:
        accrued |= await returns.settle_waiting(tx, accrued, wallets, settings, causes)
        await accruals.add(tx, list(accrued.values()))
        await ledger.save(tx, wallets)
    return outcomes


def _again(event: Purchase, known_hash: bytes) -> Outcome:
    if event.body_hash == known_hash:
        return duplicate(event)
    message = f"Order {event.data.order_id} of {event.source} came before with another body."
    return dead(event, "order_id_reused", message)


class _Accruing:
    """Makes accruals of purchases, with what is the same for the whole batch at hand."""

    def __init__(
        self,
        settings: ProgrammeSettings,
        book: RuleBook,
        wallets: ledger.Wallets,
        histories: Mapping[int, MemberFacts],
        tx: Transaction,
    ) -> None:
        self._settings = settings
        self._book = book
        self._wallets = wallets
        self._histories = histories
        self._now = tx.now
        self._limits = bounds(tx.now, settings.earliest_year, settings.latest_future_hours)
        self._zone = ZoneInfo(settings.time_zone)
        self._first_tier = first_tier((step.rank, step.key) for step in settings.tiers)

    def __call__(self, event: Purchase) -> Accrual | Outcome:
        data, settings = event.data, self._settings
        occurred_at = data.occurred_at
        if data.currency != settings.currency:
            return dead(
                event, "currency_mismatch", f"The purchase is in {data.currency}, the programme in {settings.currency}."
            )
        if absurd := self._limits.problem(occurred_at):
            return dead(event, "absurd_time", absurd)
        if not self._wallets.knows(data.member_id):
            return retry(event, "unknown_member", f"Member {data.member_id} is not known here.")
        rule = self._book.valid_at(occurred_at)
        if rule is None:
            return dead(event, "no_earning_rule", f"No earning rule was valid at {occurred_at.isoformat()}.")
        history = self._histories.get(data.member_id.int)
        tier = tier_before(history, occurred_at, self._first_tier) if history else self._first_tier
        multiplier = domain.multiplier_of(rule, tier)
        basis = domain.basis_of(
            data.amount,
            data.discount,
            data.tax,
            data.delivery,
            on_tax=settings.earn_on_tax,
            on_delivery=settings.earn_on_delivery,
        )
        earned = domain.earned_by(basis, rule.points, rule.per_minor_units, multiplier, settings.rounding)
        if earned > domain.MAX_EARNED:
            return dead(event, "too_many_points", f"{earned} points are more than one order may earn.")
        return Accrual(
            event.source,
            data.order_id,
            data.member_id,
            rule.wallet,
            data.currency,
            basis,
            rule.rule,
            rule.version,
            rule.points,
            rule.per_minor_units,
            tier,
            multiplier[0],
            settings.rounding,
            earned,
            0,
            0,
            occurred_at,
            self._now,
            domain.expiry(occurred_at, settings.expiry_months, self._zone),
            event.body_hash,
        )


def _credit(tx: Transaction, wallet: Wallet, accrual: Accrual, event: Purchase) -> None:
    cause = Cause(EARNED, accrual.source, accrual.order_id, "", accrual.occurred_at, accrual.recorded_at)
    sequence = credit(wallet, accrual.earned, cause, accrual.expires_at)
    # Validating costs less than half of what `model_construct` does, which walks the fields in Python.
    tx.emit(
        PointsEarned(
            member_id=accrual.member_id,
            wallet=accrual.wallet,
            sequence=sequence,
            points=accrual.earned,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=accrual.occurred_at,
            order_source=accrual.source,
            order_id=accrual.order_id,
            basis=accrual.basis,
            currency=accrual.currency,
            rule=accrual.rule,
            rule_version=accrual.rule_version,
            tier=accrual.tier,
            expires_at=accrual.expires_at,
        ),
        cause=event,
    )
