"""The life of an earning rule: drafted, checked, published from an instant on, retired from an instant on."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.events.rules import RulePublished, RuleRetired
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from common.storage.programme import programme
from points.coupon_templates import handlers as coupon_templates
from points.evaluation.book import Book
from points.evaluation.rule import Coupon, Retirement, Rule
from points.rules import store
from points.rules.definition import Definition, compile_rule
from points.rules.domain import (
    DraftUnknownError,
    RuleStateError,
    RuleUnknownError,
    cautions,
    contradictions,
    overlaps,
)
from points.rules.findings import Finding
from points.wallet_types import handlers as wallet_types

MAX_VERSION = 2**31 - 1
MAX_NUMBER = 2**63 - 1
PUBLISHED, RETIRED = "published", "retired"

_BOOKS: OrderedDict[UUID | None, Book] = OrderedDict()
_MAX_BOOKS = 8


async def book(tx: Transaction) -> Book:
    """All published versions, ready to evaluate. One small query while nothing was published or retired."""
    change = await store.newest_change(tx)
    found = _BOOKS.get(change)
    if found is None:
        rules = [rule_of(row) for row in await store.published(tx)]
        found = _BOOKS[change] = Book(rules, [_retirement(row) for row in await store.retirements(tx)])
        while len(_BOOKS) > _MAX_BOOKS:
            _BOOKS.popitem(last=False)
    return found


def rule_of(row: Any) -> Rule:
    """The rule that a stored version is."""
    return compile_rule(
        row.rule,
        row.version,
        Definition.model_validate_json(row.definition),
        effective_from=row.effective_from,
        published_at=row.published_at,
    )


def _retirement(row: Any) -> Retirement:
    return Retirement(rule=row.rule, retired_from=row.effective_at, recorded_at=row.recorded_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is wrong with a definition, and what may be."""

    errors: Sequence[Finding]
    warnings: Sequence[Finding]


class RuleInvalidError(Exception):
    """The definition contradicts itself, or names what is not there."""

    def __init__(self, rule: str, findings: Sequence[Finding]) -> None:
        super().__init__(f"Rule {rule!r} cannot be published: " + "; ".join(f"{f.field}: {f.reason}" for f in findings))
        self.findings = findings


async def check(tx: Transaction, key: str, definition: Definition) -> Checked:
    """Look at a definition beside the other rules, the wallets, the coupons and the tiers that there are."""
    rule = compile_rule(key, MAX_VERSION, definition, effective_from=tx.now, published_at=tx.now)
    errors = contradictions(rule)
    if not (await wallet_types.load(tx)).knows(rule.wallet):
        errors.append(Finding(field="wallet", code="no_wallet", facts={"wallet": rule.wallet}))
    if isinstance(rule.effect, Coupon):
        template = rule.effect.template
        if template not in await coupon_templates.issued_now(tx, [template]):
            errors.append(Finding(field="effect.template", code="no_coupons", facts={"template": template}))
    settings = await programme(tx)
    others = (await book(tx)).from_then_on(tx.now)
    tiers = [step.key for step in settings.tiers]
    return Checked(errors=errors, warnings=[*cautions(rule, tx.now, tiers), *overlaps(rule, others)])


async def draft(tx: Transaction, rule: str) -> Row[Any]:
    """Raises DraftUnknownError."""
    row = await store.draft(tx, rule)
    if row is None:
        raise DraftUnknownError(rule)
    return row


async def lock_draft(tx: Transaction, rule: str) -> Row[Any] | None:
    """The draft, if there is one; until the commit nobody else changes it."""
    await store.take_turns(tx)
    return await store.draft(tx, rule)


async def keep_draft(tx: Transaction, caller: Caller, rule: str, definition: Definition) -> Row[Any]:
    """Create or replace the draft of the rule's next version; the caller holds it locked."""
    text = definition.model_dump_json(by_alias=True)
    row = await store.keep_draft(tx, rule, text, caller.subject)
    await audit(tx, caller, "earning_rule.drafted", rule, revision=_int(row.revision))
    return row


async def drop_draft(tx: Transaction, caller: Caller, rule: str) -> None:
    """What was published stays. The caller holds the draft locked."""
    await store.drop_draft(tx, rule)
    await audit(tx, caller, "earning_rule.draft_deleted", rule)


