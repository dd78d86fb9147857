"""All SQL of coupon templates."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from common.storage import Transaction
from points.coupon_templates.domain import Template, Terms, terms_of

_FIELDS = """
    template, state, version, revision, draft::text AS draft, created_at, created_by, changed_at,
    (SELECT terms::text FROM coupon_template_versions AS one
     WHERE one.template = coupon_templates.template AND one.version = coupon_templates.version) AS terms
"""
_ADD = """
    INSERT INTO coupon_templates (template, state, version, revision, draft, created_at, created_by, changed_at)
    VALUES (:template, 'draft', 0, 1, CAST(:draft AS jsonb), :now, :by, :now) ON CONFLICT (template) DO NOTHING
"""
_LOCK = f"SELECT {_FIELDS} FROM coupon_templates WHERE template = :template FOR UPDATE OF coupon_templates"
_FIND = f"SELECT {_FIELDS} FROM coupon_templates WHERE template = :template"
_LIST = f"""
    SELECT {_FIELDS} FROM coupon_templates
    WHERE (CAST(:state AS text) IS NULL OR state = :state) AND template > :after ORDER BY template LIMIT :limit
"""
_SET = """
    UPDATE coupon_templates SET state = :state, version = :version, draft = CAST(:draft AS jsonb),
        revision = revision + 1, changed_at = :now
    WHERE template = :template
"""
_ACTIVATE = """
    INSERT INTO coupon_template_versions (template, version, terms, activated_at, activated_by)
    VALUES (:template, :version, CAST(:terms AS jsonb), :now, :by)
"""
_VERSIONS = """
    SELECT template, version, terms::text AS terms, activated_at, activated_by FROM coupon_template_versions
    WHERE template = :template AND version < :before ORDER BY version DESC LIMIT :limit
"""
_ISSUED_NOW = """
    SELECT coupon_templates.template, state, coupon_templates.version, revision, terms::text
    FROM coupon_templates
    LEFT JOIN coupon_template_versions AS one
        ON one.template = coupon_templates.template AND one.version = coupon_templates.version
    WHERE coupon_templates.template = ANY(CAST(:templates AS text[]))
    ORDER BY coupon_templates.template FOR SHARE OF coupon_templates
"""
_TERMS = """
    SELECT template, version, terms::text FROM coupon_template_versions
    JOIN unnest(CAST(:templates AS text[]), CAST(:versions AS integer[])) AS asked(template, version)
        USING (template, version)
"""


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Terms:
    return terms_of(json.loads(text))


async def add(tx: Transaction, template: str, draft: Mapping[str, Any], by: str) -> bool:
    """Whether it was new."""
    return await tx.execute(_ADD, {"template": template, "draft": json.dumps(draft), "now": tx.now, "by": by}) == 1


async def lock(tx: Transaction, template: str) -> Row[Any] | None:
    return await tx.fetch_one(_LOCK, {"template": template})


async def find(tx: Transaction, template: str) -> Row[Any] | None:
    """`template, state, version, revision, draft, terms (JSON text), created_at, created_by, changed_at`."""
    return await tx.fetch_one(_FIND, {"template": template})


async def templates(tx: Transaction, state: str | None, *, after: str, limit: int) -> Sequence[Row[Any]]:
    return await tx.fetch_all(_LIST, {"state": state, "after": after, "limit": limit})


async def change(tx: Transaction, template: str, *, state: str, version: int, draft: str | None) -> None:
    await tx.execute(_SET, {"template": template, "state": state, "version": version, "draft": draft, "now": tx.now})


async def activate(tx: Transaction, template: str, version: int, terms: str, by: str) -> None:
    await tx.execute(_ACTIVATE, {"template": template, "version": version, "terms": terms, "now": tx.now, "by": by})


async def versions(tx: Transaction, template: str, *, before: int, limit: int) -> Sequence[Row[Any]]:
    """The newest first."""
    return await tx.fetch_all(_VERSIONS, {"template": template, "before": before, "limit": limit})


async def issued_now(tx: Transaction, keys: Iterable[str]) -> dict[str, Template]:
    """These templates with the terms they issue by now."""
    rows: Sequence[Any] = await tx.fetch_all(_ISSUED_NOW, {"templates": sorted(set(keys))})
    return {
        row[0]: Template(row.template, row.state, row.version, row.revision, _parsed(row.terms) if row.terms else None)
        for row in rows
    }


async def terms(tx: Transaction, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Terms]:
    """By (template, version)."""
    asked = sorted(set(keys))
    if not asked:
        return {}
    rows: Sequence[Any] = await tx.fetch_all(
        _TERMS, {"templates": [one for one, _ in asked], "versions": [version for _, version in asked]}
    )
    return {(row.template, row.version): _parsed(row.terms) for row in rows}
