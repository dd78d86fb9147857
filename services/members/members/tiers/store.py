"""SQL of tiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from common.storage import Transaction
from members.tiers.domain import JOINED, Standing, TierSince
from members.tiers.rules import Rules, Tier

_FIELDS = "member_id, joined_at, tier, revision, history, rules_revision, next_review_at"
_JOIN = """
    INSERT INTO standings (member_id, joined_at, tier, since, revision, history, rules_revision)
    SELECT member_id, joined_at, :tier, joined_at, 1, history, :rules_revision FROM unnest(
        CAST(:member_ids AS uuid[]), CAST(:joined_at AS timestamptz[]), CAST(:histories AS text[])
    ) AS fresh (member_id, joined_at, history)
"""
_LOCK = f"SELECT {_FIELDS} FROM standings WHERE member_id = ANY (CAST(:ids AS uuid[])) ORDER BY member_id FOR UPDATE"
_LOCK_FREE = f"{_LOCK} SKIP LOCKED"
_READ = f"SELECT {_FIELDS} FROM standings WHERE member_id = ANY (CAST(:ids AS uuid[]))"
_KEEP = """
    UPDATE standings SET tier = fresh.tier, since = fresh.since, revision = fresh.revision, history = fresh.history,
        rules_revision = :rules_revision, next_review_at = fresh.next_review_at
    FROM unnest(
        CAST(:member_ids AS uuid[]), CAST(:tiers AS text[]), CAST(:since AS timestamptz[]),
        CAST(:revisions AS bigint[]), CAST(:histories AS text[]), CAST(:next_review_at AS timestamptz[])
    ) AS fresh (member_id, tier, since, revision, history, next_review_at)
    WHERE standings.member_id = fresh.member_id
"""
_RULES = """
    SELECT revision, since, window_days, falls, with_tax, with_delivery, tiers::text AS tiers
    FROM tier_rules ORDER BY revision
"""
_DECIDE = """
    INSERT INTO tier_rules (revision, since, window_days, falls, with_tax, with_delivery, tiers, decided_at)
    VALUES (:revision, :since, :window_days, :falls, :with_tax, :with_delivery, CAST(:tiers AS jsonb), :decided_at)
"""
_DUE = """
    SELECT member_id FROM (
        (SELECT member_id FROM standings WHERE next_review_at <= :now ORDER BY next_review_at LIMIT :limit)
        UNION
        (SELECT member_id FROM standings WHERE rules_revision < :revision ORDER BY rules_revision LIMIT :limit)
    ) AS due ORDER BY member_id LIMIT :limit
"""
_BEHIND = "SELECT count(*) FROM standings WHERE rules_revision < :revision"
_WANT = "INSERT INTO reviews_wanted (member_id) SELECT * FROM unnest(CAST(:ids AS uuid[]))"
_TAKE_WANTED = """
    DELETE FROM reviews_wanted WHERE id IN (
        SELECT id FROM reviews_wanted ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    ) RETURNING member_id
