"""Definitions: drafted, changed, made active, ended; each change has a revision and stands in the audit log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.coupon_templates import handlers as coupon_templates
from points.incentives import domain, store
from points.incentives.domain import (
    ACTIVE,
    BADGE,
    DRAFT,
    ENDED,
    TASK,
    Incentive,
    IncentiveExistsError,
    IncentiveStateError,
    IncentiveUnknownError,
    ReferenceMissingError,
)
from points.wallet_types import handlers as wallet_types

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, tzinfo=UTC)


async def draft(tx: Transaction, caller: Caller, kind: str, key: str, definition: Mapping[str, Any]) -> Incentive:
    """Raises IncentiveExistsError."""
    added = await store.add(tx, kind=kind, key=key, definition=definition, changed_by=caller.subject)
    if added is None:
        raise IncentiveExistsError(kind, key)
    await audit(tx, caller, f"{kind}.drafted", key)
    return added


async def one(tx: Transaction, kind: str, key: str, *, locked: bool = False) -> Incentive:
    """In any state. Raises IncentiveUnknownError."""
    found = await store.one(tx, kind, key, locked=locked)
    if found is None:
        raise IncentiveUnknownError(kind, key)
    return found


async def change(tx: Transaction, caller: Caller, before: Incentive, definition: Mapping[str, Any]) -> Incentive:
    """`before` was read locked. Raises IncentiveStateError."""
    problem = domain.change_problem(before, definition)
    if problem:
        raise IncentiveStateError(before.kind, before.key, before.state, problem)
    fields = sorted(
        name for name in {*before.definition, *definition} if before.definition.get(name) != definition.get(name)
    )
    after = await _moved(tx, caller, before, before.state, definition=definition)
    await audit(tx, caller, f"{before.kind}.changed", before.key, revision=after.revision, fields=fields)
    return after


async def activate(tx: Transaction, caller: Caller, kind: str, key: str) -> Incentive:
    """From now on it counts. Raises IncentiveUnknownError, IncentiveStateError, ReferenceMissingError."""
    before = await one(tx, kind, key, locked=True)
    if before.state != DRAFT:
        raise IncentiveStateError(kind, key, before.state, "only a draft can be made active")
    await _check_references(tx, before)
    after = await _moved(tx, caller, before, ACTIVE, active_from=tx.now)
    await audit(tx, caller, f"{kind}.activated", key, revision=after.revision)
    return after


async def end(tx: Transaction, caller: Caller, kind: str, key: str) -> Incentive:
    """From now on nothing that happens counts. Raises IncentiveUnknownError, IncentiveStateError."""
    before = await one(tx, kind, key, locked=True)
    if before.state != ACTIVE:
        raise IncentiveStateError(kind, key, before.state, "only what is active can be ended")
    after = await _moved(tx, caller, before, ENDED, ended_at=tx.now)
    await audit(tx, caller, f"{kind}.ended", key, revision=after.revision)
    return after


async def _moved(
    tx: Transaction,
    caller: Caller,
    before: Incentive,
    state: str,
    *,
    definition: Mapping[str, Any] | None = None,
    active_from: datetime | None = None,
    ended_at: datetime | None = None,
) -> Incentive:
    return await store.change(
        tx,
        before,
        state=state,
        definition=before.definition if definition is None else definition,
        active_from=active_from or before.active_from,
        ended_at=ended_at or before.ended_at,
        changed_by=caller.subject,
    )


async def _check_references(tx: Transaction, incentive: Incentive) -> None:
    """What it names must be there now, so that nobody finds out when something is to be given."""
    named = domain.named(incentive)
    missing = [f"{kind} {key}" for kind, key in named if not await _can_be_named(tx, kind, key, incentive)]
    types, templates = await wallet_types.load(tx), domain.templates(incentive)
    for wallet, spends in domain.wallets(incentive):
        if not types.knows(wallet):
            missing.append(f"wallet {wallet}")
        elif spends and not types.of(wallet).spendable:
            missing.append(f"spendable wallet {wallet}")
    issued = await coupon_templates.issued_now(tx, templates) if templates else {}
    missing += [f"coupon template {template}" for template in templates if template not in issued]
    if missing:
        raise ReferenceMissingError(incentive.kind, incentive.key, missing[0])


async def _can_be_named(tx: Transaction, kind: str, key: str, by: Incentive) -> bool:
    found = await store.one(tx, kind, key)
    # A badge that counts for itself is not given by tasks: it would come and go by two measures.
    given = by.kind == TASK and kind == BADGE
    return found is not None and found.state == ACTIVE and not (given and found.definition["measure"] is not None)


async def some(
    tx: Transaction, *, kind: str | None, state: str | None, after: tuple[str, str] | None, limit: int
) -> list[Incentive]:
    """By kind and key."""
    return await store.some(tx, kind=kind, state=state, after=after or ("", ""), limit=limit)


async def counting(tx: Transaction, *kinds: str, occurred: Iterable[datetime] | None = None) -> Sequence[Incentive]:
    """Definitions for which what occurred at one of these times may count; all that were ever active without times."""
    times = [FIRST, LAST] if occurred is None else list(occurred)
    return await store.counting(tx, kinds, earliest=min(times), latest=max(times))


async def active(tx: Transaction, kind: str) -> list[Incentive]:
    """Those that are active now, by key."""
    return [one for one in await counting(tx, kind, occurred=[tx.now]) if one.state == ACTIVE]
