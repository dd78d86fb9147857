"""From domain error to problem details."""

from common.http import problem
from common.security.cipher import PersonalDataErasedError
from points.adjustments.problems import PROBLEMS as ADJUSTMENT_PROBLEMS
from points.coupons.problems import PROBLEMS as COUPON_PROBLEMS
from points.errors import (
    ActivityRefusedError,
    InsufficientPointsError,
    MemberUnknownError,
    MoreThanTakenError,
    PersonalDataClosedError,
    PurchaseUnknownError,
    ReturnNotInReviewError,
    ReturnUnknownError,
    TooManyPointsError,
    WalletNotSpendableError,
    WalletTypeUnknownError,
)
from points.gifts.problems import PROBLEMS as GIFT_PROBLEMS
from points.incentives.problems import INCENTIVE_PROBLEMS
from points.merges.problems import PROBLEMS as MERGE_PROBLEMS
from points.receipts.problems import PROBLEMS as RECEIPT_PROBLEMS
from points.redemption.problems import PROBLEMS as REDEMPTION_PROBLEMS
from points.reports.handlers import RangeError
from points.rewards.problems import PROBLEMS as REWARD_PROBLEMS
from points.rules.domain import DraftUnknownError, RuleStateError, RuleUnknownError
from points.simulation.errors import EmptyRangeError, NothingChangedError, WhatIfOverError, WhatIfUnknownError

PROBLEMS = {
    MemberUnknownError: problem(404, "unknown_member", "Member not known"),
    PurchaseUnknownError: problem(404, "unknown_purchase", "Purchase not known"),
    ReturnUnknownError: problem(404, "unknown_return", "Return not known"),
    ReturnNotInReviewError: problem(409, "return_not_in_review", "The return is not in review"),
    ActivityRefusedError: problem(409, "activity_refused", "The activity cannot be taken in"),
    TooManyPointsError: problem(409, "too_many_points", "An order or activity would earn too many points"),
    InsufficientPointsError: problem(409, "insufficient_points", "Not enough points"),
    WalletNotSpendableError: problem(409, "wallet_not_spendable", "What this wallet holds cannot be spent"),
    MoreThanTakenError: problem(409, "more_than_taken", "More points were to be given back than were taken"),
    WalletTypeUnknownError: problem(404, "unknown_wallet_type", "Type of wallet not known"),
    PersonalDataErasedError: problem(410, "personal_data_erased", "The personal data was erased"),
    PersonalDataClosedError: problem(503, "personal_data_closed", "Personal data cannot be kept here"),
    RuleUnknownError: problem(404, "unknown_rule", "Rule not known"),
    DraftUnknownError: problem(404, "unknown_draft", "The rule has no draft"),
    RuleStateError: problem(409, "rule_state", "The rule is not in a state for that"),
    RangeError: problem(422, "bad_range", "These days cannot be asked for"),
    WhatIfUnknownError: problem(404, "unknown_what_if", "What-if not known"),
    WhatIfOverError: problem(409, "what_if_over", "The what-if is over"),
    EmptyRangeError: problem(422, "empty_range", "The what-if has no time to look at"),
    NothingChangedError: problem(422, "nothing_changed", "The what-if changes nothing"),
    **REWARD_PROBLEMS,
    **REDEMPTION_PROBLEMS,
    **ADJUSTMENT_PROBLEMS,
    **GIFT_PROBLEMS,
    **MERGE_PROBLEMS,
    **RECEIPT_PROBLEMS,
    **INCENTIVE_PROBLEMS,
    **COUPON_PROBLEMS,
}
