"""Why a member cannot have a reward, and what cannot be done to one. Attributes are facts that may be shown.

`str()` is English; `chinese()` says the same to people who read Chinese.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

_PERIODS = {"ever": "总共", "day": "每天", "week": "每周", "month": "每月", "year": "每年"}


class RewardRefusedError(Exception):
    """A reason against an order. `code` never changes."""

    code: ClassVar[str] = "refused"

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self._chinese = chinese

    def chinese(self) -> str:
        return self._chinese


class NotPublishedError(RewardRefusedError):
    """Hidden or archived."""

    code = "reward_not_published"

    def __init__(self, reward: str) -> None:
        super().__init__(f"Reward {reward} is not on offer.", "该礼品未上架。")
        self.reward = reward


class NotYetValidError(RewardRefusedError):
    code = "not_yet_valid"

    def __init__(self, reward: str, valid_from: datetime) -> None:
        super().__init__(
            f"Reward {reward} can be ordered from {valid_from.isoformat()} on.",
            f"该礼品将于 {valid_from.isoformat()} 开放兑换。",
        )
        self.reward = reward
        self.valid_from = valid_from


class NoLongerValidError(RewardRefusedError):
    code = "no_longer_valid"

    def __init__(self, reward: str, valid_until: datetime) -> None:
        super().__init__(
            f"Reward {reward} could be ordered before {valid_until.isoformat()}.",
            f"该礼品已于 {valid_until.isoformat()} 结束兑换。",
        )
        self.reward = reward
        self.valid_until = valid_until


class NotForThisTierError(RewardRefusedError):
    code = "not_for_this_tier"

    def __init__(self, reward: str, tier: str, tiers: Sequence[str]) -> None:
        super().__init__(
            f"Reward {reward} is for {', '.join(tiers)}; the member's tier is {tier}.",
            f"该礼品仅限 {'、'.join(tiers)} 等级兑换，会员当前等级为 {tier}。",
        )
        self.reward = reward
        self.tier = tier
        self.tiers = list(tiers)


class NotForThisSegmentError(RewardRefusedError):
    code = "not_for_this_segment"

    def __init__(self, reward: str, segments: Sequence[str]) -> None:
        super().__init__(f"Reward {reward} is for members of {', '.join(segments)}.", "该礼品仅限特定会员群体兑换。")
        self.reward = reward
        self.segments = list(segments)


class LimitReachedError(RewardRefusedError):
    """`limit` pieces per period; `used` of them are taken. It resets at an instant, or never."""

    code = "limit_reached"

    def __init__(self, reward: str, per: str, limit: int, used: int, wanted: int, resets_at: datetime | None) -> None:
        when = f" It resets at {resets_at.isoformat()}." if resets_at else ""
        again = f"，{resets_at.isoformat()} 后重新计算" if resets_at else ""
        super().__init__(
            f"A member may have {limit} of {reward} ({per}); {used} are taken, {wanted} are wanted.{when}",
            f"每位会员{_PERIODS[per]}限兑 {limit} 件，已兑 {used} 件，本次申请 {wanted} 件{again}。",
        )
        self.reward = reward
        self.per = per
        self.limit = limit
        self.used = used
        self.wanted = wanted
        self.resets_at = resets_at


class OutOfStockError(RewardRefusedError):
    code = "out_of_stock"

    def __init__(self, reward: str, stock: int | None, wanted: int) -> None:
        super().__init__(
            f"Of reward {reward} there are {stock or 0} left, {wanted} are wanted.",
            f"库存不足：剩余 {stock or 0} 件，申请 {wanted} 件。",
        )
        self.reward = reward
        self.stock = stock or 0
        self.wanted = wanted


class PointsShortError(RewardRefusedError):
    code = "insufficient_points"

    def __init__(self, member_id: UUID, balance: int, need: int, debt: int) -> None:
        super().__init__(
            f"The member can spend {balance} points, {need} are needed.",
            f"积分不足：可用 {balance}，需要 {need}。",
        )
        self.member_id = member_id
        self.balance = balance
        self.need = need
        self.debt = debt


class PriceOptionUnknownError(RewardRefusedError):
    code = "unknown_price_option"

    def __init__(self, reward: str, option: str, options: Sequence[str]) -> None:
        super().__init__(
            f"Reward {reward} cannot be paid by {option}; there is {', '.join(options) or 'nothing'}.",
            f"该礼品没有“{option}”这种支付方式。",
        )
        self.reward = reward
        self.option = option
        self.options = list(options)


class RewardUnknownError(Exception):
    """No such reward is in the catalogue."""

    def __init__(self, reward: str) -> None:
        super().__init__(f"No reward {reward} is in the catalogue.")
        self.reward = reward


class RewardKeyTakenError(Exception):
    """Another reward has this key."""

    def __init__(self, reward: str) -> None:
        super().__init__(f"There is a reward {reward} already.")
        self.reward = reward


class RewardInvalidError(Exception):
    """A field contradicts another one."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class StockUnlimitedError(Exception):
    """There is nothing to add to or to take from."""

    def __init__(self, reward: str) -> None:
        super().__init__(f"Reward {reward} has no stock that could change: it is unlimited.")
        self.reward = reward


class BadTransitionError(Exception):
    """`from` this state one cannot come `to` that one; `allowed` are those one can come to."""

    def __init__(self, current: str, wanted: str, allowed: Sequence[str]) -> None:
        ways = ", ".join(allowed) or "nothing"
        super().__init__(f"From {current} one cannot come to {wanted}; allowed: {ways}.")
        vars(self).update({"from": current, "to": wanted, "allowed": list(allowed)})  # `from` is a word of Python
