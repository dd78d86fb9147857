"""CloudEvents 1.0 in AMQP messages: structured JSON and binary (`ce-` headers) are read, structured JSON is written.

Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md and `formats/json-format.md` there;
`traceparent` is the distributed tracing extension. RabbitMQ has no binding of its own: of AMQP's header names `ce-`,
`cloudEvents:` and `cloudEvents_` are understood.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from common.events import cloudevent
from common.events.contract import Contract
from common.events.event import Event, body_hash_of
from common.messaging.frames import Delivery
from common.trace_context import new_traceparent, valid

STRUCTURED = cloudevent.CONTENT_TYPE
MAX_BODY_BYTES = 1024 * 1024
MAX_ATTRIBUTE_CHARACTERS = 200
PREFIXES = ("ce-", "cloudEvents:", "cloudEvents_")
ATTEMPT = "loyalty-attempt"


class BadMessageError(Exception):
    """A message that can never be handled. `reason` is a code, `message` a sentence that names the field."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def attempt_of(headers: Mapping[str, Any]) -> int:
    """How often the message has been tried, this time included."""
    attempt = headers.get(ATTEMPT, 1)
    return attempt if isinstance(attempt, int) and 1 <= attempt <= 100 else 1


def attributes_of(delivery: Delivery) -> tuple[dict[str, Any], Any]:
    """The CloudEvents attributes and the data, undecided whether they are right. Raises BadMessageError."""
    if len(delivery.body) > MAX_BODY_BYTES:
        raise BadMessageError("too_large", f"The message has {len(delivery.body)} bytes; {MAX_BODY_BYTES} are allowed.")
    try:
        decoded = orjson.loads(delivery.body)
    except orjson.JSONDecodeError as error:
        raise BadMessageError("not_json", f"The body is not JSON: {error}.") from None
    binary = _binary_attributes(delivery.headers) if delivery.headers else {}
    if binary:
        return binary, decoded
    if not isinstance(decoded, dict) or "specversion" not in decoded:
        raise BadMessageError(
            "not_a_cloudevent", "There is neither a JSON envelope with specversion nor a set of ce- headers."
        )
    if "data_base64" in decoded:
        raise BadMessageError("not_a_cloudevent", "data_base64 is not supported: data must be JSON.")
    return decoded, decoded.get("data")


def _binary_attributes(headers: Mapping[str, Any]) -> dict[str, Any]:
    for prefix in PREFIXES:
        if f"{prefix}id" in headers:
            cut = len(prefix)
            return {name[cut:]: _text(value) for name, value in headers.items() if name.startswith(prefix)}
    return {}


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else value


def _attribute(attributes: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    value = attributes.get(name, default)
    if value is None:
        raise BadMessageError("not_a_cloudevent", f"The attribute {name} is missing.")
    if not isinstance(value, str):
        raise BadMessageError("not_a_cloudevent", f"The attribute {name} is not a string.")
    if len(value) > MAX_ATTRIBUTE_CHARACTERS or "\x00" in value or (default is None and not value):
        raise BadMessageError(
            "not_a_cloudevent", f"The attribute {name} must have 1 to {MAX_ATTRIBUTE_CHARACTERS} characters, no NUL."
        )
    return value


def _time(attributes: Mapping[str, Any]) -> datetime:
    value = attributes.get("time")
    if value is None:
        return datetime.now(UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        parsed = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise BadMessageError("not_a_cloudevent", "The attribute time is not an RFC 3339 timestamp.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def decode(delivery: Delivery, contracts: Mapping[str, type[Contract]]) -> Event[Contract]:
    """The event in a delivery. Raises BadMessageError with the reason when there is none that we can read."""
    attributes, data = attributes_of(delivery)
    if attributes.get("specversion") != "1.0":
        raise BadMessageError("not_a_cloudevent", f"specversion is {attributes.get('specversion')!r}, not '1.0'.")
    event_type = _attribute(attributes, "type")
    event_id = _attribute(attributes, "id")
    source = _attribute(attributes, "source")
    contract = contracts.get(event_type)
    if contract is None:
        raise _unknown(event_type, contracts)
    traceparent = attributes.get("traceparent")
    return Event(
        source=source,
        id=event_id,
        type=event_type,
        time=_time(attributes),
        data=(payload := validate(contract, data)),
        body_hash=body_hash_of(payload),
        subject=payload.subject(),
        traceparent=traceparent if isinstance(traceparent, str) and valid(traceparent) else new_traceparent(),
        attempt=attempt_of(delivery.headers) if delivery.headers else 1,
        redelivered=delivery.redelivered,
    )


def validate(contract: type[Contract], data: Any) -> Contract:
    """The payload, or BadMessageError with every field that is wrong and why."""
    try:
        return contract.__pydantic_validator__.validate_python(data)  # type: ignore[no-any-return]
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, one['loc'])) or 'data'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise BadMessageError("invalid_data", "; ".join(wrong)) from None


def _unknown(event_type: str, contracts: Mapping[str, type[Contract]]) -> BadMessageError:
    noun = event_type.rsplit(".", 1)[0]
    known = sorted(name for name in contracts if name.rsplit(".", 1)[0] == noun)
    if known:
        return BadMessageError("unknown_version", f"{event_type} is not known here, only {', '.join(known)}.")
    return BadMessageError("unknown_type", f"{event_type} is not an event that is heard here.")
