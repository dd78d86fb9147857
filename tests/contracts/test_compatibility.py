"""A published contract never breaks: it only gains optional fields."""

from typing import Any

import pytest
from pydantic import BaseModel

from common.events.contract import Contract, Key, Money, Part
from common.events.registry import CONTRACTS
from tests.contracts.compatibility import FOLDER, breaking, schema_of, stored

RENEW = "write the new optional fields down: python -m tests.contracts.compatibility"
TYPES = sorted(CONTRACTS)


@pytest.mark.parametrize("event_type", TYPES)
def test_a_contract_has_not_broken_what_was_published(event_type: str) -> None:
    before = stored(event_type)
    assert before is not None, RENEW
    assert breaking(before, schema_of(CONTRACTS[event_type])) == []


@pytest.mark.parametrize("event_type", TYPES)
def test_the_schema_that_is_written_down_is_that_of_today(event_type: str) -> None:
    assert stored(event_type) == schema_of(CONTRACTS[event_type]), RENEW


def test_no_contract_was_taken_away() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(CONTRACTS)


@pytest.mark.parametrize("event_type", TYPES)
def test_a_contract_has_no_enumeration(event_type: str) -> None:
    """An older reader must survive a word it does not know."""
    assert not words_of_schema(schema_of(CONTRACTS[event_type])) & {"enum", "const"}


def words_of_schema(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(words_of_schema(inner) for inner in value.values()))
    return set().union(*map(words_of_schema, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("event_type", TYPES)
def test_type_and_class_have_the_same_name(event_type: str) -> None:
    noun, participle, version = event_type.split(".")
    words = [*noun.split("_"), *participle.split("_")]
    suffix = "" if version == "v1" else version.upper()
    assert CONTRACTS[event_type].__name__ == "".join(word.capitalize() for word in words) + suffix


class _Line(Part):
    sku: Key
    amount: Money = 0


class _Before(Contract):
    order_id: Key
    amount: Money
    note: str = ""
    lines: tuple[_Line, ...] = ()


class _LineNow(Part):
    sku: Key
    amount: Money = 0
    colour: str = ""


class _Gained(_Before):
    shop: str = ""
    lines: tuple[_LineNow, ...] = ()  # type: ignore[assignment]


def test_optional_fields_may_come_at_any_depth() -> None:
    assert breaking(schema_of(_Before), schema_of(_Gained)) == []
    assert schema_of(_Before) != schema_of(_Gained)


class _Lost(Contract):
    order_id: Key
    amount: Money
    lines: tuple[_Line, ...] = ()


class _Demands(_Before):
    shop: str


class _Retyped(_Before):
    amount: str  # type: ignore[assignment]


class _Narrower(_Before):
    note: Key = "x"


class _Laxer(_Before):
    order_id: Key = ""


class _LineLost(Part):
    sku: Key


class _DeepLost(_Before):
    lines: tuple[_LineLost, ...] = ()  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (_Lost, ".note: is gone"),
        (_Demands, ".shop: is required now"),
        (_Retyped, ".amount: was 'integer' and is 'string'"),
        (_Narrower, ".note: minLength was None and is 1"),
        (_Laxer, ".order_id: is not required any more"),
        (_DeepLost, ".lines.amount: is gone"),
    ],
    ids=["lost", "demands", "retyped", "narrower", "laxer", "lost inside"],
)
def test_whatever_else_changes_is_noticed(now: type[Contract], says: str) -> None:
    assert any(says in one for one in breaking(schema_of(_Before), schema_of(now)))


class _Nested(BaseModel):
    children: "tuple[_Nested, ...]" = ()


class _Recursive(Contract):
    root: _Nested = _Nested()


def test_a_schema_that_contains_itself_is_compared_too() -> None:
    assert breaking(schema_of(_Recursive), schema_of(_Recursive)) == []
