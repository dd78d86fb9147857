"""AsyncAPI 3.0: all events as a document that people and generators read. It is made from the contracts alone.

    python -m common.events.asyncapi docs/events/asyncapi.json

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0 and the AMQP bindings 0.3.0.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from common.events.cloudevent import CONTENT_TYPE
from common.events.contract import Contract
from common.events.registry import CONTRACTS, PUBLISHERS, SUBSCRIBERS

EXCHANGE = "loyalty.events"
BINDING_VERSION = "0.3.0"
_ALSO_BINARY = (
    "Binary mode is understood too: the body is what stands under `data`, the other attributes are AMQP headers "
    "(`ce-specversion`, `ce-id`, `ce-source`, `ce-type` …)."
)
_ABOUT = f"""What the services of the loyalty platform tell one another, and what other systems may tell them.

Every message is a CloudEvents 1.0 event on the topic exchange `{EXCHANGE}`; its type is the routing key. The same event
is known by `source` and `id`: sent again it has no further effect. {_ALSO_BINARY}

A contract only ever gains optional fields; readers ignore those they do not know. Anything else is a new type with the
next version, published beside the old one."""


def document() -> dict[str, Any]:
    """The whole document, in an order that depends on the contracts' names alone."""
    types = sorted(CONTRACTS)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Loyalty events",
            "version": "1.0.0",
            "description": _ABOUT,
            "tags": [{"name": name} for name in sorted({*PUBLISHERS, *SUBSCRIBERS})],
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {type_: _channel(CONTRACTS[type_]) for type_ in types},
        "operations": dict(sorted(_operations())),
        "components": {
            "messages": {CONTRACTS[type_].__name__: _message(CONTRACTS[type_]) for type_ in types},
            "schemas": _schemas(),
        },
    }


def _channel(contract: type[Contract]) -> dict[str, Any]:
    return {
        "address": contract.TYPE,
        "description": _sentence(contract),
        "messages": {contract.__name__: {"$ref": f"#/components/messages/{contract.__name__}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False},
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Who sends and who receives what; `outside` are other systems with a broker user of their own."""
    for sender, contracts in PUBLISHERS.items():
        for contract in contracts:
            bindings = {"amqp": {"deliveryMode": 2, "bindingVersion": BINDING_VERSION}}
            yield f"{sender}.sends.{contract.TYPE}", _operation("send", sender, contract, bindings)
    for reader, types in SUBSCRIBERS.items():
        for type_ in types:
            bindings = {"amqp": {"ack": True, "bindingVersion": BINDING_VERSION}}
            yield f"{reader}.receives.{type_}", _operation("receive", reader, CONTRACTS[type_], bindings)


def _operation(action: str, who: str, contract: type[Contract], bindings: dict[str, Any]) -> dict[str, Any]:
    channel = f"#/channels/{contract.TYPE}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{contract.__name__}"}],
        "tags": [{"name": who}],
        "bindings": bindings,
    }


def _message(contract: type[Contract]) -> dict[str, Any]:
    """The message in structured mode: the envelope with the contract in it."""
    text = {"type": "string", "minLength": 1, "maxLength": 200}
    return {
        "name": contract.TYPE,
        "title": contract.__name__,
        "summary": _sentence(contract),
        "description": f"{inspect.cleandoc(contract.__doc__ or '')}\n\n{_ALSO_BINARY}",
        "contentType": CONTENT_TYPE,
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "data"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {**text, "description": "The event's own name; with `source` it is the event's identity."},
                "source": {**text, "description": "Who says so: a URI."},
                "type": {"const": contract.TYPE},
                "time": {"type": "string", "format": "date-time", "description": "When it was said."},
                "subject": {"type": "string", "description": "What it is about."},
                "datacontenttype": {"const": "application/json"},
                "traceparent": {"type": "string", "description": "W3C trace context."},
                "data": {"$ref": f"#/components/schemas/{contract.__name__}"},
            },
        },
        "bindings": {"amqp": {"messageType": contract.TYPE, "bindingVersion": BINDING_VERSION}},
    }


def _schemas() -> dict[str, Any]:
    contracts = [(CONTRACTS[type_], "validation") for type_ in sorted(CONTRACTS)]
    _, schemas = models_json_schema(contracts, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    return dict(sorted(schemas["$defs"].items()))


def _sentence(contract: type[Contract]) -> str:
    return " ".join(inspect.cleandoc(contract.__doc__ or "").split("\n\n")[0].split())


def rendered() -> str:
    """The document as it is kept in the repository."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the document to the file that is named, else to standard output."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(rendered(), encoding="utf-8")
    else:
        sys.stdout.write(rendered())


if __name__ == "__main__":
    main()
