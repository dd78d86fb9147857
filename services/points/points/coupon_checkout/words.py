"""Why a coupon does not apply, for people: in Chinese and English, with the figures. Pure."""

from collections.abc import Mapping

from points.evaluation.texts import money

_WORDS = {
    "code_unknown": ("没有这个券码", "There is no coupon with this code."),
    "code_mistyped": ("券码输入有误，请核对", "The code has a typing error: please check it."),
    "coupon_unknown": ("会员没有这张券", "The member has no such coupon."),
    "given_twice": ("同一张券提交了两次", "This coupon was given twice."),
    "not_yours": ("此券仅限领取的会员本人使用", "Only the member it was issued to may use this coupon."),
    "expired": ("券已于 {expired_at} 过期", "The coupon expired at {expired_at}."),
    "locked": ("券已被另一订单占用", "The coupon is reserved for another order."),
    "already_used": ("券已使用", "The coupon was used."),
    "revoked": ("券已被收回", "The coupon was taken back."),
    "not_yet_valid": ("券自 {valid_from} 起可用", "The coupon is valid from {valid_from}."),
    "member_needed": ("使用此券需要会员身份", "This coupon needs a member."),
    "wrong_channel": ("此券不适用于当前渠道", "The coupon is not for this channel."),
    "wrong_shop": ("此券不适用于当前门店", "The coupon is not for this shop."),
    "no_eligible_lines": ("订单中没有适用的商品", "No line of the order is eligible."),
    "below_minimum": (
        "未达到使用门槛：满 {minimum} 可用，还差 {missing}",
        "The minimum is {minimum}: {missing} are missing.",
    ),
    "no_shipping": ("订单没有运费可减", "The order has no shipping to pay for."),
    "use_limit_reached": ("此券的使用次数已达上限", "The limit on uses of this coupon is reached."),
    "nothing_left": ("其他优惠后已无可抵扣金额", "The other coupons left nothing to take off."),
    "not_combinable": ("不能与 {with} 同时使用", "It cannot be combined with {with}."),
    "applies": ("可用", "Applies."),
}
REASONS = frozenset(_WORDS)
_MONEY = frozenset({"minimum", "missing", "amount"})


def texts(reason: str, facts: Mapping[str, object], currency: str) -> tuple[str, str]:
    """(Chinese, English). Amounts are written in the currency's unit."""
    shown = {name: _shown(name, value, currency) for name, value in facts.items()}
    chinese, english = _WORDS[reason]
    return (chinese.format_map(shown), english.format_map(shown))


def _shown(name: str, value: object, currency: str) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if name in _MONEY and isinstance(value, int):
        return money(value, currency)
    return str(value)