"""
_TIERS_NOW = "SELECT tier, count(*) AS members FROM standings GROUP BY tier ORDER BY tier"
_TIERS_EVER = """
    SELECT entry ->> 0 AS tier, count(DISTINCT member_id) AS members
    FROM standings, jsonb_array_elements(CAST(history AS jsonb)) AS entry GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A member's standing as it was last written down."""

    member_id: UUID
    joined_at: datetime
    tier: str
    revision: int
    written: str
    rules_revision: int
    next_review_at: datetime | None

    @property
    def history(self) -> tuple[TierSince, ...]:
        return tuple(
            TierSince(tier=tier, since=datetime.fromisoformat(since).astimezone(UTC), reason=reason)
            for tier, since, reason in orjson.loads(self.written)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """All rules that were decided, in that order; `revision` is the last one's."""

    revision: int
    decided: tuple[Rules, ...]


async def join(tx: Transaction, members: Sequence[tuple[UUID, datetime]], *, tier: str, rules_revision: int) -> None:
    first = [TierSince(tier=tier, since=joined_at, reason=JOINED) for _, joined_at in members]
    await tx.execute(
        _JOIN,
        {
            "member_ids": [member_id for member_id, _ in members],
            "joined_at": [joined_at for _, joined_at in members],
            "histories": [written([entry]) for entry in first],
            "tier": tier,
            "rules_revision": rules_revision,
        },
    )


async def lock(tx: Transaction, member_ids: Sequence[UUID], *, wait: bool = True) -> dict[UUID, Held]:
    """Standings, locked in the order of the members; those that others hold are left out where `wait` is False."""
    rows = await tx.fetch_all(_LOCK if wait else _LOCK_FREE, {"ids": list(member_ids)})
    return {row.member_id: _held(row) for row in rows}


async def read(tx: Transaction, member_ids: Sequence[UUID]) -> dict[UUID, Held]:
    rows = await tx.fetch_all(_READ, {"ids": list(member_ids)})
    return {row.member_id: _held(row) for row in rows}


async def keep(tx: Transaction, standings: Sequence[tuple[UUID, int, Standing]], *, rules_revision: int) -> None:
    """Write down (member, revision, standing) of locked members."""
    await tx.execute(
        _KEEP,
        {
            "member_ids": [member_id for member_id, _, _ in standings],
            "tiers": [standing.history[-1].tier for _, _, standing in standings],
            "since": [standing.history[-1].since for _, _, standing in standings],
            "revisions": [revision for _, revision, _ in standings],
            "histories": [written(standing.history) for _, _, standing in standings],
            "next_review_at": [standing.coming.since if standing.coming else None for _, _, standing in standings],
            "rules_revision": rules_revision,
        },
    )


async def rule_book(tx: Transaction) -> RuleBook:
    rows = await tx.fetch_all(_RULES)
    decided = tuple(
        Rules(
            tiers=tuple(Tier(**tier) for tier in orjson.loads(row.tiers)),
            window=timedelta(days=row.window_days) if row.window_days else None,
            falls=row.falls,
            with_tax=row.with_tax,
            with_delivery=row.with_delivery,
            since=row.since,
        )
        for row in rows
    )
    return RuleBook(revision=rows[-1].revision if rows else 0, decided=decided)


async def decide(tx: Transaction, rules: Rules, *, revision: int) -> None:
    tiers = [{"key": t.key, "name": t.name, "rank": t.rank, "threshold": t.threshold} for t in rules.tiers]
    await tx.execute(
        _DECIDE,
        {
            "revision": revision,
            "since": rules.since,
            "window_days": rules.window.days if rules.window else 0,
            "falls": rules.falls,
            "with_tax": rules.with_tax,
            "with_delivery": rules.with_delivery,
            "tiers": orjson.dumps(tiers).decode(),
            "decided_at": tx.now,
        },
    )


async def due(tx: Transaction, *, revision: int, limit: int) -> list[UUID]:
    """Members whose tier time alone changes by now, or who stand by older rules."""
    rows = await tx.fetch_all(_DUE, {"now": tx.now, "revision": revision, "limit": limit})
    return [row.member_id for row in rows]


async def behind(tx: Transaction, *, revision: int) -> int:
    """How many members still stand by older rules."""
    return int(await tx.fetch_value(_BEHIND, {"revision": revision}))


async def want(tx: Transaction, member_ids: Sequence[UUID]) -> None:
    await tx.execute(_WANT, {"ids": list(member_ids)})


async def take_wanted(tx: Transaction, *, limit: int) -> list[UUID]:
    return [row.member_id for row in await tx.fetch_all(_TAKE_WANTED, {"limit": limit})]


async def counts(tx: Transaction) -> tuple[dict[str, int], dict[str, int]]:
    """Members by the tier they hold, and by each tier they ever held."""
    now = {row.tier: row.members for row in await tx.fetch_all(_TIERS_NOW)}
    ever = {row.tier: row.members for row in await tx.fetch_all(_TIERS_EVER)}
    return now, ever


def written(history: Sequence[TierSince]) -> str:
    """A history as it is kept; equal histories are equal texts."""
    return orjson.dumps([(entry.tier, entry.since, entry.reason) for entry in history]).decode()


def _held(row: Any) -> Held:
    return Held(
        member_id=row.member_id,
        joined_at=row.joined_at,
        tier=row.tier,
        revision=row.revision,
        written=row.history,
        rules_revision=row.rules_revision,
        next_review_at=row.next_review_at,
    )
