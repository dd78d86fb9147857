"""Dead letters: what is known of a message that could not be handled, and what may be decided about it.

A message of the dead-letter queue becomes a row. Its id follows from the event's identity and body, so that the same
message taken twice (the drainer was killed before it acknowledged) is one row, and a replayed message that fails again
comes back to the row it came from.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import orjson

from common.events.contract import Contract
from common.events.registry import CONTRACTS
from common.messaging import copies, envelope
from common.messaging.frames import Delivery
from common.storage.outbox import Outgoing
from common.trace_context import trace_id_of, valid

NEW, PARKED, REPLAYED, DISCARDED = "new", "parked", "replayed", "discarded"
OPEN = (NEW, PARKED)
STATES = (NEW, PARKED, REPLAYED, DISCARDED)
REPLAYABLE = (NEW, PARKED, REPLAYED)

RETURN = "loyalty.return"
LETTER_ID = "loyalty-dead-letter"
LETTER_REPLAY = "loyalty-replay"
OWN_HEADERS = "loyalty-"

MAX_TEXT = 2000
MAX_DEPTH = 20
_IDS = UUID("5d7d8f0e-8f0a-5c6e-9a56-1a4f0d2c7b10")


class WrongBodyError(Exception):
    """An edited body that could not be handled either. `problems` names each field and what is wrong with it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter as it is taken from the queue.

    `claimed_id` is the row a replayed message says it came from; it counts only if that row has the same source and
    event id. `replay` counts the replays of that row, this one included; 0 for a message that was never replayed.
    """

    id: UUID
    claimed_id: UUID | None
    replay: int
    source: str
    event_id: str
    type: str
    subject: str
    routing_key: str
    body: bytes
    content_type: str
    headers: str
    error_type: str
    error_message: str
    attempts: int
    first_failed_at: datetime | None
    trace_id: str


def letter_of(delivery: Delivery) -> Letter:
    """What the dead-letter queue gave us. Never fails: what cannot be read is a dead letter all the more."""
    attributes, data = _content(delivery)
    headers = delivery.headers
    death = _first_death(headers)
    source, event_id = _text(attributes.get("source"), 200), _text(attributes.get("id"), 200)
    event_type = _text(attributes.get("type"), 200)
    traceparent = attributes.get("traceparent")
    routing_key = headers.get(copies.ROUTING_KEY) or death.get("routing_key") or delivery.routing_key
    failed_at = _instant(headers.get(copies.FIRST_FAILED_AT)) or death.get("time")
    reason = _text(headers.get(copies.ERROR_TYPE), 200) or _text(death.get("reason"), 200) or "unknown"
    message = _text(headers.get(copies.ERROR_MESSAGE), MAX_TEXT) or _sentence_of(death)
    return Letter(
        id=_id_of(source, event_id, event_type, delivery, failed_at),
        claimed_id=_uuid(headers.get(LETTER_ID)),
        replay=_number(headers.get(LETTER_REPLAY), 0),
        source=source,
        event_id=event_id,
        type=event_type,
        subject=_text(attributes.get("subject"), 200) or _subject(event_type, data),
        routing_key=_text(routing_key, 255),
        body=delivery.body,
        content_type=_text(delivery.content_type, 200),
        headers=_headers_json(headers),
        error_type=reason,
        error_message=message,
        attempts=_number(headers.get(envelope.ATTEMPT), 1),
        first_failed_at=failed_at,
        trace_id=trace_id_of(traceparent) if isinstance(traceparent, str) and valid(traceparent) else "",
    )


def _content(delivery: Delivery) -> tuple[Mapping[str, Any], Any]:
    """The CloudEvents attributes and the data, as far as they can be read."""
    try:
        return envelope.attributes_of(delivery)
    except envelope.BadMessageError:
        prefix = envelope.PREFIXES[0]
        named = {name[len(prefix) :]: value for name, value in delivery.headers.items() if name.startswith(prefix)}
        return named, None


def _subject(event_type: str, data: Any) -> str:
    """What the event is about, from its data, where the sender did not say."""
    contract = CONTRACTS.get(event_type)
    if contract is None:
        return ""
    try:
        return envelope.validate(contract, data).subject()
    except envelope.BadMessageError:
        return ""


def _id_of(source: str, event_id: str, event_type: str, delivery: Delivery, failed_at: datetime | None) -> UUID:
    digest = hashlib.sha256(delivery.body).hexdigest()
    if source and event_id:
        return uuid5(_IDS, "\n".join((source, event_id, event_type, digest)))
    return uuid5(
        _IDS, "\n".join(("", delivery.routing_key, str(failed_at), digest))
    )  # two broken messages may look the same


def _first_death(headers: Mapping[str, Any]) -> dict[str, Any]:
    """What the broker says of a message it set aside by itself (over the delivery limit, say); {} when it did not."""
    deaths = headers.get("x-death")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[-1], dict):
        return {}
    first = deaths[-1]
    keys = first.get("routing-keys")
    when = first.get("time")
    return {
        "reason": first.get("reason"),
        "queue": first.get("queue"),
        "routing_key": keys[0] if isinstance(keys, list) and keys else None,
        "time": when.astimezone(UTC) if isinstance(when, datetime) else None,
    }


def _sentence_of(death: Mapping[str, Any]) -> str:
    if death.get("reason") == "delivery_limit":
        return "The consumer ended each time it was given this message: it was given out too often."
    return f"The broker set it aside: {death['reason']}." if death.get("reason") else ""


def _text(value: object, most: int) -> str:
    if isinstance(value, (bytes, bytearray)):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()[:most]


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) and 0 <= value <= 10_000 else default


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(_text(value, 36))
    except ValueError:
        return None


def _instant(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        parsed = datetime.fromisoformat(_text(value, 40))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _headers_json(headers: Mapping[str, Any]) -> str:
    def plain(value: object, depth: int) -> object:
        if depth == 0:
            return _text(value, MAX_TEXT)
        if isinstance(value, (bytes, bytearray, str)):
            return _text(value, MAX_TEXT)
        if isinstance(value, Mapping):
            return {_text(key, 200): plain(inner, depth - 1) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(inner, depth - 1) for inner in value]
        return value

    return orjson.dumps(plain(headers, MAX_DEPTH), default=str).decode()


# --- replay ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A dead letter as it is in the table."""

    id: UUID
    received_at: datetime
    source: str
    event_id: str
    type: str
    subject: str
    routing_key: str
    body: bytes
    body_edited: bytes | None
    content_type: str
    headers: Mapping[str, Any]
    error_type: str
    error_message: str
    attempts: int
    first_failed_at: datetime | None
    trace_id: str
    state: str
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    replays: int

    @property
    def body_now(self) -> bytes:
        return self.body if self.body_edited is None else self.body_edited


