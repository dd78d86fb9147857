"""Keep each member's standing: what the purchases and returns known now, and the rules, make of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events import Event
from common.events import members as contracts
from common.storage import Transaction
from members.tiers import store
from members.tiers.domain import (
    START,
    Bought,
    Returned,
    Standing,
    TierSince,
    needed_from,
    resume_at,
    standing,
)
from members.tiers.rules import Rules, direction, effective
from members.tiers.store import Held

FIRST_TIER = "base"
"""The tier everybody starts in; contracts and other services know it by this key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a member bought and gave back, all of it."""

    bought: Sequence[Bought] = ()
    returned: Sequence[Returned] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Members to be reviewed, the rules, and from when on each one's history is worked out anew."""

    held: Mapping[UUID, Held]
    rules_revision: int
    rules: tuple[Rules, ...]
    since: Mapping[UUID, datetime]

    @property
    def needed(self) -> dict[UUID, datetime]:
        """From when on each one's purchases are needed."""
        return {member_id: needed_from(self.rules, since) for member_id, since in self.since.items()}


class NoTierRulesError(Exception):
    """The database was not seeded: `migrate` does it."""

    def __init__(self) -> None:
        super().__init__("There are no tier rules: run migrate.")


async def joined(tx: Transaction, members: Sequence[tuple[UUID, datetime]]) -> None:
    """New members (id, joined at) start in the first tier."""
    book = await store.rule_book(tx)
    await store.join(tx, sorted(members), tier=FIRST_TIER, rules_revision=book.revision)


async def lock(tx: Transaction, member_ids: Iterable[UUID]) -> dict[UUID, Held]:
    """Standings of those who are members, locked until the commit: nobody else adds purchases of theirs meanwhile."""
    return await store.lock(tx, list(member_ids))


async def lock_or_defer(tx: Transaction, member_ids: Iterable[UUID]) -> dict[UUID, Held]:
    """The same without waiting: who is held by another transaction is reviewed a little later.

    For those who hold locks already: waiting here could close a circle.
    """
    wanted = list(member_ids)
    held = await store.lock(tx, wanted, wait=False)
    if deferred := [member_id for member_id in wanted if member_id not in held]:
        await store.want(tx, deferred)
    return held


async def plan(tx: Transaction, held: Mapping[UUID, Held], changed_at: Mapping[UUID, datetime]) -> Review:
    """What is needed to review these (locked) members: for those of whom only purchases from `changed_at` on are new,
    what counts since then; for the others their whole lives."""
    book = await store.rule_book(tx)
    rules = _effective(book)
    since = {
        member_id: resume_at(rules, changed_at[member_id], before.next_review_at or tx.now, tx.now)
        if member_id in changed_at and before.rules_revision == book.revision
        else START
        for member_id, before in held.items()
    }
    return Review(held=held, rules_revision=book.revision, rules=rules, since=since)


async def review(
    tx: Transaction, planned: Review, lives: Mapping[UUID, Life], causes: Mapping[UUID, Event[Any]]
) -> int:
    """Work out the standings anew and tell of changes; returns how many histories changed."""
    held, rules = planned.held, planned.rules
    kept, changed = [], 0
    nothing = Life()
    for member_id, before in held.items():
        life, since = lives.get(member_id, nothing), planned.since[member_id]
        known = before.history if since != START else ()
        now = standing(
            life.bought, life.returned, rules, joined_at=before.joined_at, now=tx.now, before=known, since=since
        )
        told = store.written(now.history) == before.written
        revision = before.revision if told else before.revision + 1
        next_review_at = now.coming.since if now.coming else None
        if not told or (next_review_at, planned.rules_revision) != (before.next_review_at, before.rules_revision):
            kept.append((member_id, revision, now))
        if not told:
            changed += 1
            tx.emit(_changed(before, now, rules, revision), cause=causes.get(member_id))
    if kept:
        await store.keep(tx, kept, rules_revision=planned.rules_revision)
    return changed


async def due(tx: Transaction, *, limit: int) -> list[UUID]:
    """Members to be reviewed now: postponed ones, those whom time moves, those who stand by older rules."""
    wanted = await store.take_wanted(tx, limit=limit)
    book = await store.rule_book(tx)
    return sorted({*wanted, *await store.due(tx, revision=book.revision, limit=limit)})


async def decide(tx: Transaction, rules: Rules, *, revision: int) -> None:
    """New rules: from now on all members are due for review."""
    await store.decide(tx, rules, revision=revision)


async def behind(tx: Transaction) -> int:
    """How many members still stand by older rules and wait for their review."""
    return await store.behind(tx, revision=(await store.rule_book(tx)).revision)


async def rules_now(tx: Transaction) -> Rules:
    """The rules in force at this moment. Raises NoTierRulesError."""
    held = [
        version for version in _effective(await store.rule_book(tx)) if version.since is None or version.since <= tx.now
    ]
    return held[-1]


async def tiers_of(tx: Transaction, member_ids: Sequence[UUID]) -> dict[UUID, str]:
    return {member_id: held.tier for member_id, held in (await store.read(tx, member_ids)).items()}


async def histories_of(tx: Transaction, member_ids: Sequence[UUID]) -> dict[UUID, tuple[TierSince, ...]]:
    """The histories as they were last told."""
    return {member_id: held.history for member_id, held in (await store.read(tx, member_ids)).items()}


async def standing_of(tx: Transaction, member_id: UUID, life: Life) -> Standing | None:
    """Where the member stands at this moment, worked out afresh; None for nobody."""
    held = (await store.read(tx, [member_id])).get(member_id)
    if held is None:
        return None
    rules = _effective(await store.rule_book(tx))
    return standing(life.bought, life.returned, rules, joined_at=held.joined_at, now=tx.now)


async def counts(tx: Transaction) -> tuple[dict[str, int], dict[str, int]]:
    """Members by tier held now, and by each tier ever held."""
    return await store.counts(tx)


def _effective(book: store.RuleBook) -> tuple[Rules, ...]:
    if not book.decided:
        raise NoTierRulesError
    return effective(book.decided)


def _changed(before: Held, now: Standing, rules: Sequence[Rules], revision: int) -> contracts.MemberTierChanged:
    latest = now.history[-1]
    return contracts.MemberTierChanged(
        member_id=before.member_id,
        revision=revision,
        tier=latest.tier,
        tier_name=now.tier.name,
        previous_tier=before.tier,
        direction=direction(rules[-1], before.tier, latest.tier),
        effective_at=latest.since,
        qualifying_amount=now.qualifying,
        history=tuple(
            contracts.TierSince(tier=entry.tier, since=entry.since, reason=entry.reason) for entry in now.history
        ),
    )
