"""What members do besides buying: signing in, completing a profile, rating, sharing, bringing a friend.

An activity is known by (CloudEvents `source`, `activity_id`).
"""

from typing import ClassVar
from uuid import UUID

from pydantic import Field, StrictBool

from common.events.contract import Contract, Instant, Key

FieldValue = StrictBool | int | Key
"""What a field may hold: yes or no, a whole number (1.0 is one, too), a word of 1 to 200 characters."""


class ActivityCompleted(Contract):
    """A member did something. What it earned follows the order it names, when that is wholly returned."""

    TYPE: ClassVar[str] = "activity.completed.v1"

    activity_id: Key
    member_id: UUID
    activity: Key = Field(
        description="The kind: `sign_in`, `profile_completed`, `review_written`, `referral_rewarded` …"
    )
    occurred_at: Instant
    fields: dict[Key, FieldValue] = Field(default={}, max_length=50)
    order_source: Key | None = None
    order_id: Key | None = None

    def subject(self) -> str:
        return self.activity_id
