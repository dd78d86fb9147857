"""What can go wrong when a what-if is asked for."""

from datetime import datetime
from uuid import UUID


class WhatIfUnknownError(Exception):
    """No such what-if was asked."""

    def __init__(self, what_if_id: UUID) -> None:
        super().__init__(f"No what-if {what_if_id} was asked.")
        self.what_if_id = what_if_id


class WhatIfOverError(Exception):
    """Only what waits or runs can be cancelled."""

    def __init__(self, what_if_id: UUID, state: str) -> None:
        super().__init__(f"The what-if is {state}; only one that waits or runs can be cancelled.")
        self.what_if_id = what_if_id
        self.state = state


class EmptyRangeError(Exception):
    """Nothing can have occurred in this time."""

    def __init__(self, occurred_from: datetime, occurred_until: datetime) -> None:
        super().__init__(f"Nothing occurs from {occurred_from.isoformat()} on and before {occurred_until.isoformat()}.")


class NothingChangedError(Exception):
    """A what-if without any difference to the published rules tells nothing."""

    def __init__(self) -> None:
        super().__init__("Name at least one rule, draft, or rule to leave out.")
