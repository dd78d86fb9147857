"""What can go wrong when people ask. Attributes are facts that may be shown."""

from uuid import UUID


class MemberUnknownError(Exception):
    """No member with this id is known here."""

    def __init__(self, member_id: UUID) -> None:
        super().__init__(f"Member {member_id} is not known here.")
        self.member_id = member_id


class PurchaseUnknownError(Exception):
    """No such purchase has been recorded."""

    def __init__(self, source: str, order_id: str) -> None:
        super().__init__(f"No purchase {order_id} of {source} has been recorded.")
        self.source = source
        self.order_id = order_id


class PersonalDataClosedError(Exception):
    """This process was given no master key, so it can neither seal nor open personal data."""

    def __init__(self) -> None:
        super().__init__("Personal data cannot be kept here: MASTER_KEYS is not set.")


class InsufficientPointsError(Exception):
    """A member cannot spend so many points. `balance` is what can be spent now, `debt` what is owed."""

    def __init__(self, member_id: UUID, wallet: str, *, balance: int, need: int, debt: int) -> None:
        super().__init__(f"{need} points of wallet {wallet} are needed, {balance} can be spent, {debt} are owed.")
        self.member_id = member_id
        self.wallet = wallet
        self.balance = balance
        self.need = need
        self.debt = debt


class WalletNotSpendableError(Exception):
    """What this type of wallet holds is not for spending (growth value)."""

    def __init__(self, member_id: UUID, wallet: str) -> None:
        super().__init__(f"What is in wallet {wallet} cannot be spent.")
        self.member_id = member_id
        self.wallet = wallet


class MoreThanTakenError(Exception):
    """More points were to be given back than the debit `sequence` took and still has."""

    def __init__(
        self, member_id: UUID, wallet: str, *, sequence: int, points: int, taken: int, given_back: int
    ) -> None:
        super().__init__(
            f"{points} points cannot be given back: {taken} were taken, {given_back} were given back before."
        )
        self.member_id = member_id
        self.wallet = wallet
        self.sequence = sequence
        self.points = points
        self.taken = taken
        self.given_back = given_back


class WalletTypeUnknownError(Exception):
    """No type of wallet with this key was configured, nor is it built in."""

    def __init__(self, wallet: str) -> None:
        super().__init__(f"There is no type of wallet {wallet}.")
        self.wallet = wallet


class ReturnUnknownError(Exception):
    """No such return has been recorded."""

    def __init__(self, source: str, return_id: str) -> None:
        super().__init__(f"No return {return_id} of {source} has been recorded.")
        self.source = source
        self.return_id = return_id


class ReturnNotInReviewError(Exception):
    """The return is not, or no longer, for people to decide."""

    def __init__(self, source: str, return_id: str, state: str) -> None:
        super().__init__(f"Return {return_id} of {source} is {state}, not in review.")
        self.source = source
        self.return_id = return_id
        self.state = state


class TooManyPointsError(Exception):
    """Priced again, an occasion would earn more than any may: a rule is a mistake, and nothing is corrected."""

    def __init__(self, source: str, occasion_id: str, points: int) -> None:
        super().__init__(f"{occasion_id} of {source} would earn {points} points, which are more than one may earn.")
        self.source = source
        self.occasion_id = occasion_id
        self.points = points


class ActivityRefusedError(Exception):
    """An activity cannot be taken in; `reason` is a code: absurd_time, activity_id_reused, too_many_points."""

    def __init__(self, source: str, activity_id: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.source = source
        self.activity_id = activity_id
        self.reason = reason
