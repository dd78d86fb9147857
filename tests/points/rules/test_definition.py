"""Every form of a definition: it is kept and read back as it was, and becomes the rule that it says."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from points.evaluation.conditions import parts
from points.rules.conditions import Condition
from points.rules.definition import Definition, compile_rule, factor, schema

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LINES = {"products": ["a"], "categories": ["tea"], "not_products": ["b"], "not_categories": ["cup"]}
CONDITIONS: list[dict[str, Any]] = [
    {"kind": "amount", "of": "amount", "at_least": 1, "below": 2},
    {"kind": "products", "lines": LINES, "quantity": 2, "net": 3},
    *({"kind": kind, "one_of": ["x", "y"]} for kind in ("channel", "shop", "source", "tier", "segment")),
    {"kind": "weekday", "days": [1, 7]},
    {"kind": "member_day", "days": [8, 31], "last_day": True, "weekdays": [{"nth": -1, "weekday": 5}]},
    {"kind": "lunar_day", "month": 1, "day": 1, "days_before": 1, "days_after": 15},
    {"kind": "time_window", "start": "22:30", "end": "02:00"},
    {"kind": "date_range", "first": "2025-01-01", "last": "2025-12-31"},
    {"kind": "date_range", "first": "2025-01-01"},
    {"kind": "first_purchase"},
    {"kind": "birthday", "days_before": 3, "days_after": 3, "leap_day": "mar_1"},
    {"kind": "birthday", "whole_month": True},
    {"kind": "registered", "at_least_days": 1, "at_most_days": 30},
    {"kind": "field", "name": "stars", "op": "one_of", "values": [1, True, "1"]},
    {"kind": "field", "name": "stars", "op": "exists"},
]
NESTED = {"kind": "all", "of": [{"kind": "any", "of": CONDITIONS}, {"kind": "not", "of": CONDITIONS[0]}]}
EFFECTS: list[dict[str, Any]] = [
    {"kind": "rate", "points": 1, "per_minor_units": 100, "lines": LINES},
    {"kind": "fixed", "points": 5},
    {"kind": "multiplier", "factor": "1.50", "by_tier": {"金牌": "2"}, "lines": LINES},
    {"kind": "coupon", "template": "tea"},
]
EXPIRIES: list[dict[str, Any]] = [
    {"kind": "never"},
    {"kind": "days", "count": 3},
    {"kind": "months", "count": 3},
    {"kind": "end_of_month"},
    {"kind": "end_of_year", "count": 1},
    {"kind": "date", "at": "2026-01-01T00:00:00+08:00"},
]


def definition(**changes: Any) -> Definition:
    return Definition.model_validate({"names": {"zh-CN": "茶", "en": "Tea"}, "effect": EFFECTS[1], **changes})


@pytest.mark.parametrize(
    "changes",
    [
        *({"when": one} for one in (*CONDITIONS, NESTED)),
        *({"effect": one} for one in EFFECTS),
        *({"expiry": one} for one in EXPIRIES),
        {"waiting": {"kind": "days", "days": 14}},
        {"waiting": {"kind": "event"}},
        {"stacking": {"priority": -3, "group": "g"}},
        {"limits": [{"scope": "budget", "period": "week", "unit": "points", "amount": 9}]},
        {"occasion": {"kind": "activity", "activity": "sign_in"}, "wallet": "growth"},
    ],
)
def test_definition_is_read_back_as_it_was(changes: dict[str, Any]) -> None:
    made = definition(**changes)
    again = Definition.model_validate_json(made.model_dump_json(by_alias=True))
    assert again == made
    rules = [compile_rule("a", 1, one, effective_from=NOW, published_at=NOW) for one in (made, again)]
    assert rules[0] == rules[1]


def test_all_kinds_of_conditions_are_tried_here() -> None:
    forms = get_args(get_args(Condition)[0])
    made: Any = definition(when=NESTED).when
    seen = {type(made)} | {type(one) for one in made.of[0].of} | {type(one) for one in made.of}
    assert seen == set(forms)
    assert len(parts(made.pure())) == len(CONDITIONS) + 4


def test_factor_is_an_exact_fraction_in_as_few_digits_as_it_needs() -> None:
    assert factor("1.50") == ("1.50", 15, 10)
    assert factor("2") == ("2", 2, 1)
    assert factor("0.0001") == ("0.0001", 1, 10_000)


def test_schema_names_a_form_for_each_kind() -> None:
    kinds = set(schema()["$defs"]["Condition"]["discriminator"]["mapping"])
    assert {one["kind"] for one in CONDITIONS} | {"all", "any", "not"} == kinds
