"""A job that gives many members one coupon each: its states and who may change them. Pure."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

MEMBERS, ALL, TIER, SEGMENT = "members", "all", "tier", "segment"
COLLECTING, RUNNING, PAUSED, CANCELLED, DONE, FAILED = (
    *("collecting", "running", "paused", "cancelled", "done", "failed"),
)

MOVES = {
    "start": {COLLECTING: RUNNING},
    "pause": {RUNNING: PAUSED},
    "resume": {PAUSED: RUNNING, FAILED: RUNNING},
    "cancel": {COLLECTING: CANCELLED, RUNNING: CANCELLED, PAUSED: CANCELLED, FAILED: CANCELLED},
}
HOPELESS = frozenset({"unknown_template", "template_not_active", "template_ended", "pool_empty"})
"""Refusals that hold for every further member too: the job stops and says so, and can be resumed when it is mended."""


class Batch(NamedTuple):
    """`chosen` is the tier or segment; `reached` the last member that was looked at. Sums: issued + failed."""

    batch_id: UUID
    template: str
    audience: str
    chosen: str
    state: str
    total: int
    issued: int
    failed: int
    reached: UUID | None
    why: str
    created_at: datetime
    created_by: str
    changed_at: datetime


class BatchUnknownError(Exception):
    """No job has this id."""

    def __init__(self, batch_id: UUID) -> None:
        super().__init__(f"No coupon batch {batch_id} is known.")
        self.batch_id = batch_id


class BatchStateError(Exception):
    """The job's state does not allow this."""

    def __init__(self, batch_id: UUID, state: str, move: str) -> None:
        super().__init__(f"Coupon batch {batch_id} is {state}: it cannot {move}.")
        self.batch_id = batch_id
        self.state = state
        self.move = move


class BatchFullError(Exception):
    """The list would have more members than a job may have."""

    def __init__(self, batch_id: UUID, members: int, limit: int) -> None:
        super().__init__(f"Coupon batch {batch_id} would have {members} members, at most {limit} are allowed.")
        self.batch_id = batch_id
        self.members = members
        self.limit = limit


def moved(batch: Batch, move: str) -> Batch:
    """After start, pause, resume or cancel. Raises BatchStateError."""
    state = MOVES[move].get(batch.state)
    if state is None:
        raise BatchStateError(batch.batch_id, batch.state, move)
    return batch._replace(state=state, why="" if state == RUNNING else batch.why)
