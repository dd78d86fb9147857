"""Everything that prices an occasion, gathered once for a batch: settings, rules, and what is known of the members."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from common.events.programme import ProgrammeSettings
from common.storage import Transaction
from common.storage.programme import programme
from points.accruals.domain import Accrual
from points.earning.domain import accruals_of
from points.evaluation.book import BIRTHDAY, Book
from points.evaluation.domain import evaluate
from points.evaluation.earned import Evaluation
from points.evaluation.occasion import Birthday, Expiry, Occasion, Person, Terms
from points.evaluation.rule import Usage
from points.facts import handlers as facts
from points.facts.domain import Known, first_tier, segments_before, tier_before
from points.rules import handlers as rules
from points.wallet_types import handlers as wallet_types
from points.wallet_types.domain import END_OF_MONTH, END_OF_YEAR, PROGRAMME, Life, WalletTypes

NO_SEGMENTS: frozenset[str] = frozenset()


def terms_of(settings: ProgrammeSettings, types: WalletTypes) -> Terms:
    """The programme's terms; a type of wallet may have a life of its own."""
    expiries = {one.key: expiry_of(one.life) for one in types.by_key.values() if one.life.kind != PROGRAMME}
    return Terms(
        zone=ZoneInfo(settings.time_zone),
        rounding=settings.rounding,
        expiry_months=settings.expiry_months,
        first_day_of_week=settings.first_day_of_week,
        expiry_by_wallet=expiries,
    )


def expiry_of(life: Life) -> Expiry:
    """A wallet's life as rules say it: they count the periods ahead, a wallet counts the first one, too."""
    if life.kind in (END_OF_MONTH, END_OF_YEAR):
        return Expiry(kind=life.kind, count=life.periods - 1)
    return Expiry(kind=life.kind, count=life.periods)


@dataclass(slots=True, kw_only=True)
class Pricing:
    """What occasions earn. `known` and `birthdays` are of the members at hand (`know`)."""

    settings: ProgrammeSettings
    book: Book
    terms: Terms
    types: WalletTypes
    first_tier: str
    known: Known
    birthdays: Mapping[int, Birthday]

    def person(self, member_id: UUID, occurred_at: datetime, *, is_first: bool = False) -> Person:
        """The member as it was held to be strictly before that."""
        found = self.known.members.get(member_id.int)
        if found is None:
            return Person(member_id, self.first_tier, NO_SEGMENTS, is_first)
        return Person(
            member_id,
            tier_before(found, occurred_at, self.first_tier),
            segments_before(found.segments, occurred_at) if found.segments else NO_SEGMENTS,
            is_first,
            self.birthdays.get(member_id.int),
            found.registered_at,
        )

    def evaluate(
        self,
        occasion: Occasion,
        person: Person,
        recorded_at: datetime,
        usage: Usage | None,
        rounding: str | None = None,
    ) -> Evaluation:
        """By the rules that were published when it was recorded; with the rounding it was priced by, if that is old."""
        terms = self.terms
        if rounding is not None and rounding != terms.rounding:
            terms = replace(terms, rounding=rounding)
        return evaluate(self.book.valid_at(occasion.occurred_at, recorded_at), occasion, person, terms, usage)

    def credits(self, occasion: Occasion, evaluation: Evaluation) -> list[Accrual]:
        """What was earned, as it is kept. Where no rule says so, the type of the wallet says how long points wait."""
        found = accruals_of(occasion.kind, occasion.source, occasion.key, evaluation.earned)
        for place, one in enumerate(found):
            kind = self.types.by_key.get(one.wallet)
            if kind is not None and kind.pending_days and one.available_at is None and not one.waits:
                found[place] = one._replace(available_at=kind.available_at(occasion.occurred_at, self.terms.zone))
        return found

    def policy(self, wallet: str) -> str:
        """What happens when points that are to be taken back are not there."""
        return self.types.of(wallet).negative_policy or self.settings.negative_policy


async def pricing(tx: Transaction) -> Pricing:
    """Settings and rules; nothing is known of members yet."""
    settings = await programme(tx)
    book = await rules.book(tx)
    types = await wallet_types.load(tx)
    return Pricing(
        settings=settings,
        book=book,
        terms=terms_of(settings, types),
        types=types,
        first_tier=first_tier((step.rank, step.key) for step in settings.tiers),
        known=Known(),
        birthdays={},
    )


async def know(tx: Transaction, priced: Pricing, known: Known) -> None:
    """Give it what is known of the members; birthdays are opened only if a rule asks for them."""
    priced.known = known
    if BIRTHDAY in priced.book.needs:
        priced.birthdays = await facts.birthdays_of(tx, known.members.values())


async def know_members(tx: Transaction, priced: Pricing, member_ids: Iterable[UUID]) -> None:
    """The same, of these members whose wallets are locked."""
    await know(tx, priced, await facts.known(tx, member_ids, priced.book.needs))
