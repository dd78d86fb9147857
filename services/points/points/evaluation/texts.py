"""What an explanation says to people: one table, each sentence in Chinese and English."""

from collections.abc import Mapping
from typing import Any

from points.evaluation.explaining import Outcome
from points.evaluation.reasons import Reason

LOCALES = ("zh-CN", "en")
_MONEY = frozenset({"amount", "wanted_amount", "basis", "per_amount"})

SENTENCES: Mapping[str, tuple[str, str]] = {
    # what a rule gave
    "rate": (
        "按 {basis} 每 {per_amount} 得 {rate} 分，贡献 {points} 分。",
        "{rate} points per {per_amount} on {basis}: {points} points.",
    ),
    "multiplier": ("{factor} 倍积分，多得 {points} 分。", "Multiplied by {factor}: {points} points more."),
    "multiplier_below_one": ("{factor} 倍积分，减少 {less} 分。", "Multiplied by {factor}: {less} points less."),
    "fixed": ("固定赠送 {points} 分。", "A fixed {points} points."),
    "coupon": ("赠送优惠券 {template}。", "A coupon of template {template}."),
    "rate_cut": (
        "按 {basis} 每 {per_amount} 得 {rate} 分；"
        "因{scope}{period}上限 {limit_amount} {unit}减少 {cut} 分，实得 {points} 分。",
        "{rate} points per {per_amount} on {basis}; the limit of {limit_amount} {unit} {scope} {period} took {cut}: "
        "{points} points.",
    ),
    "multiplier_cut": (
        "{factor} 倍积分；因{scope}{period}上限 {limit_amount} {unit}减少 {cut} 分，多得 {points} 分。",
        "Multiplied by {factor}; the limit of {limit_amount} {unit} {scope} {period} took {cut}: {points} points more.",
    ),
    "fixed_cut": (
        "固定赠送；因{scope}{period}上限 {limit_amount} {unit}减少 {cut} 分，实得 {points} 分。",
        "A fixed number; the limit of {limit_amount} {unit} {scope} {period} took {cut}: {points} points.",
    ),
    # why it gave nothing
    "rate_of_nothing": ("符合条件，但没有可计分的金额。", "It applies, but there is no amount to earn on."),
    "multiplier_of_nothing": (
        "符合条件，但倍率为 {factor}，没有变化。",
        "It applies, but multiplying by {factor} adds nothing here.",
    ),
    "fixed_of_nothing": ("符合条件，但没有积分。", "It applies, but gives no points."),
    "ended_by": (
        "规则 {by}（优先级 {priority}）已生效，其后的规则不再计算。",
        "Rule {by} with priority {priority} ends it for the rules after it.",
    ),
    "beaten": ("同组（{group}）中规则 {by} 对会员更有利。", "Of group {group}, rule {by} is better for the member."),
    "limit_reached": (
        "{scope}{period}上限 {limit_amount} {unit}已用完，恢复日期：{resets_on}。",
        "The limit of {limit_amount} {unit} {scope} {period} is used up; it begins anew on: {resets_on}.",
    ),
    "one_limit_reached": (
        "以下上限之一当时已用完（未记录是哪一个）：{inner}",
        "One of these limits was used up then, which one is not recorded: {inner}",
    ),
    "perhaps_limit": (
        "{scope}{period}上限 {limit_amount} {unit}（恢复日期：{resets_on}）。",
        "{limit_amount} {unit} {scope} {period}, which begins anew on: {resets_on}.",
    ),
    "for_purchases": ("此规则只适用于消费。", "The rule is for purchases."),
    "for_activity": ("此规则只适用于活动 {wanted}。", "The rule is for activity {wanted}."),
    "retired": ("规则自 {since} 起已停用。", "The rule is retired since {since}."),
    "published_later": ("规则发布于 {at}，晚于入账时间。", "The rule was published on {at}, after this was recorded."),
    "not_yet_effective": (
        "规则自 {at} 起生效，晚于发生时间。",
        "The rule is effective from {at}, after this occurred.",
    ),
    "none_of": ("以下条件均不满足：{inner}", "None of these is met: {inner}"),
    "excluded": ("属于排除条件：{what}。", "It is excluded by: {what}."),
    "tier": ("会员等级为 {tier}，需要 {wanted}。", "The tier is {tier}, it needs {wanted}."),
    "segment": ("会员不在分组 {wanted} 中。", "The member is in none of the segments {wanted}."),
    "not_first_purchase": ("不是首次消费。", "It is not the member's first purchase."),
    "birthday_unknown": ("没有登记生日。", "The birthday is not known."),
    "birthday_month": ("{day} 不在生日当月。", "{day} is not in the birthday's month."),
    "birthday": (
        "距离生日 {distance} 天，需在前 {before} 天至后 {after} 天内。",
        "It is {distance} days from the birthday; it needs {before} days before to {after} days after.",
    ),
    "registration_unknown": ("注册时间未知。", "It is not known when the member registered."),
    "registered_too_short": ("注册 {days} 天，不足 {wanted} 天。", "Registered for {days} days, it needs {wanted}."),
    "registered_too_long": ("注册 {days} 天，超过 {wanted} 天。", "Registered for {days} days, {wanted} at most."),
    "amount_too_small": (
        "金额 {amount}，未达到 {wanted_amount}。",
        "The amount is {amount}, it needs {wanted_amount}.",
    ),
    "amount_too_large": (
        "金额 {amount}，需低于 {wanted_amount}。",
        "The amount is {amount}, it must be below {wanted_amount}.",
    ),
    "lines_unknown": ("订单没有商品明细。", "The order came without its lines."),
    "too_few_pieces": ("符合的商品 {pieces} 件，需要 {wanted} 件。", "{pieces} pieces match, it needs {wanted}."),
    "lines_too_small": (
        "符合的商品金额 {amount}，需要 {wanted_amount}。",
        "Lines that match come to {amount}, it needs {wanted_amount}.",
    ),
    "channel": ("渠道为“{channel}”，需要 {wanted}。", "The channel is “{channel}”, it needs {wanted}."),
    "shop": ("门店为“{shop}”，需要 {wanted}。", "The shop is “{shop}”, it needs {wanted}."),
    "source": ("来源为“{source}”，需要 {wanted}。", "The source is “{source}”, it needs {wanted}."),
    "field_missing": ("活动没有字段 {field}。", "The activity has no field {field}."),
    "field": (
        "字段 {field} 为 {value}，不满足 {op} {wanted}。",
        "Field {field} is {value}, which is not {op} {wanted}.",
    ),
    "time_window": (
        "时间 {time} 不在 {start} 至 {end} 之间。",
        "The time {time} is not between {start} and {end}.",
    ),
    "date_range": ("{day} 不在 {first} 至 {last} 之间。", "{day} is not between {first} and {last}."),
    "weekday": (
        "星期 {weekday} 不在 {wanted} 中（1 为星期一）。",
        "Weekday {weekday} is none of {wanted} (1 is Monday).",
    ),
    "member_day": ("{day} 不是会员日。", "{day} is no member day."),
    "lunar_day": ("{day} 不在该农历日期前后。", "{day} is not near that day of the lunar calendar."),
    "other": ("条件不满足。", "A condition is not met."),
}

