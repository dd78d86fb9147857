"""From an error of adjustments to problem details."""

from common.http import problem
from points.adjustments.errors import (
    AdjustmentStateError,
    AdjustmentUnknownError,
    DebtTooSmallError,
    ExpiryPassedError,
    ReasonUnknownError,
    SecondPersonError,
)

PROBLEMS = {
    AdjustmentUnknownError: problem(404, "unknown_adjustment", "Adjustment not known"),
    AdjustmentStateError: problem(409, "adjustment_state", "The adjustment is not in a state for that"),
    SecondPersonError: problem(403, "second_person_needed", "Somebody else must approve it"),
    ReasonUnknownError: problem(422, "unknown_reason", "The policy does not know this reason"),
    ExpiryPassedError: problem(422, "expiry_passed", "The points would have expired already"),
    DebtTooSmallError: problem(409, "debt_too_small", "Not so much is owed"),
}
