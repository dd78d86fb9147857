"""From domain error to problem details."""

from common.http import problem
from common.security.cipher import PersonalDataErasedError
from points.errors import MemberUnknownError, PersonalDataClosedError, PurchaseUnknownError
from points.rules.domain import MultiplierError

PROBLEMS = {
    MemberUnknownError: problem(404, "unknown_member", "Member not known"),
    PurchaseUnknownError: problem(404, "unknown_purchase", "Purchase not known"),
    PersonalDataErasedError: problem(410, "personal_data_erased", "The personal data was erased"),
    PersonalDataClosedError: problem(503, "personal_data_closed", "Personal data cannot be kept here"),
    MultiplierError: problem(422, "bad_multiplier", "A tier multiplier is not a decimal number"),
}
