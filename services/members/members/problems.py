"""Domain errors and the answers they become."""

from common.http import problem
from common.security.cipher import PersonalDataErasedError
from members.clients.domain import ClientExistsError, ClientInvalidError, ClientNotFoundError, ClientStaleError
from members.pins.domain import (
    MemberNotActiveError,
    PinLockedError,
    PinNeededError,
    PinNotSetError,
    PinWeakError,
    PinWrongError,
)
from members.programme.domain import CurrencyInUseError, ProgrammeInvalidError, ProgrammeStaleError
from members.purchases.domain import PurchaseNotFoundError
from members.registry.domain import (
    IdentityTakenError,
    MemberInvalidError,
    MemberNotFoundError,
    MemberStaleError,
    RevisionNeededError,
)
from members.signing.handlers import NoSigningKeyError
from members.staff.domain import (
    LOCKED_FOR,
    AccountLockedError,
    LastAdminError,
    LoginRefusedError,
    PasswordWeakError,
    StaffExistsError,
    StaffNotFoundError,
    StaffStaleError,
)
from members.submissions.domain import (
    OrderReusedError,
    PurchaseRefusedError,
    ReturnReusedError,
    SourceNeededError,
    SourceNotYoursError,
)
from members.tiers.handlers import NoTierRulesError

_STALE = problem(412, "stale", "Changed by somebody else in the meantime")

PROBLEMS = {
    ProgrammeStaleError: _STALE,
    ProgrammeInvalidError: problem(422, "programme_invalid", "These settings contradict one another"),
    CurrencyInUseError: problem(409, "currency_in_use", "The currency cannot be changed any more"),
    MemberNotFoundError: problem(404, "member_not_found", "No such member"),
    MemberStaleError: _STALE,
    MemberInvalidError: problem(422, "member_invalid", "The member cannot be kept like this"),
    RevisionNeededError: problem(428, "revision_needed", "A change needs the revision it is based on"),
    IdentityTakenError: problem(409, "identity_taken", "Another member is known by this already"),
    PersonalDataErasedError: problem(410, "personal_data_erased", "The personal data was erased"),
    MemberNotActiveError: problem(409, "member_not_active", "The member may not do this now"),
    PinWeakError: problem(422, "pin_weak", "Another PIN is needed"),
    PinNotSetError: problem(409, "pin_not_set", "There is no PIN"),
    PinNeededError: problem(409, "pin_needed", "The PIN before is needed"),
    PinWrongError: problem(403, "pin_wrong", "The PIN is wrong"),
    PinLockedError: problem(423, "pin_locked", "Locked for a while"),
    NoTierRulesError: problem(503, "not_seeded", "The database is not prepared yet", retry_after_seconds=30),
    PurchaseNotFoundError: problem(404, "purchase_not_found", "No such purchase"),
    PurchaseRefusedError: problem(422, "purchase_refused", "This will never be taken"),
    OrderReusedError: problem(409, "order_id_reused", "The same number came before with another body"),
    ReturnReusedError: problem(409, "return_id_reused", "The same number came before with another body"),
    SourceNeededError: problem(422, "source_needed", "The source is missing"),
    SourceNotYoursError: problem(403, "source_not_yours", "Another source's purchases"),
    ClientNotFoundError: problem(404, "client_not_found", "No such client"),
    ClientExistsError: problem(409, "client_exists", "The client exists already"),
    ClientStaleError: _STALE,
    ClientInvalidError: problem(422, "client_invalid", "A client cannot be like this"),
    NoSigningKeyError: problem(503, "not_seeded", "The database is not prepared yet", retry_after_seconds=30),
    StaffNotFoundError: problem(404, "staff_not_found", "No such staff account"),
    StaffExistsError: problem(409, "staff_exists", "The e-mail address is taken"),
    StaffStaleError: _STALE,
    LastAdminError: problem(409, "last_admin", "Somebody must stay admin"),
    PasswordWeakError: problem(422, "password_weak", "Another password is needed"),
    LoginRefusedError: problem(401, "login_refused", "Not let in"),
    AccountLockedError: problem(
        423, "account_locked", "Locked for a while", retry_after_seconds=int(LOCKED_FOR.total_seconds())
    ),
}
