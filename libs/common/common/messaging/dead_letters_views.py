"""Dead letters as the API shows them: sealed data stays sealed, open personal data is masked unless it may be seen."""

import base64
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import Field

from common.http.fields import Instant, Key, RequestBody, ResponseBody, Text
from common.messaging.dead_letters import OPEN, Stored
from common.messaging.dead_letters_store import MAX_BULK, Filter
from common.runtime.logs import MASKED, PRIVATE

MAX_SHOWN_BYTES = 256 * 1024
MAX_PREVIEW_BYTES = 512
MAX_SHOWN_DEPTH = 50

State = Literal["new", "parked", "replayed", "discarded"]


class LetterSummary(ResponseBody):
    """A dead letter without its body. Times are UTC; `attempts` counts the tries before it was given up."""

    id: UUID
    state: str
    received_at: datetime
    source: str = Field(description="Sender of the event; empty where the message did not say so readably.")
    event_id: str
    type: str
    subject: str
    routing_key: str
    error_type: str = Field(description="Code of what went wrong: `unknown_member`, `invalid_data`, `delivery_limit` …")
    error_message: str
    attempts: int
    first_failed_at: datetime | None
    trace_id: str
    body_bytes: int
    edited: bool
    replays: int
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class Letter(LetterSummary):
    """A dead letter with its body. Sealed data stays sealed; open personal data is masked without `members:reveal`."""

    content_type: str
    headers: dict[str, Any]
    body: Any = Field(description="The message as it came, where it is JSON of up to 256 KiB; else null.")
    body_edited: Any = Field(description="What a replay would send instead; null where nobody edited it.")
    body_base64: str | None = Field(description="The first bytes of a body that is not shown as JSON.")
    body_hex: str | None = Field(description="The same for the eye, at most 512 bytes.")


class Group(ResponseBody):
    """How many letters failed in the same way."""

    error_type: str
    type: str
    state: str
    count: int
    first_at: datetime
    last_at: datetime
    sample_id: UUID
    sample_message: str


class Groups(ResponseBody):
    items: list[Group]


class Reason(RequestBody):
    """Why: kept with the letter and in the audit log."""

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class OptionalReason(RequestBody):
    reason: Text = ""


class Many(RequestBody):
    """Which letters: all conditions must hold. Without `states` the open ones. A dry run changes nothing."""

    states: list[State] | None = Field(default=None, min_length=1, max_length=4)
    type: Key | None = None
    error_type: Key | None = None
    source: Key | None = None
    event_id: Key | None = None
    since: Instant | None = None
    until: Instant | None = None
    dry_run: bool = Field(default=True, description="False to really do it.")
    limit: int = Field(default=MAX_BULK, ge=1, le=MAX_BULK, description="Of the matching ones, at most so many now.")
    reason: Text = ""

    def filter(self) -> Filter:
        return Filter(
            states=list(self.states) if self.states else list(OPEN),
            type=self.type,
            error_type=self.error_type,
            source=self.source,
            event_id=self.event_id,
            since=self.since,
            until=self.until,
        )


class BulkResult(ResponseBody):
    """`matched` letters fit, `changed` of them were changed now (the oldest first); `sample` names up to 20."""

    dry_run: bool
    matched: int
    changed: int
    sample: list[UUID]


class NewBody(RequestBody):
    """The whole message body as JSON: the CloudEvents envelope, or the bare data where the envelope is in headers."""

    body: Any


def summary_of(letter: Stored) -> LetterSummary:
    return LetterSummary(**_summary(letter))


def letter_of(letter: Stored, *, reveal: bool) -> Letter:
    """The letter in full; `reveal` shows personal data that is in the body openly."""
    shown, readable = _json(letter.body, reveal)
    edited, _ = _json(letter.body_edited, reveal) if letter.body_edited is not None else (None, True)
    raw = None if readable else letter.body[:MAX_SHOWN_BYTES]
    return Letter(
        **_summary(letter),
        content_type=letter.content_type,
        headers=dict(letter.headers),
        body=shown,
        body_edited=edited,
        body_base64=None if raw is None else base64.b64encode(raw).decode(),
        body_hex=None if raw is None else raw[:MAX_PREVIEW_BYTES].hex(" "),
    )


def holds_open_personal_data(letter: Stored) -> bool:
    """Whether there is something in the body that is masked from those who may not see it."""
    return any(
        body is not None and _json(body, True)[0] != _json(body, False)[0] for body in (letter.body, letter.body_edited)
    )


def _summary(letter: Stored) -> dict[str, Any]:
    known = {name: value for name, value in asdict(letter).items() if name in LetterSummary.model_fields}
    return known | {"body_bytes": len(letter.body), "edited": letter.body_edited is not None}


def _json(body: bytes, reveal: bool) -> tuple[Any, bool]:
    """The body as JSON, and whether it is JSON (of a size and depth that is shown)."""
    if len(body) > MAX_SHOWN_BYTES:
        return None, False
    try:
        return _shown(orjson.loads(body), reveal, MAX_SHOWN_DEPTH), True
    except (orjson.JSONDecodeError, _TooDeepError):
        return None, False


class _TooDeepError(Exception):
    pass


def _shown(value: Any, reveal: bool, depth: int) -> Any:
    if isinstance(value, (dict, list)) and depth == 0:
        raise _TooDeepError
    if isinstance(value, dict):
        return {
            key: MASKED if _private(key, inner) and not reveal else _shown(inner, reveal, depth - 1)
            for key, inner in value.items()
        }
    return [_shown(inner, reveal, depth - 1) for inner in value] if isinstance(value, list) else value


def _private(key: str, value: Any) -> bool:
    """Sealed data is an object and may be shown; a number or a text under such a name is open."""
    return key.lower() in PRIVATE and isinstance(value, (str, int, float))
