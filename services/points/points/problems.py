"""From domain error to problem details."""

from common.http import problem
from common.security.cipher import PersonalDataErasedError
from points.errors import (
    InsufficientPointsError,
    MemberUnknownError,
    MoreThanTakenError,
    PersonalDataClosedError,
    PurchaseUnknownError,
    WalletNotSpendableError,
    WalletTypeUnknownError,
)
from points.rules.domain import DraftUnknownError, RuleStateError, RuleUnknownError

PROBLEMS = {
    MemberUnknownError: problem(404, "unknown_member", "Member not known"),
    PurchaseUnknownError: problem(404, "unknown_purchase", "Purchase not known"),
    InsufficientPointsError: problem(409, "insufficient_points", "Not enough points"),
    WalletNotSpendableError: problem(409, "wallet_not_spendable", "What this wallet holds cannot be spent"),
    MoreThanTakenError: problem(409, "more_than_taken", "More points were to be given back than were taken"),
    WalletTypeUnknownError: problem(404, "unknown_wallet_type", "Type of wallet not known"),
    PersonalDataErasedError: problem(410, "personal_data_erased", "The personal data was erased"),
    PersonalDataClosedError: problem(503, "personal_data_closed", "Personal data cannot be kept here"),
    RuleUnknownError: problem(404, "unknown_rule", "Rule not known"),
    DraftUnknownError: problem(404, "unknown_draft", "The rule has no draft"),
    RuleStateError: problem(409, "rule_state", "The rule is not in a state for that"),
}
