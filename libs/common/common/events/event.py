"""An event as handlers see it: a CloudEvents 1.0 envelope around one contract."""

import hashlib
import os
import random
import time as clock
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from common.events.contract import Contract

_random = random.Random(os.urandom(16))

T_co = TypeVar("T_co", bound=Contract, covariant=True)


@dataclass(slots=True, kw_only=True)  # frozen would double the time it takes to make one
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
    """SHA-256 over the payload's canonical JSON: field order, white space and unknown fields do not count.

    Fields that have their default are left out, so that a message keeps its hash when its contract gains a field.
    """
    return hashlib.sha256(data.__pydantic_serializer__.to_json(data, exclude_defaults=True)).digest()


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562): milliseconds first, so that rows made together lie together."""
    milliseconds = clock.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    return UUID(int=(value & ~(0x3 << 62)) | (0x2 << 62))


def new_event_id() -> str:
    """The text of a UUID version 7, made for thousands a second: unique, but no secret."""
    value = (clock.time_ns() // 1_000_000 << 80) | _random.getrandbits(80)
    digits = f"{value:032x}"
    variant = "89ab"[value >> 60 & 3]
    return f"{digits[:8]}-{digits[8:12]}-7{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


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
        id=id or new_event_id(),
        type=data.TYPE,
        time=time or datetime.now(UTC),
        data=data,
        body_hash=body_hash_of(data),
        subject=data.subject(),
        traceparent=traceparent,
    )
