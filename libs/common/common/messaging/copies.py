"""Copies of messages that failed, for the retry queues and the dead letters, with what went wrong in their headers."""

from datetime import UTC, datetime
from typing import Any

from common.messaging import topology
from common.messaging.batch import Failure
from common.messaging.channel import Message
from common.messaging.envelope import ATTEMPT
from common.messaging.outcomes import RETRY

FIRST_FAILED_AT = "loyalty-first-failed-at"
ERROR_TYPE = "loyalty-error-type"
ERROR_MESSAGE = "loyalty-error-message"
ROUTING_KEY = "loyalty-routing-key"
MAX_MESSAGE_CHARACTERS = 2000


def copy_of(service: str, failure: Failure) -> Message:
    """The message again, to the next retry queue or, when it is dead or had all its tries, to the dead letters."""
    delivery, attempt = failure.delivery, max(failure.attempt, 1)
    key = topology.retry_key(service, attempt) if failure.word == RETRY else None
    # The broker's own x-headers stay behind: with them its dead-letter cycle detection would drop the copy.
    headers: dict[str, Any] = {
        name: _sendable(value) for name, value in delivery.headers.items() if not name.startswith("x-")
    }
    headers.setdefault(FIRST_FAILED_AT, datetime.now(UTC).isoformat(timespec="milliseconds"))
    headers.setdefault(ROUTING_KEY, delivery.routing_key)
    headers[ERROR_TYPE] = failure.reason[:200]
    headers[ERROR_MESSAGE] = failure.message[:MAX_MESSAGE_CHARACTERS]
    headers[ATTEMPT] = attempt + 1 if key else attempt
    return Message(
        exchange=topology.RETRY if key else topology.DEAD,
        routing_key=key or service,
        body=delivery.body,
        content_type=delivery.content_type,
        headers=headers,
        mandatory=True,
    )


def _sendable(value: Any) -> Any:
    """A header that came as a string but is no UTF-8 is `bytes`, which can be sent on as a byte array only."""
    if isinstance(value, bytes):
        return bytearray(value)
    if isinstance(value, dict):
        return {name: _sendable(inner) for name, inner in value.items()}
    return [_sendable(inner) for inner in value] if isinstance(value, list) else value
