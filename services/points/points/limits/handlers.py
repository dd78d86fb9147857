"""Limits of rules: loaded and locked before an evaluation, counted after it, given back when purchases come back.

usage = await limits.load(tx, book, [(occasion, member_id)], terms)      # the wallets are locked already
evaluation = evaluate(valid, occasion, person, terms, usage)
limits.take(usage, evaluation, occasion, member_id, terms)               # once it is sure that it is credited
await limits.save(tx, usage, terms)                                      # before the cascade of returns is called
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from common.events import Event
from common.events.rules import BudgetExhausted
from common.storage import Transaction
from points.accruals.domain import Purchase
from points.cascade.domain import Effect, Returned
from points.evaluation.book import LIMITS, Book
from points.evaluation.earned import Evaluation
from points.evaluation.occasion import PURCHASE, Occasion, Terms
from points.ledger.handlers import Wallets
from points.limits import store
from points.limits.domain import EVERYBODY, Row, Taking, Usage, all_back, give_back, wanted_rows
from points.times import midnight

OccasionKey = tuple[str, str, str]
"""(kind, source, key): `purchase` and the order, or `activity` and its id."""


async def load(
    tx: Transaction,
    book: Book,
    occasions: Sequence[tuple[Occasion, UUID]],
    terms: Terms,
    *,
    again: bool = False,
) -> Usage:
    """What of all limits that these occasions could touch has been used; budgets are locked until the commit.

    `again`: they were evaluated before; `release` then undoes what each took. Costs nothing where no rule has limits.
    """
    usage = Usage(first_day_of_week=terms.first_day_of_week)
    if LIMITS not in book.needs and not again:
        return usage
    wanted = wanted_rows(book.rules, occasions, terms.zone, terms.first_day_of_week)
    if again:
        for taking in await store.takings(tx, [(one.kind, one.source, one.key) for one, _ in occasions]):
            usage.takings.setdefault(taking.occasion, []).append(taking)
            wanted.add(taking.row)
    usage.rows = await store.lock(tx, wanted)
    return usage


async def look(
    tx: Transaction, books: Sequence[Book], occasions: Sequence[tuple[Occasion, UUID]], terms: Terms
) -> Usage:
    """The same without locking anything: for those who only ask."""
    rules = [rule for book in books for rule in book.rules]
    rows = await store.read(tx, list(wanted_rows(rules, occasions, terms.zone, terms.first_day_of_week)))
    return Usage(first_day_of_week=terms.first_day_of_week, rows=rows)


async def takings(tx: Transaction, occasions: Iterable[OccasionKey]) -> list[Taking]:
    """What these occasions took of limits."""
    return await store.takings(tx, occasions)


def take(
    usage: Usage,
    evaluation: Evaluation,
    occasion: Occasion,
    member_id: UUID,
    terms: Terms,
    *,
    purchase: Purchase | None = None,
) -> None:
    """Count what the occasion was given, less what has come back of its `purchase` before."""
    if evaluation.used:
        day = occasion.occurred_at.astimezone(terms.zone).date()
        usage.take(evaluation, occasion, member_id, day, purchase=purchase)


def release(usage: Usage, occasion: Occasion) -> None:
    """Before an occasion is evaluated again: what it took the first time is free."""
    usage.release(occasion.kind, occasion.source, occasion.key)


async def save(
    tx: Transaction,
    usage: Usage,
    terms: Terms,
    *,
    causes: Mapping[OccasionKey, Event[Any]] | None = None,
) -> None:
    """Write what was counted, and tell of budgets that became empty."""
    await store.keep(tx, ((key, row) for key, row in usage.rows.items() if row.changed))
    await store.keep_takings(tx, usage.changed.values())
    for rule, limit, resets_on in usage.exhausted:
        tx.emit(
            BudgetExhausted(
                rule=rule.key,
                version=rule.version,
                name=rule.names.get("en") or rule.names.get("zh-CN", ""),
                wallet=rule.wallet,
                budget=limit.amount,
                resets_at=midnight(resets_on, terms.zone) if resets_on else None,
                occurred_at=tx.now,
            )
        )
    usage.rows = {key: Row(row.points, row.uses) for key, row in usage.rows.items()}
    usage.changed, usage.exhausted = {}, []


async def purchases_returned(tx: Transaction, wallets: Wallets, returns: Sequence[Returned]) -> list[Effect]:
    """Give back what returned purchases took of limits, to the very periods it was taken from."""
    return await _give_back(tx, [((PURCHASE, one.order_source, one.order_id), one) for one in returns])


async def undone(tx: Transaction, occasions: Iterable[OccasionKey]) -> None:
    """Occasions that count no more at all (an activity whose order came back): all they took is given back."""
    await _give_back(tx, [(occasion, None) for occasion in occasions])


async def _give_back(tx: Transaction, wanted: Sequence[tuple[OccasionKey, Returned | None]]) -> list[Effect]:
    found = await store.takings(tx, [occasion for occasion, _ in wanted])
    if not found:
        return []
    current = {(taking.occasion, taking.row): taking for taking in found}
    rows = await store.lock(tx, {taking.row for taking in found})
    effects: list[Effect] = []
    for occasion, returned in wanted:
        for key, taking in current.items():
            if key[0] != occasion:
                continue
            now = all_back(taking) if returned is None else give_back(taking, returned.purchase)
            points, uses = now.points_back - taking.points_back, now.uses_back - taking.uses_back
            if not (points or uses):
                continue
            row = rows[taking.row]
            if returned is not None:
                effects.append(_effect(taking, returned, row, points, uses))
            row.points, row.uses, row.changed = row.points - points, row.uses - uses, True
            current[key] = now
    await store.keep(tx, ((key, row) for key, row in rows.items() if row.changed))
    await store.keep_takings(
        tx, (now for (_, now), before in zip(current.items(), found, strict=True) if now != before)
    )
    return effects


def _effect(taking: Taking, returned: Returned, row: Row, points: int, uses: int) -> Effect:
    whose = "budget" if taking.holder == EVERYBODY else "member"
    return Effect(
        member_id=returned.member_id,
        source=returned.source,
        return_id=returned.return_id,
        subject="limit",
        what=f"{taking.rule}/{whose}/{taking.period}",
        before=f"{row.points} points, {row.uses} uses",
        after=f"{row.points - points} points, {row.uses - uses} uses",
    )
