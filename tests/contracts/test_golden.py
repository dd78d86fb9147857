"""Events as they were once published can be read for ever: examples are added, never edited."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from common.events.cloudevent import CONTENT_TYPE, structured
from common.events.contract import Contract
from common.events.event import body_hash_of
from common.events.registry import CONTRACTS
from common.messaging import envelope
from common.messaging.frames import Delivery
from tests.contracts.examples import EVERY_EXAMPLE, GOLDEN, TYPES, examples


def encoded(contract: Contract, **options: Any) -> Any:
    return json.loads(contract.model_dump_json(**options))


@pytest.mark.parametrize("event_type", TYPES)
def test_every_contract_has_a_minimal_and_a_full_example(event_type: str) -> None:
    assert {"minimal", "full"} <= set(examples(event_type)), f"{event_type} needs examples in {GOLDEN}"
    required = {name for name, field in CONTRACTS[event_type].model_fields.items() if field.is_required()}
    assert set(examples(event_type)["minimal"]) == required


def test_there_is_no_example_of_a_contract_that_does_not_exist() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == set(TYPES)


@pytest.mark.parametrize(("contract", "data"), EVERY_EXAMPLE)
def test_an_example_is_read_and_written_as_it_was(contract: type[Contract], data: Any) -> None:
    read = contract.model_validate_json(json.dumps(data))
    assert encoded(read, exclude_unset=True) == data
    assert contract.model_validate(encoded(read)) == read


@pytest.mark.parametrize("event_type", TYPES)
def test_a_full_example_shows_every_field(event_type: str) -> None:
    """A contract that gained fields gains an example beside the one that was full before: "full, …"."""
    full = [data for name, data in examples(event_type).items() if name.startswith("full")]
    missing = [list(unset(CONTRACTS[event_type].model_validate(data), event_type)) for data in full]
    assert [] in missing, missing


def unset(value: Any, at: str) -> Iterator[str]:
    """Fields that were left to their defaults, at any depth."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name not in value.model_fields_set:
                yield f"{at}.{name}"
            yield from unset(getattr(value, name), f"{at}.{name}")
    elif isinstance(value, tuple):
        if not value:
            yield f"{at} is empty"
        for one in value:
            yield from unset(one, at)


@pytest.mark.parametrize(("contract", "data"), EVERY_EXAMPLE)
def test_unknown_fields_are_ignored_at_any_depth(contract: type[Contract], data: Any) -> None:
    known, more = contract.model_validate(data), contract.model_validate(with_more(data))
    assert more == known
    assert body_hash_of(more) == body_hash_of(known)
    assert "of_tomorrow" not in more.model_dump_json()


OPEN = "fields"
"""The fields of an activity are whatever its sender says: none of them is unknown."""


def with_more(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {key: one if key == OPEN else with_more(one) for key, one in value.items()}
        return {"of_tomorrow": {"a": [1]}, **inner}
    return [with_more(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("contract", "data"), EVERY_EXAMPLE)
def test_what_the_services_publish_is_what_they_read(contract: type[Contract], data: Any) -> None:
    read = contract.model_validate(data)
    body = structured(
        id="1", source="//s", type=contract.TYPE, time=datetime.now(UTC), data=read.model_dump_json().encode()
    )
    event = envelope.decode(Delivery(1, False, contract.TYPE, "", CONTENT_TYPE, {}, body), CONTRACTS)
    assert (event.type, event.data) == (contract.TYPE, read)
