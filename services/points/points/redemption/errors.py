"""Why points cannot be redeemed. Attributes are facts that may be shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID


class RedemptionUnknownError(Exception):
    """No such hold or redemption."""

    def __init__(self, redemption_id: UUID | str) -> None:
        super().__init__(f"Redemption {redemption_id} is not known.")
        self.redemption_id = redemption_id


class ReferenceReusedError(Exception):
    """The caller's own key was used for something else before."""

    def __init__(self, source: str, reference: str) -> None:
        super().__init__(f"Reference {reference} of {source} was used before with another body.")
        self.source = source
        self.reference = reference


class NotAllowedPointsError(Exception):
    """Not so many points. `rule`: minimum, step, share_of_order, held, redeemed; `allowed` is its figure."""

    _SENTENCES: ClassVar[dict[str, str]] = {
        "minimum": "at least {allowed} points must be used",
        "step": "points are used in steps of {allowed}",
        "share_of_order": "{allowed} points are the most that this order can still take",
        "held": "{allowed} points are held",
        "redeemed": "{allowed} points can still be given back",
    }

    def __init__(self, rule: str, *, points: int, allowed: int) -> None:
        super().__init__(f"Not {points} points: {self._SENTENCES[rule].format(allowed=allowed)}.")
        self.rule = rule
        self.points = points
        self.allowed = allowed


class LimitReachedError(Exception):
    """A limit of the member. `need` more than `used` would be more than `allowed`; it begins anew at `resets_at`."""

    def __init__(self, limit: str, *, allowed: int, used: int, need: int, resets_at: datetime | None) -> None:
        until = f" until {resets_at.isoformat()}" if resets_at else ""
        super().__init__(
            f"{limit.replace('_', ' ')}: {allowed} allowed, {used} used, {need} more are not possible{until}."
        )
        self.limit = limit
        self.allowed = allowed
        self.used = used
        self.need = need
        self.resets_at = resets_at


class RedemptionStateError(Exception):
    """It is not in a state for this."""

    def __init__(self, redemption_id: UUID, state: str, why: str) -> None:
        super().__init__(f"Redemption {redemption_id} is {state.replace('_', ' ')}: {why}.")
        self.redemption_id = redemption_id
        self.state = state


class HoldExpiredError(Exception):
    """The hold ended before it was confirmed; its points are free again."""

    def __init__(self, redemption_id: UUID, expires_at: datetime) -> None:
        super().__init__(f"The hold {redemption_id} ended at {expires_at.isoformat()}.")
        self.redemption_id = redemption_id
        self.expires_at = expires_at


class UnknownLineError(Exception):
    """The redemption has no such lines."""

    def __init__(self, redemption_id: UUID, lines: Sequence[int]) -> None:
        super().__init__(f"Redemption {redemption_id} has no line {', '.join(map(str, lines))}.")
        self.redemption_id = redemption_id
        self.lines = list(lines)


class OrderAmountError(Exception):
    """The lines do not add up to the order."""

    def __init__(self, amount: int, of_lines: int) -> None:
        super().__init__(f"The order is {amount} minor units, its lines are {of_lines}.")
        self.amount = amount
        self.of_lines = of_lines


class CurrencyMismatchError(Exception):
    """The order is in another currency than the programme."""

    def __init__(self, currency: str, programme_currency: str) -> None:
        super().__init__(f"The order is in {currency}, the programme in {programme_currency}.")
        self.currency = currency
        self.programme_currency = programme_currency


class GrantRequiredError(Exception):
    """So many points need a grant, which members gives for the member's PIN."""

    def __init__(self, *, points: int, pin_above_points: int) -> None:
        super().__init__(f"Above {pin_above_points} points the member's PIN is needed: send a grant of members.")
        self.points = points
        self.pin_above_points = pin_above_points


class GrantRefusedError(Exception):
    """The grant does not allow this; `reason` is one word for it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
