"""docs/events/asyncapi.json is AsyncAPI 3.0, is current, and says what the services really do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from common.events import asyncapi
from common.events.registry import CONTRACTS, PUBLISHERS, SUBSCRIBERS
from common.messaging import topology
from tests.contracts.examples import EVERY_EXAMPLE

FILE = Path(__file__).parents[2] / "docs" / "events" / "asyncapi.json"
DOCUMENT: dict[str, Any] = asyncapi.document()

# The fields that AsyncAPI 3.0.0 knows; anything else would have to begin with x-.
ROOT = {"asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"}
INFO = {"title", "version", "description", "termsOfService", "contact", "license", "tags", "externalDocs"}
CHANNEL = {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "externalDocs"}
OPERATION = {"action", "channel", "title", "summary", "description", "security", "tags", "externalDocs"}
MESSAGE = {"headers", "payload", "correlationId", "contentType", "name", "title", "summary", "description", "tags"}


def test_the_committed_document_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == asyncapi.rendered(), (
        "write it anew: python -m common.events.asyncapi docs/events/asyncapi.json"
    )


def test_the_command_writes_the_document(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "common.events.asyncapi"]
    printed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    subprocess.run([*command, str(tmp_path / "events.json")], check=True)
    assert printed == (tmp_path / "events.json").read_text(encoding="utf-8") == asyncapi.rendered()


def test_every_object_has_only_fields_that_asyncapi_knows() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) <= ROOT
    assert {"title", "version"} <= set(DOCUMENT["info"]) <= INFO
    for channel in DOCUMENT["channels"].values():
        assert set(channel) <= CHANNEL | {"bindings"}
    for operation in DOCUMENT["operations"].values():
        assert set(operation) <= OPERATION | {"bindings", "messages", "traits", "reply"}
        assert {"action", "channel"} <= set(operation)
        assert operation["action"] in ("send", "receive")
    for message in DOCUMENT["components"]["messages"].values():
        assert set(message) <= MESSAGE | {"externalDocs", "bindings", "examples", "traits"}


def test_every_reference_leads_somewhere() -> None:
    references = list(_references(DOCUMENT))
    assert references
    for reference in references:
        _at(reference)


def test_an_operation_names_messages_of_its_own_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])


def test_channels_are_the_routing_keys_of_the_exchange() -> None:
    assert topology.EVENTS == asyncapi.EXCHANGE
    events = next(exchange for exchange in topology.EXCHANGES if exchange.name == topology.EVENTS)
    for event_type, channel in DOCUMENT["channels"].items():
        assert channel["address"] == event_type
        assert channel["bindings"]["amqp"]["exchange"]["name"] == events.name
        assert channel["bindings"]["amqp"]["exchange"]["type"] == events.type
    assert set(DOCUMENT["channels"]) == set(CONTRACTS)


def test_operations_are_those_of_the_registry() -> None:
    said = {f"{who}.sends.{one.TYPE}" for who, contracts in PUBLISHERS.items() for one in contracts}
    heard = {f"{who}.receives.{type_}" for who, types in SUBSCRIBERS.items() for type_ in types}
    assert set(DOCUMENT["operations"]) == said | heard


@pytest.mark.parametrize(("contract", "data"), EVERY_EXAMPLE)
def test_the_golden_examples_are_valid_by_the_document(contract: Any, data: Any) -> None:
    payload = DOCUMENT["components"]["messages"][contract.__name__]["payload"]
    validator = jsonschema_rs.validator_for({**payload, "components": DOCUMENT["components"]})
    event = {"specversion": "1.0", "id": "1", "source": "//s", "type": contract.TYPE, "data": data}
    assert [str(error) for error in validator.iter_errors(event)] == []
    assert list(validator.iter_errors({**event, "data": {}}))
    assert list(validator.iter_errors({**event, "type": "cat.fed.v1"}))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def _at(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in json.loads(json.dumps(reference)).removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found
