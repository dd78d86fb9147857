"""Our messages are CloudEvents 1.0 to the official SDK, and we read what the SDK writes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings import rabbitmq
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from common.events.cloudevent import CONTENT_TYPE, structured
from common.events.contract import Contract
from common.events.registry import CONTRACTS
from common.messaging import envelope
from common.messaging.frames import Delivery
from tests.contracts.examples import EVERY_EXAMPLE

TIME = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(("contract", "data"), EVERY_EXAMPLE)
def test_the_sdk_reads_our_envelopes(contract: type[Contract], data: Any) -> None:
    read = contract.model_validate(data)
    body = structured(
        id="e-1",
        source="//loyalty/points",
        type=contract.TYPE,
        subject=read.subject(),
        time=TIME,
        traceparent=TRACE,
        data=read.model_dump_json().encode(),
    )
    event = rabbitmq.from_rabbitmq_event(rabbitmq.RabbitMQMessage(headers={}, content_type=CONTENT_TYPE, body=body))
    assert (event.get_id(), event.get_source(), event.get_type()) == ("e-1", "//loyalty/points", contract.TYPE)
    assert (event.get_specversion(), event.get_time(), event.get_datacontenttype()) == ("1.0", TIME, "application/json")
    assert (event.get_subject() or "", event.get_extension("traceparent")) == (read.subject(), TRACE)
    assert contract.model_validate(event.get_data()) == read


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize(("contract", "data"), EVERY_EXAMPLE)
def test_we_read_what_the_sdk_writes(contract: type[Contract], data: Any, mode: str) -> None:
    event = CloudEvent(
        {
            "id": "e-1",
            "source": "//shop.example/中文",
            "type": contract.TYPE,
            "time": TIME,
            "datacontenttype": "application/json",
            "subject": "s",
            "traceparent": TRACE,
        },
        data,
    )
    write = rabbitmq.to_structured if mode == "structured" else rabbitmq.to_binary
    message = write(event, JSONFormat())
    headers: dict[str, Any] = dict(message.headers)
    delivery = Delivery(1, False, contract.TYPE, "", message.content_type or "", headers, message.body)
    decoded = envelope.decode(delivery, CONTRACTS)
    assert (decoded.id, decoded.source, decoded.type) == ("e-1", "//shop.example/中文", contract.TYPE)
    assert (decoded.time, decoded.traceparent) == (TIME, TRACE)
    assert decoded.data == contract.model_validate(data)


def test_an_event_without_time_or_trace_gets_them() -> None:
    event = CloudEvent({"id": "1", "source": "//s", "type": "purchase.completed.v1"}, _purchase())
    attributes = json.loads(rabbitmq.to_structured(event, JSONFormat()).body)
    del attributes["time"]
    body = json.dumps(attributes).encode()
    decoded = envelope.decode(Delivery(1, False, "", "", CONTENT_TYPE, {}, body), CONTRACTS)
    assert abs((decoded.time - datetime.now(UTC)).total_seconds()) < 60
    assert len(decoded.traceparent) == 55


def _purchase() -> dict[str, Any]:
    return {
        "order_id": "o",
        "member_id": "0192f3a4-5b6c-7d8e-9f01-23456789abcd",
        "occurred_at": "2026-03-01T09:30:00+08:00",
        "currency": "CNY",
        "amount": 1,
    }
