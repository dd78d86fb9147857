"""All SQL of earning rules. Publishing and retiring take turns, so that the history has one order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction

_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('earning_rules'))"
_NEWEST_CHANGE = "SELECT change FROM rule_changes ORDER BY number DESC LIMIT 1"
_PUBLISHED = """
    SELECT rule, version, definition::text AS definition, effective_from, published_at FROM earning_rules
    ORDER BY rule, version
"""
_RETIREMENTS = "SELECT rule, effective_at, recorded_at FROM rule_changes WHERE action = 'retired' ORDER BY number"
_SUMMARIES = """
    WITH newest AS (SELECT DISTINCT ON (rule) * FROM earning_rules ORDER BY rule, version DESC),
    last_change AS (SELECT DISTINCT ON (rule) * FROM rule_changes ORDER BY rule, number DESC),
    summaries AS (
        SELECT rule, COALESCE(newest.version, 0) AS version, newest.effective_from, newest.published_at,
            CASE WHEN last_change.action = 'retired' THEN last_change.effective_at END AS retired_from,
            COALESCE(last_change.action, 'draft') AS state, rule_drafts.revision AS draft_revision,
            COALESCE(newest.definition, rule_drafts.definition) AS definition
        FROM newest FULL JOIN rule_drafts USING (rule) LEFT JOIN last_change USING (rule)
    )
    SELECT rule, version, effective_from, published_at, retired_from, state, draft_revision,
        definition::text AS definition
    FROM summaries
    WHERE rule > :after
        AND (CAST(:rule AS text) IS NULL OR rule = :rule)
        AND (CAST(:state AS text) IS NULL OR state = :state)
        AND (CAST(:drafted AS boolean) IS NULL OR (draft_revision IS NOT NULL) = :drafted)
        AND (CAST(:wallet AS text) IS NULL OR COALESCE(definition ->> 'wallet', 'points') = :wallet)
        AND (CAST(:effect AS text) IS NULL OR definition -> 'effect' ->> 'kind' = :effect)
        AND (CAST(:occasion AS text) IS NULL OR COALESCE(definition -> 'occasion' ->> 'kind', 'purchase') = :occasion)
        AND (CAST(:words AS text) IS NULL OR strpos(lower(concat_ws(' ', rule, definition -> 'names' ->> 'en',
            definition -> 'names' ->> 'zh-CN')), lower(:words)) > 0)
    ORDER BY rule LIMIT :limit
"""
_VERSIONS = """
    SELECT rule, version, definition::text AS definition, effective_from, published_at, published_by FROM earning_rules
    WHERE rule = :rule AND version < :before ORDER BY version DESC LIMIT :limit
"""
_CHANGES = """
    SELECT number, rule, version, action, effective_at, reason, recorded_at, recorded_by FROM rule_changes
    WHERE rule = :rule AND number < :before ORDER BY number DESC LIMIT :limit
"""
_DRAFT = """
    SELECT rule, revision, definition::text AS definition, created_at, created_by, updated_at, updated_by
    FROM rule_drafts WHERE rule = :rule
"""
_KEEP_DRAFT = """
    INSERT INTO rule_drafts (rule, revision, definition, created_at, created_by, updated_at, updated_by)
    VALUES (:rule, 1, CAST(:definition AS jsonb), :now, :by, :now, :by)
    ON CONFLICT (rule) DO UPDATE SET revision = rule_drafts.revision + 1, definition = excluded.definition,
        updated_at = excluded.updated_at, updated_by = excluded.updated_by
    RETURNING rule, revision, definition::text AS definition, created_at, created_by, updated_at, updated_by
"""
_DROP_DRAFT = "DELETE FROM rule_drafts WHERE rule = :rule"
_PUBLISH = """
    INSERT INTO earning_rules (rule, version, wallet, definition, effective_from, published_at, published_by)
    SELECT :rule, COALESCE(max(version), 0) + 1, :wallet, CAST(:definition AS jsonb), :effective_from, :now, :by
    FROM earning_rules WHERE rule = :rule
    RETURNING rule, version, definition::text AS definition, effective_from, published_at, published_by
"""
_CHANGE = """
    INSERT INTO rule_changes (number, change, rule, version, action, effective_at, reason, recorded_at, recorded_by)
    SELECT COALESCE(max(number), 0) + 1, gen_random_uuid(), :rule, :version, :action, :effective_at, :reason, :now, :by
    FROM rule_changes
"""


async def newest_change(tx: Transaction) -> UUID | None:
    """Names the state of the whole book: another one after each publication and retirement."""
    found: UUID | None = await tx.fetch_value(_NEWEST_CHANGE)
    return found


async def take_turns(tx: Transaction) -> None:
    """Until the commit nobody else changes rules."""
    await tx.execute(_TAKE_TURNS)


async def published(tx: Transaction) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_PUBLISHED)


async def retirements(tx: Transaction) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_RETIREMENTS)


async def summaries(
    tx: Transaction,
    *,
    rule: str | None = None,
    state: str | None = None,
    drafted: bool | None = None,
    wallet: str | None = None,
    effect: str | None = None,
    occasion: str | None = None,
    words: str | None = None,
    after: str = "",
    limit: int = 1,
) -> Sequence[Row[Any]]:
    """Rules by key, as they are now: `draft`, `published` or `retired`."""
    filters = {"rule": rule, "state": state, "drafted": drafted, "wallet": wallet, "effect": effect}
    more = {"occasion": occasion, "words": words, "after": after, "limit": limit}
    return await tx.fetch_all(_SUMMARIES, {**filters, **more})


async def versions(tx: Transaction, rule: str, *, before: int, limit: int) -> Sequence[Row[Any]]:
    """Versions below `before`, the newest first."""
    return await tx.fetch_all(_VERSIONS, {"rule": rule, "before": before, "limit": limit})


async def changes(tx: Transaction, rule: str, *, before: int, limit: int) -> Sequence[Row[Any]]:
    """What became of a rule, the newest first."""
    return await tx.fetch_all(_CHANGES, {"rule": rule, "before": before, "limit": limit})


async def draft(tx: Transaction, rule: str) -> Row[Any] | None:
    return await tx.fetch_one(_DRAFT, {"rule": rule})


async def keep_draft(tx: Transaction, rule: str, definition: str, by: str) -> Row[Any]:
    """Create the draft of the next version or replace it."""
    row = await tx.fetch_one(_KEEP_DRAFT, {"rule": rule, "definition": definition, "now": tx.now, "by": by})
    assert row is not None
    return row


async def drop_draft(tx: Transaction, rule: str) -> None:
    await tx.execute(_DROP_DRAFT, {"rule": rule})


async def publish(
    tx: Transaction, *, rule: str, wallet: str, definition: str, effective_from: datetime, by: str
) -> Row[Any]:
    """Add the next version; the caller has taken its turn."""
    row = await tx.fetch_one(
        _PUBLISH,
        {
            "rule": rule,
            "wallet": wallet,
            "definition": definition,
            "effective_from": effective_from,
            "now": tx.now,
            "by": by,
        },
    )
    assert row is not None
    return row


async def note(
    tx: Transaction, *, rule: str, version: int, action: str, effective_at: datetime, reason: str, by: str
) -> None:
    """Append to the history; the caller has taken its turn."""
    await tx.execute(
        _CHANGE,
        {
            "rule": rule,
            "version": version,
            "action": action,
            "effective_at": effective_at,
            "reason": reason,
            "now": tx.now,
            "by": by,
        },
    )
