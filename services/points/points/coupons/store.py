"""All SQL of coupons."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from points.coupon_codes.minting import SealedCode
from points.coupons.domain import Coupon
from points.database import columns

_FIELDS = ", ".join(Coupon._fields)
_NOW = """
    CASE WHEN (state = 'active' OR (state = 'locked' AND locked_until <= :now)) AND expires_at <= :now THEN 'expired'
        WHEN state = 'locked' AND locked_until <= :now THEN 'active' ELSE state END
"""
"""The state before anybody wrote it down, as `Coupon.state_at` tells it."""
_MEMBERS = "SELECT member_id FROM members WHERE member_id = ANY(CAST(:member_ids AS uuid[]))"
_ISSUED = f"""
    SELECT {_FIELDS} FROM coupons
    JOIN unnest(CAST(:member_id AS uuid[]), CAST(:template AS text[]), CAST(:reason AS text[]),
        CAST(:reference AS text[])) AS asked(member_id, template, reason, reference)
        USING (member_id, template, reason, reference)
    WHERE reference <> ''
"""
_ADD = f"""
    INSERT INTO coupons ({_FIELDS}, code_index, code_sealed, key_id)
    SELECT * FROM unnest(
        CAST(:coupon_id AS uuid[]), CAST(:template AS text[]), CAST(:version AS integer[]), CAST(:kind AS text[]),
        CAST(:name AS text[]), CAST(:member_id AS uuid[]), CAST(:state AS text[]), CAST(:reason AS text[]),
        CAST(:reference AS text[]), CAST(:cause_source AS text[]), CAST(:cause_order AS text[]),
        CAST(:pool AS text[]), CAST(:issued_at AS timestamptz[]), CAST(:valid_from AS timestamptz[]),
        CAST(:expires_at AS timestamptz[]), CAST(:notice_at AS timestamptz[]), CAST(:order_source AS text[]),
        CAST(:order_id AS text[]), CAST(:used_by AS uuid[]), CAST(:locked_until AS timestamptz[]),
        CAST(:used_at AS timestamptz[]), CAST(:discount AS bigint[]), CAST(:currency AS text[]),
        CAST(:code_index AS bytea[]), CAST(:code_sealed AS bytea[]), CAST(:key_id AS text[]))