async def publish(
    tx: Transaction, caller: Caller, rule: str, draft: Row[Any], effective_from: datetime | None
) -> tuple[Row[Any], Checked]:
    """The draft becomes the next version, from now on unless another time is said; it never changes again.

    The caller holds the draft locked. Raises RuleInvalidError.
    """
    definition = Definition.model_validate_json(draft.definition)
    checked = await check(tx, rule, definition)
    if checked.errors:
        raise RuleInvalidError(rule, checked.errors)
    row = await add_version(tx, rule, definition, effective_from or tx.now, caller.subject)
    await store.drop_draft(tx, rule)
    await audit(tx, caller, "earning_rule.published", f"{rule}/{row.version}", effective_from=_time(row.effective_from))
    return row, checked


async def add_version(tx: Transaction, rule: str, definition: Definition, effective_from: datetime, by: str) -> Any:
    """The next version of a rule that has been checked, told and written down."""
    await store.take_turns(tx)
    text = definition.model_dump_json(by_alias=True)
    row: Any = await store.publish(
        tx, rule=rule, wallet=definition.wallet, definition=text, effective_from=effective_from, by=by
    )
    version = int(row.version)
    await store.note(tx, rule=rule, version=version, action=PUBLISHED, effective_at=effective_from, reason="", by=by)
    tx.emit(
        RulePublished(
            rule=rule,
            version=version,
            name=definition.names.en or definition.names.zh_cn,
            wallet=definition.wallet,
            effective_from=effective_from,
            published_by=by,
        )
    )
    return row


async def retire(tx: Transaction, caller: Caller, rule: str, retired_from: datetime | None, reason: str) -> None:
    """No version published up to now counts for what occurs from that instant on. Raises RuleUnknownError, and
    RuleStateError when the rule was never published or is retired from no later on already.
    """
    await store.take_turns(tx)
    known = await summary(tx, rule)
    at = retired_from or tx.now
    if known.state == RETIRED and known.retired_from <= at:
        raise RuleStateError(rule, f"retired from {known.retired_from.isoformat()} on", "it pays nothing from then on")
    if not known.version:
        raise RuleStateError(rule, "a draft", "only what was published can be retired")
    definition = Definition.model_validate_json(known.definition)
    by = caller.subject
    await store.note(tx, rule=rule, version=known.version, action=RETIRED, effective_at=at, reason=reason, by=by)
    await audit(tx, caller, "earning_rule.retired", rule, retired_from=_time(at), reason=reason)
    tx.emit(
        RuleRetired(
            rule=rule,
            version=known.version,
            name=definition.names.en or definition.names.zh_cn,
            wallet=definition.wallet,
            retired_from=at,
            retired_by=by,
        )
    )


async def summary(tx: Transaction, rule: str) -> Any:
    """The rule as it is now. Raises RuleUnknownError."""
    rows = await store.summaries(tx, rule=rule)
    if not rows:
        raise RuleUnknownError(rule)
    return rows[0]


async def summaries(tx: Transaction, *, after: str, limit: int, **filters: Any) -> Sequence[Row[Any]]:
    """Rules by key; filters as of `store.summaries`."""
    return await store.summaries(tx, after=after, limit=limit, **filters)


async def versions(tx: Transaction, rule: str, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """The newest first. Raises RuleUnknownError."""
    await summary(tx, rule)
    return await store.versions(tx, rule, before=MAX_VERSION if before is None else before, limit=limit)


async def version(tx: Transaction, rule: str, number: int) -> Row[Any]:
    """Raises RuleUnknownError."""
    rows: Sequence[Any] = await store.versions(tx, rule, before=number + 1, limit=1)
    if not rows or rows[0].version != number:
        raise RuleUnknownError(rule, number)
    found: Row[Any] = rows[0]
    return found


async def changes(tx: Transaction, rule: str, *, before: int | None, limit: int) -> Sequence[Row[Any]]:
    """What became of the rule, the newest first. Raises RuleUnknownError."""
    await summary(tx, rule)
    return await store.changes(tx, rule, before=MAX_NUMBER if before is None else before, limit=limit)


def _int(value: Any) -> int:
    return int(value)


def _time(value: Any) -> str:
    return str(value.isoformat())
