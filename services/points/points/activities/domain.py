"""Something a member did besides buying."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from points.accruals.domain import ACTIVITY, Key
from points.cascade.domain import Done
from points.evaluation.occasion import Occasion


class Activity(NamedTuple):
    """It follows the order it names, if any: `taken_back` when that came back wholly, `unmet` while that was not known
    when it came. `member_id` is who did it; after a merge the points may be in another member's wallets. `tier` and
    `rounding` are what it was priced by.
    """

    source: str
    activity_id: str
    member_id: UUID
    activity: str
    fields: Mapping[str, bool | int | str]
    order_source: str
    order_id: str
    tier: str
    rounding: str
    taken_back: bool
    unmet: bool
    occurred_at: datetime
    recorded_at: datetime
    body_hash: bytes

    @property
    def key(self) -> Key:
        return (self.source, self.activity_id)

    @property
    def order(self) -> Key:
        """Empty texts when it names none."""
        return (self.order_source, self.order_id)


def occasion_of(activity: Activity) -> Occasion:
    """The activity as rules see it."""
    return Occasion(
        ACTIVITY,
        activity.source,
        activity.activity_id,
        activity.occurred_at,
        activity=activity.activity,
        fields=activity.fields,
    )


def done_of(activity: Activity, member_id: UUID) -> Done:
    """The activity as those who follow it see it, done by this member."""
    return Done(
        member_id=member_id,
        source=activity.source,
        activity_id=activity.activity_id,
        activity=activity.activity,
        occurred_at=activity.occurred_at,
        fields=activity.fields,
        order_source=activity.order_source,
        order_id=activity.order_id,
    )


def reference_of(activity: Activity) -> str:
    """What its movements in the ledger name: the ledger's order is the one it follows."""
    return activity.activity_id