"""
_CHANGING = {
    "coupon_id": "uuid",
    "state": "text",
    "expires_at": "timestamptz",
    "notice_at": "timestamptz",
    "order_source": "text",
    "order_id": "text",
    "used_by": "uuid",
    "locked_until": "timestamptz",
    "used_at": "timestamptz",
    "discount": "bigint",
    "currency": "text",
}
_CHANGE = f"""
    UPDATE coupons SET {", ".join(f"{name} = changed.{name}" for name in _CHANGING if name != "coupon_id")},
        answer = CAST(changed.answer AS jsonb)
    FROM unnest({", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _CHANGING.items())},
        CAST(:answer AS text[])) AS changed({", ".join(_CHANGING)}, answer)
    WHERE coupons.coupon_id = changed.coupon_id
"""
_LOCK = f"""
    SELECT {_FIELDS} FROM coupons WHERE coupon_id = ANY(CAST(:coupon_ids AS uuid[])) ORDER BY coupon_id FOR UPDATE
"""
_FIND = f"SELECT {_FIELDS} FROM coupons WHERE coupon_id = ANY(CAST(:coupon_ids AS uuid[]))"
_BY_CODE = f"SELECT {_FIELDS}, code_index FROM coupons WHERE code_index = ANY(CAST(:indexes AS bytea[]))"
_ON_ORDER = "SELECT coupon_id FROM coupons WHERE order_source = :source AND order_id = :order_id AND order_id <> ''"
_ANSWERS = """
    SELECT coupon_id, answer::text AS answer FROM coupons WHERE coupon_id = ANY(CAST(:coupon_ids AS uuid[]))
"""
_FOLLOW = """
    SELECT coupon_id FROM unnest(CAST(:source AS text[]), CAST(:order_id AS text[])) AS back(source, id)
    JOIN coupons ON order_source = back.source AND order_id = back.id AND order_id <> '' AND state = 'used'
    UNION
    SELECT coupon_id FROM unnest(CAST(:source AS text[]), CAST(:order_id AS text[])) AS back(source, id)
    JOIN coupons ON cause_source = back.source AND cause_order = back.id AND cause_order <> ''
        AND state IN ('active', 'locked')
"""
_EXPIRE = f"""
    WITH due AS MATERIALIZED (
        SELECT coupon_id AS due_id FROM coupons WHERE state = 'active' AND expires_at <= :now
        ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE coupons SET state = 'expired', notice_at = NULL FROM due WHERE coupon_id = due_id
    RETURNING {_FIELDS}
"""
_NOTICE = f"""
    WITH due AS MATERIALIZED (
        SELECT coupon_id AS due_id FROM coupons WHERE state = 'active' AND notice_at <= :now
        ORDER BY notice_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE coupons SET notice_at = NULL FROM due WHERE coupon_id = due_id
    RETURNING {_FIELDS}
"""
_OVERDUE = """
    SELECT coupon_id FROM coupons WHERE state = 'locked' AND locked_until <= :now ORDER BY coupon_id LIMIT :limit
"""
_NOTE = """
    INSERT INTO coupon_history (coupon_id, at, what, order_source, order_id, discount, why)
    SELECT coupon_id, :now, :what, order_source, order_id, discount, :why
    FROM unnest(CAST(:coupon_id AS uuid[]), CAST(:order_source AS text[]), CAST(:order_id AS text[]),
        CAST(:discount AS bigint[])) AS new(coupon_id, order_source, order_id, discount)
"""
_HISTORY = """
    SELECT id, at, what, order_source, order_id, discount, why FROM coupon_history
    WHERE coupon_id = :coupon_id AND id < :before ORDER BY id DESC LIMIT :limit
"""
_OF_MEMBER = f"""
    SELECT {_FIELDS} FROM coupons
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND (issued_at, coupon_id) < (:issued_at, :coupon_id)
        AND (CAST(:state AS text) IS NULL OR {_NOW} = :state)
        AND (CAST(:template AS text) IS NULL OR template = :template)
    ORDER BY issued_at DESC, coupon_id DESC LIMIT :limit
"""
_OF_TEMPLATE = f"""
    SELECT {_FIELDS} FROM coupons
    WHERE template = :template AND coupon_id > :after AND (CAST(:state AS text) IS NULL OR {_NOW} = :state)
        AND (CAST(:reason AS text) IS NULL OR reason = :reason)
        AND (CAST(:reference AS text) IS NULL OR reference = :reference)
    ORDER BY coupon_id LIMIT :limit
"""
_SEALED = "SELECT code_index, code_sealed FROM coupons WHERE coupon_id = :coupon_id"
_SEALED_BEFORE = """
    SELECT coupon_id, code_index, code_sealed FROM coupons WHERE key_id <> :key_id
    ORDER BY key_id, coupon_id LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_SEALED_AGAIN = """
    UPDATE coupons SET code_sealed = fresh.code_sealed, key_id = :key_id
    FROM unnest(CAST(:coupon_ids AS uuid[]), CAST(:sealed AS bytea[])) AS fresh(coupon_id, code_sealed)
    WHERE coupons.coupon_id = fresh.coupon_id
"""


class Sealed(NamedTuple):
    """How a coupon's code is kept."""

    code_index: bytes
    code_sealed: bytes


def _coupons(rows: Iterable[Any]) -> list[Coupon]:
    return [Coupon._make(row) for row in rows]


async def known_members(tx: Transaction, member_ids: Iterable[UUID]) -> set[UUID]:
    rows: Sequence[Any] = await tx.fetch_all(_MEMBERS, {"member_ids": list(member_ids)})
    return {row.member_id for row in rows}


async def issued(tx: Transaction, keys: Sequence[tuple[UUID, str, str, str]]) -> list[Coupon]:
    """Coupons by (member, template, reason, reference)."""
    names = ("member_id", "template", "reason", "reference")
    return _coupons(await tx.fetch_all(_ISSUED, columns(names, keys))) if keys else []


async def add(tx: Transaction, coupons: Sequence[tuple[Coupon, SealedCode]]) -> None:
    rows = [(*coupon, code.index, code.sealed, code.key_id) for coupon, code in coupons]
    await tx.execute(_ADD, columns((*Coupon._fields, "code_index", "code_sealed", "key_id"), rows))


async def change(tx: Transaction, coupons: Sequence[Coupon], answers: Sequence[str | None] | None = None) -> None:
    """Write what became of coupons that the caller holds locked, with their parts of the order (JSON)."""
    parts = answers or [None] * len(coupons)
    rows = [
        (*(getattr(coupon, name) for name in _CHANGING), answer) for coupon, answer in zip(coupons, parts, strict=True)
    ]
    await tx.execute(_CHANGE, columns((*_CHANGING, "answer"), rows))


async def lock(tx: Transaction, coupon_ids: Iterable[UUID]) -> list[Coupon]:
    """Locked until the transaction ends, in the order of their ids."""
    return _coupons(await tx.fetch_all(_LOCK, {"coupon_ids": list(coupon_ids)}))


async def find(tx: Transaction, coupon_ids: Iterable[UUID]) -> list[Coupon]:
    return _coupons(await tx.fetch_all(_FIND, {"coupon_ids": list(coupon_ids)}))


async def by_code(tx: Transaction, indexes: Sequence[bytes]) -> dict[bytes, Coupon]:
    """By the index of their code."""
    rows: Sequence[Any] = await tx.fetch_all(_BY_CODE, {"indexes": list(indexes)})
    return {row.code_index: Coupon._make(row[:-1]) for row in rows}


async def on_order(tx: Transaction, source: str, order_id: str) -> list[UUID]:
    """Coupons locked for this order, or used on it."""
    rows: Sequence[Any] = await tx.fetch_all(_ON_ORDER, {"source": source, "order_id": order_id})
    return [row.coupon_id for row in rows]


async def answers(tx: Transaction, coupon_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Their parts of the order, as JSON."""
    rows: Sequence[Any] = await tx.fetch_all(_ANSWERS, {"coupon_ids": list(coupon_ids)})
    return {row.coupon_id: row.answer for row in rows if row.answer is not None}


async def follow(tx: Transaction, orders: Sequence[tuple[str, str]]) -> list[UUID]:
    """Coupons that were used on these purchases (source, order id), or issued for them and not used."""
    rows: Sequence[Any] = await tx.fetch_all(_FOLLOW, columns(("source", "order_id"), orders))
    return [row.coupon_id for row in rows]


async def expire(tx: Transaction, limit: int) -> list[Coupon]:
    """Write down that coupons have expired; those that did just now."""
    return _coupons(await tx.fetch_all(_EXPIRE, {"now": tx.now, "limit": limit}))


async def notice(tx: Transaction, limit: int) -> list[Coupon]:
    """Coupons whose notice is due, each once."""
    return _coupons(await tx.fetch_all(_NOTICE, {"now": tx.now, "limit": limit}))


async def overdue(tx: Transaction, limit: int) -> list[UUID]:
    """Coupons whose lock has ended."""
    rows: Sequence[Any] = await tx.fetch_all(_OVERDUE, {"now": tx.now, "limit": limit})
    return [row.coupon_id for row in rows]


async def note(tx: Transaction, coupons: Sequence[Coupon], what: str, why: str = "") -> None:
    """What happened to these coupons, for ever; with the order they are on, or were on."""
    rows = [(one.coupon_id, one.order_source, one.order_id, one.discount) for one in coupons]
    params = columns(("coupon_id", "order_source", "order_id", "discount"), rows)
    await tx.execute(_NOTE, {**params, "now": tx.now, "what": what, "why": why})


async def history(tx: Transaction, coupon_id: UUID, *, before: int, limit: int) -> Sequence[Row[Any]]:
    """The newest first."""
    return await tx.fetch_all(_HISTORY, {"coupon_id": coupon_id, "before": before, "limit": limit})


async def of_member(
    tx: Transaction,
    member_ids: Sequence[UUID],
    *,
    state: str | None,
    template: str | None,
    before: tuple[datetime, UUID],
    limit: int,
) -> list[Coupon]:
    """The newest first; the state is that of now."""
    params = {"member_ids": list(member_ids), "state": state, "template": template, "now": tx.now}
    place = {"issued_at": before[0], "coupon_id": before[1], "limit": limit}
    return _coupons(await tx.fetch_all(_OF_MEMBER, {**params, **place}))


async def of_template(
    tx: Transaction,
    template: str,
    *,
    state: str | None,
    reason: str | None,
    reference: str | None,
    after: UUID,
    limit: int,
) -> list[Coupon]:
    """By id; the state is that of now."""
    params = {"template": template, "state": state, "reason": reason, "reference": reference, "now": tx.now}
    return _coupons(await tx.fetch_all(_OF_TEMPLATE, {**params, "after": after, "limit": limit}))


async def sealed(tx: Transaction, coupon_id: UUID) -> Sealed | None:
    row: Any = await tx.fetch_one(_SEALED, {"coupon_id": coupon_id})
    return None if row is None else Sealed(row.code_index, row.code_sealed)


async def sealed_before(tx: Transaction, key_id: str, limit: int) -> Sequence[Row[Any]]:
    """`coupon_id, code_index, code_sealed` of codes that another master key seals, locked."""
    return await tx.fetch_all(_SEALED_BEFORE, {"key_id": key_id, "limit": limit})


async def sealed_again(tx: Transaction, key_id: str, fresh: Sequence[tuple[UUID, bytes]]) -> None:
    params = {"coupon_ids": [one for one, _ in fresh], "sealed": [code for _, code in fresh]}
    await tx.execute(_SEALED_AGAIN, {"key_id": key_id, **params})
