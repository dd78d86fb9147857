"""From domain error to problem details."""

from common.http import problem
from common.security.cipher import PersonalDataErasedError
from points.adjustments.problems import PROBLEMS as ADJUSTMENT_PROBLEMS
from points.coupon_batches.domain import BatchFullError, BatchStateError, BatchUnknownError
from points.coupon_checkout.refusals import CartCurrencyError, LockEndedError, OrderUsedError, OrderWithoutCouponsError
from points.coupon_pools.domain import BadCodesError, BatchReusedError, CsvError, PoolExistsError, PoolUnknownError
from points.coupon_templates.domain import PoolOfTemplateUnknownError, TemplateExistsError, TemplateStateError
from points.coupons.refusals import (
    CouponMemberUnknownError,
    CouponStateError,
    CouponUnknownError,
    IssueLimitError,
    PoolEmptyError,
    TemplateEndedError,
    TemplateNotActiveError,
    TemplateUnknownError,
)
from points.errors import (
    ActivityRefusedError,
    InsufficientPointsError,
    MemberUnknownError,
    MoreThanTakenError,
    PersonalDataClosedError,
    PurchaseUnknownError,
    ReturnNotInReviewError,
    ReturnUnknownError,
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
from points.simulation.errors import NothingChangedError, WhatIfOverError, WhatIfUnknownError

PROBLEMS = {
    MemberUnknownError: problem(404, "unknown_member", "Member not known"),
    PurchaseUnknownError: problem(404, "unknown_purchase", "Purchase not known"),
    ReturnUnknownError: problem(404, "unknown_return", "Return not known"),
    ReturnNotInReviewError: problem(409, "return_not_in_review", "The return is not in review"),
    ActivityRefusedError: problem(409, "activity_refused", "The activity cannot be taken in"),
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
    NothingChangedError: problem(422, "nothing_changed", "The what-if changes nothing"),
    **REWARD_PROBLEMS,
    **REDEMPTION_PROBLEMS,
    **ADJUSTMENT_PROBLEMS,
    **GIFT_PROBLEMS,
    **MERGE_PROBLEMS,
    **RECEIPT_PROBLEMS,
    **INCENTIVE_PROBLEMS,
    TemplateUnknownError: problem(404, "unknown_template", "Coupon template not known"),
    TemplateExistsError: problem(409, "template_exists", "A coupon template with this key is there"),
    TemplateStateError: problem(409, "template_state", "The coupon template's state does not allow this"),
    TemplateNotActiveError: problem(409, "template_not_active", "The coupon template issues nothing now"),
    TemplateEndedError: problem(409, "template_ended", "The coupon template's window has ended"),
    PoolOfTemplateUnknownError: problem(409, "unknown_pool", "The template's pool of codes is not there"),
    IssueLimitError: problem(409, "issue_limit_reached", "No more coupons of this template may be issued"),
    PoolEmptyError: problem(409, "pool_empty", "The pool has no code left"),
    PoolUnknownError: problem(404, "unknown_pool", "Pool of codes not known"),
    PoolExistsError: problem(409, "pool_exists", "A pool with this key is there"),
    BatchReusedError: problem(409, "pool_batch_reused", "This batch was imported before with other codes"),
    BadCodesError: problem(409, "codes_not_accepted", "Some codes cannot be imported, so none was"),
    CsvError: problem(422, "csv_not_readable", "The CSV cannot be read"),
    CouponMemberUnknownError: problem(404, "unknown_member", "Member not known"),
    CouponUnknownError: problem(404, "unknown_coupon", "Coupon not known"),
    CouponStateError: problem(409, "coupon_state", "The coupon's state does not allow this"),
    CartCurrencyError: problem(409, "currency_mismatch", "The cart is not in the programme's currency"),
    OrderUsedError: problem(409, "order_used", "Coupons were used on this order"),
    OrderWithoutCouponsError: problem(404, "unknown_order", "No coupon is on this order"),
    LockEndedError: problem(409, "lock_ended", "The order's lock has ended"),
    BatchUnknownError: problem(404, "unknown_coupon_batch", "Coupon batch not known"),
    BatchStateError: problem(409, "coupon_batch_state", "The coupon batch's state does not allow this"),
    BatchFullError: problem(409, "coupon_batch_full", "The coupon batch's list is too long"),
}
