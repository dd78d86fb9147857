"""SQL of notices and of what corrects them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row

from common.events import Contract, Event
from common.storage import Transaction
from notify.preferences.domain import Recipient

_INSERT = """
    INSERT INTO notices (
        notice_id, member_id, template, template_id, template_version, channel, cause_source, cause_id, cause_type,
        cause_time, about, facts, subject, text, state, reason, traceparent, decided_at, settled_at)
    SELECT new.notice_id, ask.member_id, ask.template, new.template_id, COALESCE(templates.version, 0), channel.name,
        ask.cause_source, ask.cause_id, ask.cause_type, ask.cause_time, ask.about,
        CAST(COALESCE(new.facts, ask.facts) AS jsonb), new.subject, new.text,
        CASE WHEN new.reason <> '' THEN 'suppressed' ELSE channel.state END, new.reason, ask.traceparent, :now,
        CASE WHEN new.reason <> '' OR channel.state <> 'queued' THEN CAST(:now AS timestamptz) END
    FROM unnest(
        CAST(:member_ids AS uuid[]), CAST(:templates AS text[]), CAST(:cause_sources AS text[]),
        CAST(:cause_ids AS text[]), CAST(:cause_types AS text[]), CAST(:cause_times AS timestamptz[]),
        CAST(:abouts AS text[]), CAST(:facts AS text[]), CAST(:traceparents AS text[])) WITH ORDINALITY
        AS ask(member_id, template, cause_source, cause_id, cause_type, cause_time, about, facts, traceparent, number)
    CROSS JOIN unnest(CAST(:channels AS text[]), CAST(:channel_states AS text[])) WITH ORDINALITY
        AS channel(name, state, number)
    JOIN unnest(
        CAST(:notice_ids AS uuid[]), CAST(:template_ids AS uuid[]), CAST(:subjects AS text[]), CAST(:texts AS text[]),
        CAST(:reasons AS text[]), CAST(:notice_facts AS text[])) WITH ORDINALITY
        AS new(notice_id, template_id, subject, text, reason, facts, number)
        ON new.number = (ask.number - 1) * cardinality(CAST(:channels AS text[])) + channel.number
    LEFT JOIN templates ON templates.template_id = new.template_id
    ORDER BY ask.number, channel.number
    ON CONFLICT (cause_id, cause_source, member_id, template, channel) DO NOTHING
    RETURNING notice_id
"""
_BY_IDS = "SELECT * FROM notices WHERE notice_id = ANY(CAST(:ids AS uuid[]))"
_ONE = "SELECT * FROM notices WHERE notice_id = :notice_id"
_ONE_LOCKED = "SELECT * FROM notices WHERE notice_id = :notice_id FOR UPDATE"
_SETTLE = """
    UPDATE notices SET state = new.state, reason = new.reason, attempts = attempts + new.tried,
        settled_at = CASE WHEN new.state <> 'queued' THEN CAST(:now AS timestamptz) END
    FROM unnest(
        CAST(:notice_ids AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]), CAST(:tried AS integer[]))
        AS new(notice_id, state, reason, tried)
    WHERE notices.notice_id = new.notice_id AND notices.state = 'queued'
    RETURNING notices.*
"""
_REQUEUE = """
    UPDATE notices SET state = 'queued', reason = '', settled_at = NULL
    WHERE notice_id = :notice_id AND state = 'failed'
"""
_CORRECT = """
    INSERT INTO corrections
        (member_id, wallet, sequence, order_source, order_id, clawed_back, repriced, balance, recorded_at)
    SELECT member_id, wallet, sequence, order_source, order_id, clawed_back, repriced, balance, :now
    FROM unnest(
        CAST(:member_ids AS uuid[]), CAST(:wallets AS text[]), CAST(:sequences AS bigint[]),
        CAST(:order_sources AS text[]), CAST(:order_ids AS text[]), CAST(:clawed_back AS bigint[]),
        CAST(:repriced AS bigint[]), CAST(:balances AS bigint[]))
        AS new(member_id, wallet, sequence, order_source, order_id, clawed_back, repriced, balance)
    ON CONFLICT DO NOTHING
"""
_CORRECTIONS = """
    SELECT member_id, wallet, order_source, order_id, sum(clawed_back) AS clawed_back, sum(repriced) AS repriced,
        (array_agg(balance ORDER BY sequence DESC))[1] AS balance
    FROM corrections
    JOIN (
        SELECT DISTINCT * FROM unnest(
            CAST(:member_ids AS uuid[]), CAST(:order_sources AS text[]), CAST(:order_ids AS text[]))
            AS asked(member_id, order_source, order_id)) AS asked USING (member_id, order_source, order_id)
    GROUP BY member_id, wallet, order_source, order_id
"""
_PAGE = """
    SELECT * FROM notices
    WHERE (CAST(:after AS uuid) IS NULL OR notice_id < :after)
      AND (CAST(:member_id AS uuid) IS NULL OR member_id = :member_id)
      AND (CAST(:cause_id AS text) IS NULL OR cause_id = :cause_id)
      AND (CAST(:cause_source AS text) IS NULL OR cause_source = :cause_source)
      AND (CAST(:about AS text) IS NULL OR about = :about)
      AND (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:channel AS text) IS NULL OR channel = :channel)
      AND (CAST(:template AS text) IS NULL OR template = :template)
      AND (CAST(:decided_from AS timestamptz) IS NULL OR decided_at >= :decided_from)
      AND (CAST(:decided_to AS timestamptz) IS NULL OR decided_at < :decided_to)
    ORDER BY notice_id DESC LIMIT :limit
