"""What is counted: one store of entries for tasks and badges, shared where they count the same. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from points.cascade.domain import Bought, Done, Returned

PURCHASES, ACTIVITIES, STREAK = "purchases", "activities", "streak"
COUNT, AMOUNT, QUANTITY, DISTINCT, SUM, RUN = "count", "amount", "quantity", "distinct_products", "sum", "run"


class Entry(NamedTuple):
    """What one purchase (of one product), activity or day in a row adds; `gone` of the `value` came back.

    An entry that belongs to an order follows it: see `gone_after`.
    """

    member_id: UUID
    measure: str
    kind: str
    source: str
    key: str
    item: str
    occurred_at: datetime
    value: int
    gone: int
    order_source: str
    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is counted. `key` is a digest of the rest: equal measures are counted once."""

    key: str
    of: str
    what: str
    channels: frozenset[str] = frozenset()
    shops: frozenset[str] = frozenset()
    skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    min_amount: int = 0
    activity: str = ""
    fields: Mapping[str, bool | int | str]
    sum_field: str = ""
    streak: str = ""

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "Measure":
        plain = {name: sorted(value) if isinstance(value, list) else value for name, value in facts.items()}
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
        return cls(
            key=sha256(text.encode()).hexdigest()[:24],
            of=facts["of"],
            what=facts["what"],
            channels=frozenset(facts["channels"]),
            shops=frozenset(facts["shops"]),
            skus=frozenset(facts["skus"]),
            categories=frozenset(facts["categories"]),
            min_amount=facts["min_amount"],
            activity=facts["activity"] or "",
            fields=facts["fields"],
            sum_field=facts["sum_field"] or "",
            streak=facts["streak"] or "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A measure, and how far it is to get."""

    measure: Measure
    target: int


def entries_of_purchase(measure: Measure, bought: Bought) -> list[Entry]:
    """What the purchase adds: one entry, or one per product. An amount is of the whole order, also where skus narrow
    the measure: a purchase tells quantities by product, not amounts.
    """
    if measure.of != PURCHASES or not _matches(measure, bought):
        return []
    values = {"": 1}
    if measure.what == AMOUNT:
        values = {"": bought.basis}
    elif measure.what in (QUANTITY, DISTINCT):
        chosen = {sku: many for sku, many in bought.quantities.items() if not measure.skus or sku in measure.skus}
        values = dict.fromkeys(chosen, 1) if measure.what == DISTINCT else {"": sum(chosen.values())}
    return [
        Entry(
            bought.member_id,
            measure.key,
            PURCHASES,
            bought.source,
            bought.order_id,
            item,
            bought.occurred_at,
            value,
            0,
            bought.source,
            bought.order_id,
        )
        for item, value in values.items()
        if value > 0
    ]


def _matches(measure: Measure, bought: Bought) -> bool:
    return (
        bought.basis >= measure.min_amount
        and (not measure.channels or bought.channel in measure.channels)
        and (not measure.shops or bought.shop in measure.shops)
        and (not measure.skus or not measure.skus.isdisjoint(bought.quantities))
        and (not measure.categories or not measure.categories.isdisjoint(bought.categories))
    )


def gone_after(measure: Measure | None, entry: Entry, returned: Returned) -> int:
    """What of the entry is gone after the return of its order, never less than before.

    All of it when nothing is left of the order. Of a purchase an amount goes in part, pieces as far as they are named;
    and all of it when what is left is less than the measure's `min_amount`, or has none of its products.
    """
    if returned.wholly:
        return entry.value
    if measure is None or entry.kind != PURCHASES:
        return entry.gone
    pieces = sum(many for sku, many in returned.kept.items() if not measure.skus or sku in measure.skus)
    if returned.basis - returned.after < measure.min_amount or (returned.kept and not pieces):
        return entry.value
    gone = 0
    if measure.what == AMOUNT:
        gone = returned.after
    elif measure.what == QUANTITY and returned.kept:
        gone = entry.value - pieces
    elif measure.what == DISTINCT and not returned.kept.get(entry.item, 1):
        gone = entry.value
    return min(entry.value, max(entry.gone, gone))


def entry_of_activity(measure: Measure, done: Done) -> Entry | None:
    """What the activity adds; None for nothing. A sum takes whole numbers only."""
    if measure.of != ACTIVITIES or done.activity != measure.activity:
        return None
    if any(not _same(done.fields.get(name), wanted) for name, wanted in measure.fields.items()):
        return None
    value: object = done.fields.get(measure.sum_field) if measure.what == SUM else 1
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 10**12:
        return None
    return Entry(
        done.member_id,
        measure.key,
        ACTIVITIES,
        done.source,
        done.activity_id,
        "",
        done.occurred_at,
        value,
        0,
        done.order_source,
        done.order_id,
    )


def _same(value: object, wanted: object) -> bool:
    return type(value) is type(wanted) and value == wanted  # True is not 1 here


class Ran(NamedTuple):
    """A day on which a member's streak got `run` days long."""

    member_id: UUID
    streak: str
    day: str
    run: int
    occurred_at: datetime


def entry_of_run(measure: Measure, ran: Ran) -> Entry | None:
    if measure.of != STREAK or measure.streak != ran.streak:
        return None
    return Entry(ran.member_id, measure.key, STREAK, ran.streak, ran.day, "", ran.occurred_at, ran.run, 0, "", "")


def reached_at(entries: Iterable[Entry], what: str, target: int) -> datetime | None:
    """When the target was reached, as we know it now: what came back is left out of the past as well."""
    total, items = 0, set[str]()
    for entry in sorted(entries, key=lambda one: (one.occurred_at, one.source, one.key, one.item)):
        left = entry.value - entry.gone
        if left <= 0:
            continue
        if what == DISTINCT:
            items.add(entry.item)
            total = len(items)
        elif what == RUN:
            total = max(total, left)
        else:
            total += left
        if total >= target:
            return entry.occurred_at
    return None


def value_of(entries: Sequence[Entry], what: str) -> int:
    """The same as the store's sum, for tests and explanations."""
    left = [entry for entry in entries if entry.value > entry.gone]
    if what == DISTINCT:
        return len({entry.item for entry in left})
    if what == RUN:
        return max((entry.value - entry.gone for entry in left), default=0)
    return sum(entry.value - entry.gone for entry in left)
