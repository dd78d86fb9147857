"""Why points cannot go from one member to another. Attributes are facts that may be shown."""

from uuid import UUID


class SelfGiftError(Exception):
    """Nobody gives points to oneself (or to whom one was merged with)."""

    def __init__(self, member_id: UUID) -> None:
        super().__init__(f"Member {member_id} cannot give points to itself.")
        self.member_id = member_id


class NotTransferableError(Exception):
    """What this type of wallet holds cannot be given away."""

    def __init__(self, wallet: str) -> None:
        super().__init__(f"What is in wallet {wallet} cannot be given to others.")
        self.wallet = wallet


class GiftsClosedError(Exception):
    """The programme does not let members give points."""

    def __init__(self) -> None:
        super().__init__("This programme does not let members give points to one another.")


class GiftSizeError(Exception):
    """So many points cannot be given at once. `rule`: minimum or maximum."""

    def __init__(self, rule: str, *, points: int, allowed: int) -> None:
        word = "at least" if rule == "minimum" else "at most"
        super().__init__(f"Not {points} points: {word} {allowed} are given at once.")
        self.rule = rule
        self.points = points
        self.allowed = allowed


class GiftUnknownError(Exception):
    """No such gift."""

    def __init__(self, gift_id: UUID) -> None:
        super().__init__(f"Gift {gift_id} is not known.")
        self.gift_id = gift_id


class GiftGoneError(Exception):
    """The recipient has nothing left of it."""

    def __init__(self, gift_id: UUID) -> None:
        super().__init__(f"Nothing of gift {gift_id} is left to take back.")
        self.gift_id = gift_id
