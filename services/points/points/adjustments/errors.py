"""Why people cannot correct a wallet so. Attributes are facts that may be shown."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID


class AdjustmentUnknownError(Exception):
    """No such adjustment."""

    def __init__(self, adjustment_id: UUID) -> None:
        super().__init__(f"Adjustment {adjustment_id} is not known.")
        self.adjustment_id = adjustment_id


class AdjustmentStateError(Exception):
    """It is not in a state for this."""

    def __init__(self, adjustment_id: UUID, state: str, why: str) -> None:
        super().__init__(f"Adjustment {adjustment_id} is {state}: {why}.")
        self.adjustment_id = adjustment_id
        self.state = state


class SecondPersonError(Exception):
    """Who asked for an adjustment cannot approve it."""

    def __init__(self, adjustment_id: UUID, asked_by: str) -> None:
        super().__init__(f"Adjustment {adjustment_id} was asked for by {asked_by}: somebody else must approve it.")
        self.adjustment_id = adjustment_id
        self.asked_by = asked_by


class ReasonUnknownError(Exception):
    """The policy does not know this reason."""

    def __init__(self, reason: str, known: Sequence[str]) -> None:
        super().__init__(f"{reason} is no reason here; there are {', '.join(known)}.")
        self.reason = reason
        self.known = list(known)


class ExpiryPassedError(Exception):
    """The points would have expired before they came."""

    def __init__(self, expires_at: datetime) -> None:
        super().__init__(f"Points cannot expire at {expires_at.isoformat()}: that has passed.")
        self.expires_at = expires_at


class DebtTooSmallError(Exception):
    """More debt was to be written off than there is."""

    def __init__(self, member_id: UUID, wallet: str, *, points: int, debt: int) -> None:
        super().__init__(f"{points} points cannot be written off: {debt} are owed in wallet {wallet}.")
        self.member_id = member_id
        self.wallet = wallet
        self.points = points
        self.debt = debt
