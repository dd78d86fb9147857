"""From an error of redemptions to problem details."""

from common.http import problem
from common.security.grants import GrantError
from points.redemption.errors import (
    CurrencyMismatchError,
    GrantRefusedError,
    GrantRequiredError,
    HoldExpiredError,
    LimitReachedError,
    NotAllowedPointsError,
    OrderAmountError,
    RedemptionStateError,
    RedemptionUnknownError,
    ReferenceReusedError,
    UnknownLineError,
)

PROBLEMS = {
    RedemptionUnknownError: problem(404, "unknown_redemption", "Redemption not known"),
    RedemptionStateError: problem(409, "redemption_state", "The redemption is not in a state for that"),
    HoldExpiredError: problem(409, "hold_expired", "The hold has ended"),
    ReferenceReusedError: problem(409, "reference_reused", "The reference was used for something else"),
    NotAllowedPointsError: problem(409, "points_not_allowed", "So many points are not allowed"),
    LimitReachedError: problem(409, "limit_reached", "A limit is reached"),
    UnknownLineError: problem(422, "unknown_line", "The redemption has no such line"),
    OrderAmountError: problem(422, "order_amount", "The lines do not add up to the order"),
    CurrencyMismatchError: problem(422, "currency_mismatch", "The order is in another currency"),
    GrantRequiredError: problem(403, "grant_required", "The member's PIN is needed"),
    GrantRefusedError: problem(403, "grant_refused", "The grant does not allow this"),
    GrantError: problem(403, "grant_refused", "The grant does not allow this"),
}
