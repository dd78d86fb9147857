"""Change the programme's settings: one version after the other, each announced whole."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from common.events import event_of
from common.events.programme import ProgrammeSettings, ProgrammeUpdated
from common.security.audit import audit
from common.security.callers import SYSTEM, Caller
from common.storage import Transaction
from common.storage.programme import programmes_updated
from members.programme import domain, store
from members.programme.domain import CurrencyInUseError
from members.purchases import handlers as purchases
from members.tiers import handlers as tiers
from members.tiers.rules import Rules, Tier

TiersApply = Literal["from_now", "always"]
"""Whether new tier rules hold from now on, or as if they had always held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """The settings in force. Revision 0 are the defaults of a database that was not seeded."""

    revision: int
    effective_at: datetime | None
    settings: ProgrammeSettings


async def current(tx: Transaction) -> Programme:
    row = await store.current(tx)
    if row is None:
        return Programme(revision=0, effective_at=None, settings=ProgrammeSettings())
    settings = ProgrammeSettings.model_validate_json(row.settings)
    return Programme(revision=row.revision, effective_at=row.effective_at, settings=settings)


async def change(
    tx: Transaction,
    caller: Caller,
    settings: ProgrammeSettings,
    *,
    seen: int | None = None,
    tiers_apply: TiersApply | None = None,
) -> Programme:
    """Put these settings in force; the same settings again change nothing.

    `tiers_apply` None: tier rules hold from now on once purchases are recorded, before that always.
    Raises ProgrammeStaleError, ProgrammeInvalidError, CurrencyInUseError.
    """
    await store.lock(tx)
    before = await current(tx)
    domain.check_revision(seen, before.revision)
    return await _put(tx, caller, before, settings, tiers_apply)


async def patch(
    tx: Transaction,
    caller: Caller,
    fields: dict[str, Any],
    *,
    seen: int | None = None,
    tiers_apply: TiersApply | None = None,
) -> Programme:
    """The same with only the settings that are to be others. `fields` as `ProgrammeSettings` takes them."""
    await store.lock(tx)
    before = await current(tx)
    domain.check_revision(seen, before.revision)
    settings = ProgrammeSettings.model_validate({**before.settings.model_dump(), **fields})
    return await _put(tx, caller, before, settings, tiers_apply)


async def seed(tx: Transaction) -> None:
    """The defaults as revision 1, unless there are settings already."""
    await store.lock(tx)
    before = await current(tx)
    if before.revision == 0:
        await _put(tx, SYSTEM, before, before.settings, "always")


async def _put(
    tx: Transaction, caller: Caller, before: Programme, settings: ProgrammeSettings, tiers_apply: TiersApply | None
) -> Programme:
    domain.check_tiers([domain.Step(key=t.key, rank=t.rank, threshold=t.threshold) for t in settings.tiers])
    old, new = before.settings.model_dump(mode="json"), settings.model_dump(mode="json")
    changed = domain.changed(old, new) if before.revision else tuple(sorted(new))
    if not changed:
        return before
    recorded = await purchases.any_recorded(tx)
    if before.settings.currency != settings.currency and recorded:
        raise CurrencyInUseError(currency=before.settings.currency, wanted=settings.currency)
    after = Programme(revision=before.revision + 1, effective_at=tx.now, settings=settings)
    announced = ProgrammeUpdated(revision=after.revision, effective_at=tx.now, settings=settings)
    await programmes_updated(tx, [event_of(announced)])  # type: ignore[list-item]
    await store.note(
        tx, caller, revision=after.revision, changed=changed, before=old if before.revision else None, after=new
    )
    if domain.TIER_FIELDS & set(changed):
        always = tiers_apply == "always" or (tiers_apply is None and not recorded)
        await tiers.decide(tx, rules_of(settings, since=None if always else tx.now), revision=after.revision)
    await audit(tx, caller, "programme.changed", "programme", revision=after.revision, changed=list(changed))
    tx.emit(announced)
    return after


def rules_of(settings: ProgrammeSettings, *, since: datetime | None) -> Rules:
    """The tier rules in these settings."""
    ascending = sorted(settings.tiers, key=lambda step: step.rank)
    return Rules(
        tiers=tuple(Tier(key=s.key, name=s.name or s.key, rank=s.rank, threshold=s.threshold) for s in ascending),
        window=timedelta(days=settings.tier_window_days) if settings.tier_window_days else None,
        falls=settings.tier_downgrade == "when_window_falls",
        with_tax=settings.earn_on_tax,
        with_delivery=settings.earn_on_delivery,
        since=since,
    )
