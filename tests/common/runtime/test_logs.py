"""Log lines are JSON, carry the trace, and hide what is personal."""

import io
import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.events import event_of
from common.events.purchases import PurchaseRefunded
from common.runtime import logs
from common.trace_context import current, new_traceparent, trace_id_of


@pytest.fixture
def out() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.BytesIO()
    logs.configure("points", out=stream)
    yield stream
    root.handlers = before
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(out: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_says_when_who_what(out: io.BytesIO) -> None:
    logs.logger("relay").info("queue is empty", waited_seconds=3)
    (line,) = lines(out)
    assert (line["level"], line["service"], line["event"], line["component"]) == (
        "info",
        "points",
        "queue is empty",
        "relay",
    )
    assert line["waited_seconds"] == 3
    assert line["time"].endswith("Z")
    assert abs(datetime.fromisoformat(line["time"]) - datetime.now(UTC)) < timedelta(seconds=5)
    assert "trace_id" not in line


def test_the_trace_of_the_task_is_on_every_line(out: io.BytesIO) -> None:
    traceparent = new_traceparent()
    token = current.set(traceparent)
    logs.logger("http").info("request")
    logging.getLogger("somewhere").warning("from the standard library")
    current.reset(token)
    assert [line["trace_id"] for line in lines(out)] == [trace_id_of(traceparent)] * 2


def test_the_standard_library_logs_the_same_way(out: io.BytesIO) -> None:
    try:
        raise ValueError("amqp://points:hush@localhost refused")
    except ValueError:
        logging.getLogger("aio_pika").exception("cannot connect for %s", "member@example.com")
    (line,) = lines(out)
    assert (line["level"], line["component"], line["service"]) == ("error", "aio_pika", "points")
    assert "ValueError" in line["exception"]
    assert "hush" not in json.dumps(line)
    assert "member@example.com" not in json.dumps(line)


@pytest.mark.parametrize(
    "key", ["phone", "email", "Authorization", "password", "client-secret", "openid", "card_number"]
)
def test_personal_and_secret_fields_are_masked_at_any_depth(out: io.BytesIO, key: str) -> None:
    logs.logger("registry").info(
        "edited", **{key: "13800138000 Alice"}, changes=[{"inner": {key: "13800138000 Alice"}}]
    )
    assert "Alice" not in out.getvalue().decode()
    assert lines(out)[0][key] == "***"


def test_free_text_loses_addresses_phones_and_tokens(out: io.BytesIO) -> None:
    logs.logger("x").info("sent to 13800138000, bob@example.com, Bearer abc.def.ghi, postgresql://u:hush@h/d")
    text = lines(out)[0]["event"]
    assert not any(secret in text for secret in ("13800138000", "bob@", "abc.def", "hush"))


def test_what_a_database_error_says_of_values_is_hidden(out: io.BytesIO) -> None:
    error = (
        "duplicate key value violates unique constraint\nDETAIL:  Key (name)=(Alice) already exists.\n"
        "[SQL: INSERT INTO people VALUES (:name)]\n[parameters: {'name': 'Alice [x]', 'more': ['Bob']}]\n"
        "(Background on this error at: https://sqlalche.me/e/20/gkpj)"
    )
    logs.logger("x").error("failed", error=error)
    text = lines(out)[0]["error"]
    assert not any(secret in text for secret in ("Alice", "Bob"))
    assert "INSERT INTO people" in text


def test_an_order_number_or_trace_id_that_looks_like_digits_stays_readable(out: io.BytesIO) -> None:
    logs.logger("x").info("handled", subject="order-20240101-13800138000", source="//shop/1")
    assert lines(out)[0]["subject"] == "order-20240101-13800138000"


def test_what_json_does_not_know_is_still_logged(out: io.BytesIO) -> None:
    logs.logger("x").info("odd", value=object, raw=b"\xff\x00", many={1, 2})
    assert lines(out)[0]["many"] == [1, 2]


def handled(count: int) -> list[Any]:
    moment = datetime.now(UTC) - timedelta(milliseconds=250)
    refund = PurchaseRefunded(order_id="A-1", return_id="R-1", occurred_at=moment, currency="CNY", amount=1)
    made = event_of(refund, time=moment, traceparent=new_traceparent())
    return [(made, "done") for _ in range(count)]


def test_a_batch_is_one_line_per_event_in_one_write(out: io.BytesIO, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []

    class Counting(io.BytesIO):
        def write(self, data: Any, /) -> int:
            writes.append(bytes(data))
            return len(data)

    logs.configure("points", out=Counting())
    events = handled(3)
    logs.log_events(events, now=datetime.now(UTC))
    assert len(writes) == 1
    rows = [json.loads(line) for line in writes[0].splitlines()]
    assert len(rows) == 3
    event = events[0][0]
    assert rows[0]["trace_id"] == trace_id_of(event.traceparent)
    assert (rows[0]["event"], rows[0]["outcome"], rows[0]["event_id"], rows[0]["attempt"]) == (
        "handled",
        "done",
        event.id,
        1,
    )
    assert 240 <= rows[0]["lag_ms"] < 5000


def test_no_lines_for_events_when_only_warnings_are_wanted(out: io.BytesIO) -> None:
    logs.configure("points", level="warning", out=out)
    logs.log_events(handled(3), now=datetime.now(UTC))
    assert lines(out) == []


def test_a_handled_line_costs_microseconds(out: io.BytesIO) -> None:
    events = handled(500)
    now = datetime.now(UTC)
    best = float("inf")
    for _ in range(40):
        out.seek(0)
        started = time.perf_counter()
        logs.log_events(events, now=now)
        best = min(best, time.perf_counter() - started)
    assert best / 500 < 10e-6, f"{best / 500 * 1e6:.1f} µs for each event"
