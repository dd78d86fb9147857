"""Says in people's words what moved points and why, in Chinese and English. Pure."""

from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from points.ledger.domain import DEBT, WALLET, Transfer

ZH: Final = "zh-CN"
EN: Final = "en"
INCENTIVES = "//loyalty/points/incentives"
MAKE_UP = "make_up"

_TEXTS: dict[str, tuple[str, str]] = {
    "earned": ("消费{order}获得积分", "Earned with purchase{order}"),
    "done": ("活动{reference} 获得积分{of_order}", "Earned with activity{reference}{of_order}"),
    "done_anew": ("活动{reference} 积分更正", "Activity{reference} was priced anew"),
    "rewarded": ("活动奖励{for_name}", "Reward{for_name}"),
    "made_up": ("补签{for_name}", "Day made up{for_name}"),
    "make_up_returned": ("退回补签积分{for_name}", "Given back for a day made up{for_name}"),
    "clawed_back": ("退货{reference}扣回积分{of_order}", "Taken back for return{reference}{of_order}"),
    "owed": ("退货{reference}应扣积分不足，记为欠分", "Owed for return{reference}: the points were spent"),
    "written_off": ("退货{reference}应扣积分不足，已核销", "Written off for return{reference}: the points were spent"),
    "repriced": ("订单{order}积分更正", "Purchase{order} was priced anew"),
    "debt_repaid": ("偿还欠分", "Repaid points that were owed"),
    "released": ("待生效积分已可用{of_order}", "Points that waited can be spent{of_order}"),
    "expired": ("积分到期", "Expired"),
    "unexpired": ("到期积分因退货冲回{of_order}", "Expiry undone for a return{of_order}"),
    "reserved": ("积分预留{for_name}", "Held{for_name}"),
    "hold_ended": ("预留积分退回{for_name}", "No longer held{for_name}"),
    "redeemed": ("使用积分{for_name}", "Spent{for_name}"),
    "redemption_cancelled": ("退回已用积分{for_name}", "Given back{for_name}"),
    "given_back": ("退回已用积分{for_name}", "Given back{for_name}"),
    "reward_cancelled": ("退回已用积分{for_name}", "Given back{for_name}"),
    "adjusted": ("人工调整：{reason}{note}", "Adjusted: {reason}{note}"),
    "adjustment_reversed": ("撤销人工调整：{reason}{note}", "Adjustment reversed: {reason}{note}"),
    "debt_written_off": ("欠分核销：{reason}{note}", "Debt written off: {reason}{note}"),
    "gift_given": ("赠送给会员 {other}{note}", "Given to member {other}{note}"),
    "gift_received": ("收到会员 {member} 赠送{note}", "Given by member {member}{note}"),
    "gift_undone": ("赠送已撤销{note}", "The gift was undone{note}"),
    "merged_away": ("并入会员 {member}", "Moved to member {member}: the two are one person"),
    "merged_in": ("会员 {other} 并入", "From member {other}: the two are one person"),
    "merge_undone": ("会员合并已撤销", "The merge was undone"),
}
_OTHER = ("积分变动（{kind}）{for_name}", "Moved ({kind}){for_name}")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a movement comes from: its kind and id, and what a text needs of it; "" for what it has not."""

    kind: str
    id: UUID
    member: UUID | None = None
    other: UUID | None = None
    name_zh: str = ""
    name_en: str = ""
    reason: str = ""
    note: str = ""


class Incentive(NamedTuple):
    """A streak, task, badge or draw that moved points, and the day of a streak."""

    kind: str
    key: str
    day: str = ""
    name_zh: str = ""
    name_en: str = ""

    @property
    def defined(self) -> tuple[str, str]:
        """Kind and key of its definition."""
        return ("streak" if self.kind == MAKE_UP else self.kind, self.key)

    def called(self, zh: bool) -> str:
        return " ".join(filter(None, [(self.name_zh if zh else self.name_en) or self.key, self.day]))


def word_of(one: Transfer) -> str:
    """Where a movement says which incentive it is of; "" for others."""
    if one.order_source == INCENTIVES:
        return one.order_id
    return one.reference if one.reference.startswith(f"{MAKE_UP}:") else ""


def occasion_of(word: str) -> Incentive | None:
    """The incentive in a word such as `streak:daily:2025-03-01`, `task:first:…`, `draw:<play>`; None in another one."""
    kind, _, rest = word.partition(":")
    key, _, more = rest.partition(":")
    return Incentive(kind, key, more if kind in ("streak", MAKE_UP) else "") if key else None


def text_of(one: Transfer, origin: Origin | None, locale: str, incentive: Incentive | None = None) -> str:
    """One movement in a sentence for the member."""
    zh = locale == ZH
    template = _TEXTS.get(_kind(one), _OTHER)[0 if zh else 1]
    name = (origin.name_zh if zh else origin.name_en) if origin else incentive.called(zh) if incentive else ""
    note = origin.note if origin else ""
    return template.format(
        kind=one.kind,
        order=f" {one.order_id}" if one.order_id else "",
        reference=f" {one.reference}" if one.reference else "",
        of_order=_of_order(one, zh),
        for_name=(f"（{name}）" if zh else f" for {name}") if name else "",
        reason=origin.reason if origin else "",
        note=(f"（{note}）" if zh else f" ({note})") if note else "",
        member=origin.member if origin else "",
        other=origin.other if origin else "",
    )


def _of_order(one: Transfer, zh: bool) -> str:
    if not one.order_id:
        return ""
    return f"（订单 {one.order_id}）" if zh else f" (purchase {one.order_id})"


def _kind(one: Transfer) -> str:
    if one.kind == "shortfall":
        return "owed" if one.from_account == DEBT else "written_off"
    if one.order_source == INCENTIVES and one.kind in ("earned", "repriced") and one.to_account != DEBT:
        return "rewarded" if one.to_account in (WALLET, "pending") else one.kind
    if one.reference and one.kind in ("earned", "repriced"):  # purchases name nothing but their order
        return "done" if one.kind == "earned" else "done_anew"
    if one.reference.startswith(f"{MAKE_UP}:"):
        return {"redeemed": "made_up", "given_back": "make_up_returned"}.get(one.kind, one.kind)
    return one.kind
