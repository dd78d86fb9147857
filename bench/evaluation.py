"""What evaluating one purchase costs, in microseconds of this thread: with the first rule alone, and with twenty.

PYTHONPATH=deploy .venv/bin/python -m bench.evaluation
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import thread_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from bench.rules import LONG_AGO, RULES
from points.evaluation.domain import PURCHASE, Birthday, Book, Line, Occasion, Person, Terms, evaluate
from points.limits.domain import Usage
from points.rules.definition import Definition, compile_rule

FIRST: Mapping[str, Any] = {"effect": {"kind": "rate", "points": 1, "per_minor_units": 100}}
PURCHASES, ROUNDS = 1_000, 20
TERMS = Terms(zone=ZoneInfo("Asia/Shanghai"))


def book(definitions: Mapping[str, Any]) -> Book:
    return Book(
        compile_rule(
            key,
            1,
            Definition.model_validate({"names": {"en": key}, **definition}),
            effective_from=LONG_AGO,
            published_at=LONG_AGO,
        )
        for key, definition in definitions.items()
    )


def purchases() -> list[tuple[Occasion, Person]]:
    found = []
    for number in range(PURCHASES):
        basis = 10_00 + number * 4_97 % 490_00
        lines = (Line(f"sku{number % 7}", ("drinks", "food")[number % 2], 1, basis),)
        at = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(minutes=61 * number)
        tier = ("base", "silver", "gold")[number % 3]
        occasion = Occasion(PURCHASE, "//bench", str(number), at, basis, basis, ("app", "web")[number % 2], "s", lines)
        birthday = Birthday(1 + number % 12, 1 + number % 28)
        found.append((occasion, Person(UUID(int=number), tier, frozenset(), False, birthday, LONG_AGO)))
    return found


def microseconds(rules: Book, bought: Sequence[tuple[Occasion, Person]]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        usage = Usage()
        began = thread_time()
        for occasion, person in bought:
            evaluate(rules.valid_at(occasion.occurred_at, occasion.occurred_at), occasion, person, TERMS, usage)
        best = min(best, thread_time() - began)
    return best / len(bought) * 1e6


def main() -> None:
    bought = purchases()
    for definitions in ({"purchase_rate": FIRST}, {"purchase_rate": FIRST, **RULES}):
        print(f"{len(definitions):>3} rules: {microseconds(book(definitions), bought):6.1f} µs a purchase")


if __name__ == "__main__":
    main()
