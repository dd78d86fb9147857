"""From domain error to problem details."""

from common.http import problem
from points.errors import MemberUnknownError, PurchaseUnknownError
from points.rules.domain import MultiplierError

PROBLEMS = {
    MemberUnknownError: problem(404, "unknown_member", "Member not known"),
    PurchaseUnknownError: problem(404, "unknown_purchase", "Purchase not known"),
    MultiplierError: problem(422, "bad_multiplier", "A tier multiplier is not a decimal number"),
}
