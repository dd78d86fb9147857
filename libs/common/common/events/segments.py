"""Which members belong together, told by whoever decides it. The highest revision of a member and segment holds."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.events.contract import Contract, Instant, Key


class SegmentMembership(Contract):
    """A member and a segment; `revision` grows with each change of the two."""

    member_id: UUID
    segment: Key
    revision: int = Field(ge=1)
    occurred_at: Instant

    def subject(self) -> str:
        return str(self.member_id)


class SegmentEntered(SegmentMembership):
    """From `occurred_at` on the member is in the segment."""

    TYPE: ClassVar[str] = "segment.entered.v1"


class SegmentLeft(SegmentMembership):
    """From `occurred_at` on the member is not in the segment."""

    TYPE: ClassVar[str] = "segment.left.v1"