"""
_FIGURES = """
    SELECT template, channel, state, reason, count(*) AS notices FROM notices
    GROUP BY template, channel, state, reason ORDER BY template, channel, state, reason
"""
_DUPLICATES = (
    "SELECT source, type, sum(count)::bigint AS count FROM duplicates GROUP BY source, type ORDER BY source, type"
)


Facts = Mapping[str, object]
Order = tuple[UUID, str, str]
"""(member, order source, order id)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A notice as it is decided for one channel. `facts` only where they differ from those of the ask."""

    notice_id: UUID
    template_id: UUID | None = None
    template_version: int = 0
    subject: str | None = None
    text: str | None = None
    reason: str = ""
    facts: Facts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Something happened that a member may want to hear of."""

    event: Event[Contract]
    recipient: Recipient
    key: str
    facts: Facts
    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCorrection:
    """One later movement about an order; `sequence` is its place in the member's ledger, so it counts once."""

    member_id: UUID
    wallet: str
    sequence: int
    order_source: str
    order_id: str
    clawed_back: int
    repriced: int
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of a queued notice; `tried` is 1 after an attempt, 0 when nothing was tried."""

    notice_id: UUID
    state: str
    reason: str = ""
    tried: int = 0


async def insert(
    tx: Transaction, asks: Sequence[Ask], notices: Sequence[NewNotice], channels: Mapping[str, str]
) -> set[UUID]:
    """Asks sorted by cause; `notices` has one of each channel (name → state when nothing speaks against it) per ask.

    Returns the ids of the new ones. What the channels have in common is sent once: encoding arrays is what costs here.
    """
    events = [ask.event for ask in asks]
    rows = await tx.fetch_all(
        _INSERT,
        {
            "now": tx.now,
            "channels": list(channels),
            "channel_states": list(channels.values()),
            "member_ids": [ask.recipient.member_id for ask in asks],
            "templates": [ask.key for ask in asks],
            "cause_sources": [event.source for event in events],
            "cause_ids": [event.id for event in events],
            "cause_types": [event.type for event in events],
            "cause_times": [event.time for event in events],
            "abouts": [event.data.subject() for event in events],
            "facts": [_json(ask.facts) for ask in asks],
            "traceparents": [event.traceparent for event in events],
            "notice_ids": [notice.notice_id for notice in notices],
            "template_ids": [notice.template_id for notice in notices],
            "subjects": [notice.subject for notice in notices],
            "texts": [notice.text for notice in notices],
            "reasons": [notice.reason for notice in notices],
            "notice_facts": [None if notice.facts is None else _json(notice.facts) for notice in notices],
        },
    )
    return {row.notice_id for row in rows}


def _json(facts: Facts) -> str:
    return orjson.dumps(facts).decode()


async def by_ids(tx: Transaction, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_BY_IDS, {"ids": list(ids)})


async def one(tx: Transaction, notice_id: UUID, *, lock: bool = False) -> Row[Any] | None:
    return await tx.fetch_one(_ONE_LOCKED if lock else _ONE, {"notice_id": notice_id})


async def settle(tx: Transaction, settled: Sequence[Settled]) -> Sequence[Row[Any]]:
    """Write what became of queued notices; returns the rows that were still queued."""
    return await tx.fetch_all(
        _SETTLE,
        {
            "now": tx.now,
            "notice_ids": [one.notice_id for one in settled],
            "states": [one.state for one in settled],
            "reasons": [one.reason for one in settled],
            "tried": [one.tried for one in settled],
        },
    )


async def requeue(tx: Transaction, notice_id: UUID) -> None:
    await tx.execute(_REQUEUE, {"notice_id": notice_id})


async def correct(tx: Transaction, corrections: Sequence[NewCorrection]) -> None:
    await tx.execute(
        _CORRECT,
        {
            "now": tx.now,
            "member_ids": [one.member_id for one in corrections],
            "wallets": [one.wallet for one in corrections],
            "sequences": [one.sequence for one in corrections],
            "order_sources": [one.order_source for one in corrections],
            "order_ids": [one.order_id for one in corrections],
            "clawed_back": [one.clawed_back for one in corrections],
            "repriced": [one.repriced for one in corrections],
            "balances": [one.balance for one in corrections],
        },
    )


async def corrections(tx: Transaction, orders: Sequence[Order]) -> Sequence[Row[Any]]:
    return await tx.fetch_all(
        _CORRECTIONS,
        {
            "member_ids": [member_id for member_id, _, _ in orders],
            "order_sources": [source for _, source, _ in orders],
            "order_ids": [order_id for _, _, order_id in orders],
        },
    )


async def page(tx: Transaction, filters: Mapping[str, Any], after: UUID | None, limit: int) -> Sequence[Row[Any]]:
    """Newest first. `filters` has a value or None for each of the filters in the statement."""
    return await tx.fetch_all(_PAGE, {**filters, "after": after, "limit": limit})


async def figures(tx: Transaction) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_FIGURES)


async def duplicates(tx: Transaction) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_DUPLICATES)
