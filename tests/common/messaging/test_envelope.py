"""Whatever lies in a message, it is an event or there is a sentence that says why not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events.event import Event
from common.events.purchases import PurchaseCompleted
from common.events.registry import CONTRACTS
from common.messaging import envelope
from common.messaging.envelope import BadMessageError
from common.messaging.frames import Delivery

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DATA = {
    "order_id": "o1",
    "member_id": str(UUID(int=7)),
    "occurred_at": "2026-03-01T09:30:00+08:00",
    "currency": "CNY",
    "amount": 100,
}
WHOLE = {
    "specversion": "1.0",
    "id": "e1",
    "source": "//till",
    "type": PurchaseCompleted.TYPE,
    "time": "2026-03-01T01:30:00Z",
    "traceparent": TRACE,
    "data": DATA,
}


def delivery(body: Any, headers: dict[str, Any] | None = None) -> Delivery:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(1, False, PurchaseCompleted.TYPE, "loyalty.events", "", headers or {}, data)


def decoded(body: Any, headers: dict[str, Any] | None = None) -> Event[Any]:
    return envelope.decode(delivery(body, headers), CONTRACTS)


def refusal(body: Any, headers: dict[str, Any] | None = None) -> BadMessageError:
    with pytest.raises(BadMessageError) as caught:
        decoded(body, headers)
    return caught.value


def binary(prefix: str, **attributes: Any) -> dict[str, Any]:
    whole = {name: value for name, value in WHOLE.items() if name != "data"} | attributes
    return {f"{prefix}{name}": value for name, value in whole.items() if value is not None}


@pytest.mark.parametrize("prefix", ["ce-", "cloudEvents:", "cloudEvents_"])
def test_both_modes_give_the_same_event(prefix: str) -> None:
    assert decoded(DATA, binary(prefix)) == decoded(WHOLE)


def test_the_body_hash_is_of_the_payload_alone() -> None:
    same = decoded({**WHOLE, "id": "e2", "time": None, "data": {**dict(reversed(DATA.items())), "unknown": 1}})
    assert same.body_hash == decoded(WHOLE).body_hash
    assert decoded({**WHOLE, "data": {**DATA, "amount": 101}}).body_hash != same.body_hash


def test_an_instant_is_the_same_in_every_zone() -> None:
    elsewhere = {**DATA, "occurred_at": "2026-03-01T02:30:00+01:00"}
    assert decoded({**WHOLE, "data": elsewhere}).body_hash == decoded(WHOLE).body_hash


def test_without_a_time_it_is_now_and_without_a_trace_it_gets_one() -> None:
    event = decoded({name: value for name, value in WHOLE.items() if name not in ("time", "traceparent")})
    assert abs(event.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert len(event.traceparent) == 55


@pytest.mark.parametrize("trace", ["", "x", 7, TRACE.upper(), TRACE + "-more", "00-" + "0" * 32 + TRACE[35:]])
def test_a_broken_trace_is_replaced_and_no_reason_to_refuse(trace: Any) -> None:
    assert decoded({**WHOLE, "traceparent": trace}).traceparent != trace


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"specversion": "0.3"}, "specversion is '0.3', not '1.0'"),
        ({"id": None}, "The attribute id is missing"),
        ({"id": ""}, "The attribute id must have 1 to 200 characters"),
        ({"id": 7}, "The attribute id is not a string"),
        ({"id": "x" * 201}, "The attribute id must have 1 to 200 characters"),
        ({"source": "a\x00b"}, "no NUL"),
        ({"type": ["purchase.completed.v1"]}, "The attribute type is not a string"),
        ({"time": "yesterday"}, "not an RFC 3339 timestamp"),
        ({"time": 1700000000}, "not an RFC 3339 timestamp"),
        ({"data_base64": "e30="}, "data_base64 is not supported"),
    ],
)
def test_a_broken_envelope_is_refused_by_name(change: dict[str, Any], says: str) -> None:
    refused = refusal({**WHOLE, **change})
    assert (refused.reason, says in refused.message) == ("not_a_cloudevent", True), refused.message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"amount": -1}, "amount: Input should be greater than or equal to 0"),
        ({"amount": 1.5}, "amount: Input should be a valid integer"),
        ({"amount": "100"}, "amount: Input should be a valid integer"),
        ({"amount": 10**16}, "amount: Input should be less than or equal to"),
        ({"amount": 10**30}, "amount: Input should be a valid integer"),
        ({"currency": "cny"}, "currency: String should match pattern"),
        ({"currency": None}, "currency: Input should be a valid string"),
        ({"occurred_at": "2026-03-01T09:30:00"}, "occurred_at: Input should have timezone info"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at: is outside the years"),
        ({"member_id": "4711"}, "member_id: Input should be a valid UUID"),
        ({"order_id": "a\x00"}, "order_id: must not contain the NUL character"),
        ({"discount": 101}, "data: discount is more than amount"),
        ({"lines": [{"sku": "a", "amount": 1}]}, "data: the lines' amounts do not add up to amount"),
    ],
)
def test_wrong_data_is_refused_with_the_field_and_the_reason(change: dict[str, Any], says: str) -> None:
    refused = refusal({**WHOLE, "data": {**DATA, **change}})
    assert (refused.reason, says in refused.message) == ("invalid_data", True), refused.message


def test_a_refusal_names_every_wrong_field_and_shows_no_value() -> None:
    refused = refusal({**WHOLE, "data": {"order_id": "", "phone": "13800000000", "amount": "13811112222"}})
    assert [part.split(":")[0] for part in refused.message.split("; ")] == [
        "order_id",
        "occurred_at",
        "currency",
        "amount",
        "member_id",
    ]
    assert "1381111" not in refused.message


def test_versions_and_types_nobody_knows_are_told_apart() -> None:
    assert refusal({**WHOLE, "type": "purchase.completed.v9"}).reason == "unknown_version"
    assert refusal({**WHOLE, "type": "cat.fed.v1"}).reason == "unknown_type"


@pytest.mark.parametrize(("header", "attempt"), [(1, 1), (4, 4), (0, 1), (101, 1), (-1, 1), ("2", 1), (None, 1)])
def test_an_attempt_that_cannot_be_is_the_first(header: Any, attempt: int) -> None:
    assert decoded(WHOLE, {"loyalty-attempt": header}).attempt == attempt


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
HEADER = ANYTHING | st.binary(max_size=20) | st.datetimes() | st.binary(max_size=20).map(bytearray)


def read_or_refuse(one: Delivery) -> None:
    try:
        event = envelope.decode(one, CONTRACTS)
    except BadMessageError as bad:
        refused = bad
    else:
        assert event.data.model_dump_json()
        assert "\x00" not in event.source + event.id + event.type + event.subject
        return
    assert refused.reason
    assert refused.message


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(sorted(binary("ce-"))) | st.text(max_size=9), HEADER))
def test_no_bytes_and_no_headers_can_break_the_reader(body: bytes, headers: dict[str, Any]) -> None:
    read_or_refuse(delivery(body, headers))


WRONG_ATTRIBUTES = st.dictionaries(st.sampled_from(sorted(WHOLE)), ANYTHING)
WRONG_DATA = st.dictionaries(st.sampled_from(sorted(DATA)), ANYTHING)


@given(WRONG_ATTRIBUTES, WRONG_DATA)
def test_no_wrong_value_in_the_right_place_can_break_the_reader(attributes: Any, data: Any) -> None:
    read_or_refuse(delivery({**WHOLE, "data": {**DATA, **data}, **attributes}))
