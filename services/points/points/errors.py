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
