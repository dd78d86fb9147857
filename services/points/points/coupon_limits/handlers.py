"""Limits of templates that stay exact under many workers.

Every member has a row per template; a template whose total is limited has one more, which all take turns on. So a
template without such a limit makes nobody wait. The transaction holds the template (`coupon_templates.handlers`), so
that no activation begins a total while somebody counts without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from common.storage import Transaction
from points.coupon_limits import store
from points.coupon_limits.domain import NOBODY as NOBODY
from points.coupon_limits.domain import TOTAL, Counts, Key
from points.coupon_templates.domain import Limits
from points.facts import handlers as facts


async def lock(tx: Transaction, keys: Iterable[Key]) -> Counts:
    """The counts of these (template, member), and of the templates' totals, locked in order."""
    asked, relatives = await _asked(tx, keys)
    return Counts(values=await store.lock(tx, asked), relatives=relatives)


async def read(tx: Transaction, keys: Iterable[Key]) -> Counts:
    """The same as they are now, without locks."""
    asked, relatives = await _asked(tx, keys)
    return Counts(values=await store.read(tx, asked) if asked else {}, relatives=relatives)


async def save(tx: Transaction, counts: Counts) -> None:
    if counts.changed:
        await store.save(tx, [(*key, *counts.values[key]) for key in sorted(counts.changed)])


async def activated(tx: Transaction, template: str, limits: Limits) -> None:
    """A version with these limits is issued from now on. The caller holds the template alone."""
    if limits.issued_total is not None or limits.used_total is not None:
        await store.begin_total(tx, template)


async def totals(tx: Transaction, template: str) -> dict[str, int]:
    """`issued`, `used`, `members` (who were issued one)."""
    return await store.totals(tx, template)


async def _asked(tx: Transaction, keys: Iterable[Key]) -> tuple[set[Key], Mapping[UUID, Sequence[UUID]]]:
    """The keys with those of the same persons, and with the totals."""
    asked = set(keys)
    relatives = await facts.relatives(tx, {member_id for _, member_id in asked}) if asked else {}
    asked |= {(template, other) for template, member_id in asked for other in relatives.get(member_id, ())}
    return asked | {(template, TOTAL) for template, _ in asked}, relatives
