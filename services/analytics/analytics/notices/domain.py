"""Outcomes of notices by day, template, channel and state."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

State = Literal["sent", "failed", "suppressed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFact:
    """An outcome: (`notice_id`, `state`) is its identity, since a notice that failed may be sent later by hand."""

    notice_id: UUID
    state: State
    member_id: UUID
    template: str
    channel: str
    reason: str
    occurred_at: datetime
    day: date
    body_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class NoticeKey:
    """What notices are counted by."""

    day: date
    template: str
    channel: str
    state: str


def folded(changes: Iterable[tuple[NoticeKey, int]]) -> list[tuple[NoticeKey, int]]:
    """One number for each key, sorted; those that come to nothing are left out."""
    counts: Counter[NoticeKey] = Counter()
    for key, number in changes:
        counts[key] += number
    return [(key, counts[key]) for key in sorted(counts) if counts[key]]
