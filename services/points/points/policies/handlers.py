"""What is allowed of redemptions, adjustments and gifts: settings by kind, each change a new revision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from points.policies import store

REDEMPTION, ADJUSTMENT, GIFT = "redemption", "adjustment", "gift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Settings as they were set; revision 0 and no settings while nobody has: the defaults hold."""

    revision: int
    settings: Mapping[str, Any]
    set_at: datetime | None
    set_by: str


async def current(tx: Transaction, kind: str) -> Kept:
    row = await store.current(tx, kind)
    if row is None:
        return Kept(revision=0, settings={}, set_at=None, set_by="")
    return Kept(revision=row.revision, settings=row.settings, set_at=row.set_at, set_by=row.set_by)


async def change(tx: Transaction, caller: Caller, kind: str, settings: Mapping[str, Any]) -> Kept:
    """The next revision of this kind's policy."""
    before = await current(tx, kind)
    revision = before.revision + 1
    await store.add(tx, kind, revision, settings, caller.subject)
    changed = sorted(name for name, value in settings.items() if before.settings.get(name) != value)
    await audit(tx, caller, f"{kind}_policy.changed", kind, revision=revision, changed=changed)
    return Kept(revision=revision, settings=settings, set_at=tx.now, set_by=caller.subject)


async def of_revision(tx: Transaction, kind: str, revision: int) -> Kept:
    """The settings of one revision; 0 are the defaults."""
    row = await store.of_revision(tx, kind, revision) if revision else None
    if row is None:
        return Kept(revision=0, settings={}, set_at=None, set_by="")
    return Kept(revision=row.revision, settings=row.settings, set_at=row.set_at, set_by=row.set_by)
