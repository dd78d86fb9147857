"""Templates drafted, activated, archived."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.coupon_limits import handlers as limits
from points.coupon_pools import handlers as pools
from points.coupon_templates import domain, store
from points.coupon_templates.domain import (
    ACTIVE,
    ARCHIVED,
    PoolOfTemplateUnknownError,
    Template,
    TemplateExistsError,
    TemplateStateError,
    Terms,
)
from points.coupons.refusals import TemplateUnknownError

Form = Mapping[str, Any]
"""The terms as JSON, as `terms_of` reads them."""

MAX_VERSION = 2**31 - 1


async def create(tx: Transaction, caller: Caller, template: str, form: Form) -> Row[Any]:
    """A new template with a draft. Raises TemplateExistsError, PoolOfTemplateUnknownError."""
    await _check_pool(tx, template, form)
    if not await store.add(tx, template, form, caller.subject):
        raise TemplateExistsError(template)
    await audit(tx, caller, "coupon_template.created", template)
    return await find(tx, template)


async def draft(tx: Transaction, caller: Caller, template: str, form: Form, row: Any) -> Row[Any]:
    """Replace the draft of the next version; the versions that were activated stay. `row` is locked."""
    await _check_pool(tx, template, form)
    await store.change(tx, template, state=row.state, version=row.version, draft=json.dumps(form))
    await audit(tx, caller, "coupon_template.drafted", template, version=row.version + 1)
    return await find(tx, template)


async def activate(tx: Transaction, caller: Caller, template: str, row: Any) -> Row[Any]:
    """Issue by the draft from now on; an archived template without one issues by its last version again."""
    version = row.version
    if row.draft is not None:
        version += 1
        await _check_pool(tx, template, json.loads(row.draft))
        await store.activate(tx, template, version, row.draft, caller.subject)
        await limits.activated(tx, template, domain.terms_of(json.loads(row.draft)).limits)
    elif row.state != ARCHIVED or not version:
        raise TemplateStateError(template, row.state, "it has no draft that could be activated")
    await store.change(tx, template, state=ACTIVE, version=version, draft=None)
    await audit(tx, caller, "coupon_template.activated", template, version=version)
    return await find(tx, template)


async def archive(tx: Transaction, caller: Caller, template: str, row: Any) -> Row[Any]:
    """Issue no more; what was issued stays usable. Raises TemplateStateError."""
    if row.state != ACTIVE:
        raise TemplateStateError(template, row.state, "only an active one can be archived")
    await store.change(tx, template, state=ARCHIVED, version=row.version, draft=row.draft)
    await audit(tx, caller, "coupon_template.archived", template)
    return await find(tx, template)


async def lock(tx: Transaction, template: str) -> Row[Any]:
    """Raises TemplateUnknownError."""
    row = await store.lock(tx, template)
    if row is None:
        raise TemplateUnknownError(template)
    return row


async def find(tx: Transaction, template: str) -> Row[Any]:
    """Raises TemplateUnknownError."""
    row = await store.find(tx, template)
    if row is None:
        raise TemplateUnknownError(template)
    return row


async def templates(tx: Transaction, state: str | None, *, after: str, limit: int) -> Sequence[Row[Any]]:
    return await store.templates(tx, state, after=after, limit=limit)


async def versions(tx: Transaction, template: str, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """Raises TemplateUnknownError."""
    await find(tx, template)
    return await store.versions(tx, template, before=MAX_VERSION if before is None else before, limit=limit)


async def issued_now(tx: Transaction, keys: Iterable[str]) -> dict[str, Template]:
    """Those of these templates that exist, with the terms they issue by now, which stay so until the transaction ends.

    Many transactions may hold that at once; only an activation waits for them, and they for it.
    """
    return await store.issued_now(tx, keys)


async def hold(tx: Transaction, keys: Iterable[str]) -> None:
    """Let these templates' limits stay what they are until the transaction ends."""
    await store.issued_now(tx, keys)


async def terms(tx: Transaction, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Terms]:
    """By (template, version)."""
    return await store.terms(tx, keys)


async def _check_pool(tx: Transaction, template: str, form: Form) -> None:
    pool = (form.get("codes") or {}).get("pool", "")
    if pool and not await pools.exists(tx, pool):
        raise PoolOfTemplateUnknownError(template, pool)