_WORDS: Mapping[str, tuple[str, str]] = {
    "scope:order": ("每单", "per order"),
    "scope:member": ("每会员", "per member"),
    "scope:budget": ("总预算", "of the budget"),
    "period:ever": ("", "in all"),
    "period:day": ("每日", "a day"),
    "period:week": ("每周", "a week"),
    "period:month": ("每月", "a month"),
    "period:year": ("每年", "a year"),
    "period:birthday": ("每个生日", "a birthday"),
    "unit:points": ("分", "points"),
    "unit:uses": ("次", "uses"),
    "resets_on:": ("无", "never"),
    "op:equals": ("等于", "equal to"),
    "op:one_of": ("属于", "one of"),
    "op:at_least": ("至少", "at least"),
    "op:at_most": ("至多", "at most"),
    "what:all": ("全部条件", "all conditions"),
    "what:any": ("任一条件", "any condition"),
    "what:not": ("反向条件", "a condition turned round"),
    "what:amount": ("金额", "the amount"),
    "what:products": ("商品", "products"),
    "what:tier": ("等级", "the tier"),
    "what:channel": ("渠道", "the channel"),
    "what:shop": ("门店", "the shop"),
    "what:source": ("来源", "the source"),
    "what:segment": ("分组", "the segment"),
    "what:weekday": ("星期", "the weekday"),
    "what:member_day": ("会员日", "the member day"),
    "what:lunar_day": ("农历日期", "the lunar day"),
    "what:time_window": ("时段", "the time of day"),
    "what:date_range": ("日期", "the days"),
    "what:first_purchase": ("首次消费", "the first purchase"),
    "what:birthday": ("生日", "the birthday"),
    "what:registered": ("注册时长", "the time since registration"),
    "what:field": ("活动字段", "a field of the activity"),
}

_NO_DECIMALS = frozenset({"JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF", "UGX", "PYG"})
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def money(minor_units: int, currency: str) -> str:
    """`12345` of CNY is `123.45`."""
    digits = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    whole, rest = divmod(minor_units, 10**digits)
    return f"{whole}.{rest:0{digits}}" if digits else str(whole)


def text_of(reason: Reason, locale: str, currency: str) -> str:
    """One sentence (or several, of parts). Raises KeyError for a code without one."""
    place = LOCALES.index(locale)
    facts = {name: _written(name, value, place, currency) for name, value in reason.facts.items()}
    if reason.inner:
        facts["inner"] = " ".join(text_of(one, locale, currency) for one in reason.inner)
    return SENTENCES[reason.code][place].format_map(facts)


def _written(name: str, value: Any, place: int, currency: str) -> str:
    if isinstance(value, list):
        return ("、", ", ")[place].join(map(str, value))
    if name in _MONEY and isinstance(value, int):
        return money(value, currency)
    word = _WORDS.get(f"{name}:{value}")
    return str(value) if word is None else word[place]


def texts_of(outcome: Outcome, currency: str) -> dict[str, str]:
    return {locale: text_of(outcome.reason, locale, currency) for locale in LOCALES}