def replay_of(letter: Stored, service: str) -> Outgoing:
    """The message again, for this service alone: same source and event id, first attempt, body as edited."""
    headers = {name: value for name, value in letter.headers.items() if not name.startswith(("x-", OWN_HEADERS))} | {
        copies.ROUTING_KEY: letter.routing_key,
        LETTER_ID: str(letter.id),
        LETTER_REPLAY: letter.replays + 1,
    }
    return Outgoing(
        exchange=RETURN,
        routing_key=service,
        body=letter.body_now,
        content_type=letter.content_type,
        headers=orjson.dumps(headers).decode(),
    )


def check_body(letter: Stored, body: bytes, contracts: Mapping[str, type[Contract]] = CONTRACTS) -> None:
    """Raise WrongBodyError unless a message with this body could be handled (as far as we know its type)."""
    headers = {name: value for name, value in letter.headers.items() if not name.startswith(("x-", OWN_HEADERS))}
    delivery = Delivery(0, False, letter.routing_key, "", letter.content_type, headers, body)
    try:
        attributes, _ = envelope.attributes_of(delivery)
        for name, was in (("source", letter.source), ("id", letter.event_id)):
            if was and attributes.get(name) != was:
                raise WrongBodyError([f"{name}: must stay {was!r}, or it would be another event"])
        if attributes.get("type") in contracts:
            envelope.decode(delivery, contracts)
    except envelope.BadMessageError as bad:
        raise WrongBodyError(bad.message.split("; ")) from None
