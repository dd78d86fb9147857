"""An event as handlers see it: a CloudEvents 1.0 envelope around one contract."""

import hashlib
import os
import time as clock
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from common.events.contract import Contract

T_co = TypeVar("T_co", bound=Contract, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Generic[T_co]):
    """One event: (`source`, `id`) is its identity, `data` its decoded payload.

    `body_hash` is the SHA-256 of the payload in canonical form, so that the same key with another body is noticed.
    `attempt` counts from 1; `traceparent` is W3C trace context, "" when none.
    """

    source: str
    id: str
    type: str
    time: datetime
    data: T_co
    body_hash: bytes = field(repr=False)
    subject: str = ""
    traceparent: str = ""
    attempt: int = 1
    redelivered: bool = False


def body_hash_of(data: Contract) -> bytes:
    """SHA-256 over the payload's canonical JSON: field order, white space and unknown fields do not count."""
    return hashlib.sha256(data.__pydantic_serializer__.to_json(data)).digest()


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562): milliseconds first, so that rows made together lie together."""
    milliseconds = clock.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    return UUID(int=(value & ~(0x3 << 62)) | (0x2 << 62))


def event_of(
    data: Contract,
    *,
    source: str = "//test",
    id: str | None = None,
    time: datetime | None = None,
    traceparent: str = "",
) -> Event[Contract]:
    """An event around `data`, for callers without a broker."""
    return Event(
        source=source,
        id=id or str(new_id()),
        type=data.TYPE,
        time=time or datetime.now(UTC),
        data=data,
        body_hash=body_hash_of(data),
        subject=data.subject(),
        traceparent=traceparent,
    )
