"""What is found in a definition, in Chinese and English: one table of sentences, filled with a finding's facts."""

import dataclasses
from collections.abc import Mapping

LOCALES = ("zh-CN", "en")

Phrase = tuple[str, str]
"""The same in Chinese and in English."""

SENTENCES: Mapping[str, Phrase] = {
    # contradictions
    "activity_has_no_amount": (
        "活动没有金额：请给固定积分或优惠券",
        "an activity has no amount: give fixed points or a coupon",
    ),
    "coupon_in_group": (
        "优惠券无法与积分比较：同组规则无法判断哪个更优",
        "a coupon cannot be compared with points: no group knows whether it is the best",
    ),
    "coupon_terms": ("优惠券的期限由其模板规定", "a coupon has terms of its own, in its template"),
    "coupon_points": ("优惠券不是积分：请限制次数", "a coupon is no points: limit its uses"),
    "exclusive_in_group": (
        "独占规则会终止所有其他规则：不能同时属于一个组",
        "an exclusive rule ends it for all others: it cannot be one of a group too",
    ),
    "stop_in_group": (
        "组内规则可能不被选中：不能终止其后的规则",
        "a rule of a group may lose to another: it cannot stop the rules below it",
    ),
    "order_period": ("单笔订单没有周期：请保留 `ever`", "an order has no periods: leave it `ever`"),
    "order_uses": (
        "一笔订单只用一次规则：请限制积分",
        "a rule is used once by an order: limit its points",
    ),
    "birthday_of_members": ("只有会员有生日：请用会员上限", "only members have birthdays: limit the member"),
    "birthday_not_asked": (
        "条件未要求生日：`birthday` 周期需要生日条件",
        "nothing asks for a birthday: the period `birthday` needs that condition",
    ),
    "limit_twice": ("与 {other} 限制的是同一项", "limits the same as {other}"),
    "says_nothing": ("{condition}与{occasion}无关", "{condition} says nothing about {occasion}"),
    "never_true": ("永不成立：{one}与{other}互斥", "never true: {one} and {other} exclude each other"),
    "no_wallet": ("没有积分类型 {wallet}", "there is no wallet type {wallet}"),
    "no_coupons": ("模板 {template} 目前不发放优惠券", "no coupons of template {template} are issued now"),
    # what is perhaps not meant
    "multiplies_by_one": ("倍率为 1：没有变化", "multiplies by 1: it changes nothing"),
    "gives_nothing": ("没有积分", "gives nothing"),
    "exclusive_says_it": ("独占已包含此含义", "exclusive says it already"),
    "no_such_tier": ("本计划没有此等级", "the programme has no such tier"),
    "no_tiers": ("本计划没有等级 {tiers}", "the programme has no tier {tiers}"),
    "less_than_given": ("少于一次赠送的 {points} 分", "is less than the {points} points given at once"),
    "expiry_over": ("已过期：积分会立即失效", "is over: the points would be gone at once"),
    "expires_waiting": (
        "在等待的 {days} 天结束前到期：积分无法使用",
        "ends before the {days} days of waiting: nobody could spend the points",
    ),
    "days_over": ("截至 {last} 的日期已过", "the days to {last} are over"),
    "not_every_month": (
        "并非每月都有 {day} 日；`last_day` 表示每月最后一天",
        "not every month has a day {day}; `last_day` is the last of each",
    ),
    "birthday_in_two_periods": (
        "生日前后的日期可能跨越两个{period}：这样的会员会得到两次（例如 1 月 1 日生日，年前年后各一次）；"
        "`birthday` 周期按每个生日计算",
        "the days around a birthday may lie in two {period}: who has such a birthday gets it twice (on 1 January: "
        "before New Year and after it); the period `birthday` counts for each birthday",
    ),
    "multiplied_twice": (
        "规则 {rule} 第 {version} 版对同样的消费也加倍：两者都计算",
        "{rule} version {version} multiplies the same purchases too: both count",
    ),
    "paid_twice": (
        "规则 {rule} 第 {version} 版也为此付积分：两者都计算",
        "{rule} version {version} pays for the same too: both count",
    ),
}

OCCASIONS: Mapping[str, Phrase] = {"purchase": ("消费", "a purchase"), "activity": ("活动", "an activity")}
PERIODS: Mapping[str, Phrase] = {"month": ("自然月", "months"), "year": ("自然年", "years")}
WORDS: Mapping[str, Phrase] = {
    "tier": ("等级", "tier"),
    "channel": ("渠道", "channel"),
    "shop": ("门店", "shop"),
    "source": ("来源", "source"),
    "basis": ("计分金额", "basis"),
    "amount": ("金额", "amount"),
    "activityfield": ("活动字段", "a field of an activity"),
    "lines": ("商品", "lines"),
    "firstpurchase": ("首次消费", "firstpurchase"),
    "timewindow": ("时段", "timewindow"),
    "not": ("反向条件", "not"),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about one field of a definition: a code of SENTENCES, and what fills the sentence."""

    field: str
    code: str
    facts: Mapping[str, str | int | Phrase] = dataclasses.field(default_factory=dict)

    @property
    def reason(self) -> str:
        """In English."""
        return self.text("en")

    def text(self, locale: str) -> str:
        """A sentence. Raises KeyError for a code without one, ValueError for another language."""
        place = LOCALES.index(locale)
        facts = {name: fact[place] if isinstance(fact, tuple) else fact for name, fact in self.facts.items()}
        return SENTENCES[self.code][place].format_map(facts)

    def texts(self) -> dict[str, str]:
        """By language."""
        return {locale: self.text(locale) for locale in LOCALES}
