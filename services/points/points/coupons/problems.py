"""From domain error to problem details, for all coupon subjects."""

from common.http import problem
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

PROBLEMS = {
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
