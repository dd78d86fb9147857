"""What a member may order now, what it would cost, and what speaks against the rest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.events.programme import ProgrammeSettings
from common.storage import Transaction
from common.storage.programme import programme
from points.errors import MemberUnknownError
from points.facts import handlers as facts
from points.facts.domain import Known, first_tier, segments_before, tier_before
from points.ledger import handlers as ledger
from points.reward_offers import store
from points.rewards import domain
from points.rewards import handlers as rewards
from points.rewards.domain import PUBLISHED, Customer, Price, Reward, Terms
from points.rewards.refusals import RewardRefusedError

WALLET = ledger.FIRST_WALLET
"""Rewards are paid with points."""
PART = 200
"""Rewards that are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A reward for one member: the prices that are for them, what they have had per period, and the objections."""

    reward: Reward
    prices: Sequence[Price]
    used: Mapping[str, int]
    objections: Sequence[RewardRefusedError]

    @property
    def affordable(self) -> bool:
        return not any(one.code == "insufficient_points" for one in self.objections) and bool(self.prices)


def customer_of(
    known: Known, member_id: UUID, settings: ProgrammeSettings, tx: Transaction, *, spendable: int, debt: int
) -> Customer:
    """The member as of now: a tier or segment that began at this instant counts from the next one on."""
    told = known.of(member_id)
    start = first_tier((tier.rank, tier.key) for tier in settings.tiers)
    return Customer(
        member_id=member_id,
        tier=tier_before(told, tx.now, start),
        segments=segments_before(told.segments, tx.now),
        spendable=spendable,
        debt=debt,
    )


async def used(
    tx: Transaction, member_id: UUID, found: Iterable[Reward], terms: Terms
) -> Mapping[str, Mapping[str, int]]:
    """Pieces the member, and whoever was merged into it, has had in the periods of these rewards' limits."""
    asked = [
        (reward.reward, limit.per, domain.period(limit.per, tx.now, terms)[0])
        for reward in found
        for limit in reward.limits
    ]
    return await store.used(tx, await facts.group(tx, member_id), asked) if asked else {}


async def offers(
    tx: Transaction,
    member_id: UUID,
    *,
    kind: str | None,
    affordable: bool | None,
    available: bool | None,
    after: tuple[int, str],
    limit: int,
) -> list[Offer]:
    """Published rewards for this member, in the catalogue's order. `affordable`, `available`: only those that are, or
    that are not. Raises MemberUnknownError.
    """
    customer, terms = await _customer(tx, member_id)
    found: list[Offer] = []
    while len(found) < limit:
        part = await rewards.catalogue(tx, state=PUBLISHED, kind=kind, words="", after=after, limit=PART)
        had = await used(tx, customer.member_id, part, terms)
        for reward in part:
            offer = _offer(reward, customer, had.get(reward.reward, {}), terms, tx)
            wanted = affordable in (None, offer.affordable) and available in (None, not offer.objections)
            if wanted and len(found) < limit:
                found.append(offer)
        if len(part) < PART:
            break
        after = (part[-1].sort, part[-1].reward)
    return found


async def offer(tx: Transaction, member_id: UUID, reward: str, *, quantity: int, option: str) -> Offer:
    """One reward for this member, published or not. Raises MemberUnknownError, RewardUnknownError."""
    found = await rewards.of_key(tx, reward)
    customer, terms = await _customer(tx, member_id)
    had = await used(tx, customer.member_id, [found], terms)
    return _offer(found, customer, had.get(reward, {}), terms, tx, quantity=quantity, option=option)


def _offer(
    reward: Reward,
    customer: Customer,
    had: Mapping[str, int],
    terms: Terms,
    tx: Transaction,
    *,
    quantity: int = 1,
    option: str = "",
) -> Offer:
    against = domain.objections(reward, customer, quantity=quantity, option=option, used=had, now=tx.now, terms=terms)
    return Offer(reward=reward, prices=list(domain.prices_for(reward, customer).values()), used=had, objections=against)


async def _customer(tx: Transaction, member_id: UUID) -> tuple[Customer, Terms]:
    settings = await programme(tx)
    known = await facts.known(tx, [member_id], [facts.SEGMENTS])
    owner = known.owner(member_id)
    wallets = {one.wallet: one for one in await ledger.balances(tx, owner, soon=tx.now)}
    if WALLET not in wallets:
        raise MemberUnknownError(member_id)
    points = wallets[WALLET]
    spendable = points.available - points.debt
    customer = customer_of(known, owner, settings, tx, spendable=spendable, debt=points.debt)
    return customer, rewards.terms_of(settings)
