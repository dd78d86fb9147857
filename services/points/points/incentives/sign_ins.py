"""Signing in over HTTP: the activity `sign_in`, whose id is the member and the local day, so that it is done once."""

from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from common.events import Event, event_of
from common.events.activities import ActivityCompleted
from common.storage import Transaction
from common.storage.programme import programme
from points.activities import handlers as activities
from points.merges import finding

SOURCE = "//loyalty/points/sign-ins"
SIGN_IN = "sign_in"


class SignInRefusedError(Exception):
    """The rules for the activity `sign_in` cannot be applied; `reason` is their word for it."""

    def __init__(self, member_id: UUID, reason: str) -> None:
        super().__init__(f"The sign-in was not taken in: {reason}.")
        self.member_id = member_id
        self.reason = reason


async def sign_in(tx: Transaction, member_id: UUID, channel: str | None) -> bool:
    """Sign in for today; False when the member had. Raises MemberUnknownError."""
    member_id, _ = await finding.lock_survivor(tx, member_id)
    day = tx.now.astimezone(ZoneInfo((await programme(tx)).time_zone)).date()
    done = ActivityCompleted(
        activity_id=f"{member_id}:{day.isoformat()}",
        member_id=member_id,
        activity=SIGN_IN,
        occurred_at=tx.now,
        fields={} if channel is None else {"channel": channel},
    )
    event = cast(Event[ActivityCompleted], event_of(done, source=SOURCE, time=tx.now))
    outcomes = await activities.take(tx, [event])
    if any(one.word != "duplicate" and one.reason != "activity_id_reused" for one in outcomes):
        raise SignInRefusedError(member_id, outcomes[0].reason)
    return not outcomes
