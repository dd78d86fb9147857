"""From what speaks against an order, and what cannot be done to one, to problem details."""

from common.http import problem
from points.reward_orders.refusals import (
    AddressNeededError,
    AddressNotNeededError,
    AlreadyUsedError,
    NotCorrectableError,
    OrderUnknownError,
    PaymentTooLateError,
    RequestIdReusedError,
)
from points.reward_tickets.domain import (
    TicketOfOtherRewardError,
    TicketRevokedError,
    TicketUnknownError,
    TicketUsedError,
)
from points.rewards.refusals import (
    BadTransitionError,
    LimitReachedError,
    NoLongerValidError,
    NotForThisSegmentError,
    NotForThisTierError,
    NotPublishedError,
    NotYetValidError,
    OutOfStockError,
    PointsShortError,
    PriceOptionUnknownError,
    RewardInvalidError,
    RewardKeyTakenError,
    RewardUnknownError,
    StockUnlimitedError,
)

PROBLEMS = {
    NotPublishedError: problem(409, NotPublishedError.code, "The reward is not on offer"),
    NotYetValidError: problem(409, NotYetValidError.code, "The reward cannot be ordered yet"),
    NoLongerValidError: problem(409, NoLongerValidError.code, "The reward cannot be ordered any more"),
    NotForThisTierError: problem(409, NotForThisTierError.code, "The reward is for other tiers"),
    NotForThisSegmentError: problem(409, NotForThisSegmentError.code, "The reward is for other members"),
    LimitReachedError: problem(409, LimitReachedError.code, "The member may have no more of it"),
    OutOfStockError: problem(409, OutOfStockError.code, "Not enough in stock"),
    PointsShortError: problem(409, PointsShortError.code, "Not enough points"),
    PriceOptionUnknownError: problem(422, PriceOptionUnknownError.code, "It cannot be paid that way"),
    RewardUnknownError: problem(404, "unknown_reward", "Reward not known"),
    RewardKeyTakenError: problem(409, "reward_key_taken", "There is a reward with this key"),
    RewardInvalidError: problem(422, "bad_reward", "The reward contradicts itself"),
    StockUnlimitedError: problem(409, "stock_unlimited", "The stock is unlimited"),
    BadTransitionError: problem(409, "bad_transition", "From this state it cannot come to that one"),
    OrderUnknownError: problem(404, "unknown_reward_order", "Order not known"),
    RequestIdReusedError: problem(409, "request_id_reused", "The request_id was used for another order"),
    AddressNeededError: problem(422, "address_needed", "An address is needed"),
    AddressNotNeededError: problem(422, "address_not_needed", "No address is needed"),
    PaymentTooLateError: problem(409, "payment_too_late", "The time to pay was over"),
    NotCorrectableError: problem(409, "not_correctable", "In this state it cannot be corrected"),
    AlreadyUsedError: problem(409, "already_used", "What was given out was used"),
    TicketUnknownError: problem(404, "unknown_ticket", "No ticket has this code"),
    TicketUsedError: problem(409, "ticket_used", "The ticket was used"),
    TicketRevokedError: problem(409, "ticket_revoked", "The ticket is not valid any more"),
    TicketOfOtherRewardError: problem(409, "ticket_of_other_reward", "The ticket is for something else"),
}
