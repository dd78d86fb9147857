"""A rule made ready to be evaluated."""

from collections.abc import Mapping

from points.evaluation.conditions import Condition
from points.evaluation.matching import Test, compiled
from points.evaluation.rule import ONE, Coupon, Factor, Fixed, Multiplier, Rate, Rule

RATE, FIXED, MULTIPLIER, COUPON = range(4)


class Entry:
    """What evaluating asks for often lies at hand."""

    __slots__ = (
        "by_tier",
        "factor",
        "kind",
        "limited",
        "lines",
        "own_terms",
        "per",
        "points",
        "rule",
        "template",
        "test",
        "wallet",
    )

    def __init__(self, rule: Rule, condition: Condition | None) -> None:
        effect = rule.effect
        self.rule = rule
        self.test: Test | None = compiled(condition) if condition else None
        self.limited = bool(rule.limits)
        self.own_terms = rule.waiting is not None or rule.expiry is not None
        self.wallet = rule.wallet
        self.points, self.per, self.template = 0, 1, ""
        self.factor: Factor = ONE
        self.by_tier: Mapping[str, Factor] = {}
        self.lines = effect.lines if isinstance(effect, Rate | Multiplier) else None
        match effect:
            case Rate(points=points, per=per):
                self.kind, self.points, self.per = RATE, points, per
            case Fixed(points=points):
                self.kind, self.points = FIXED, points
            case Multiplier(factor=factor, by_tier=by_tier):
                self.kind, self.factor, self.by_tier = MULTIPLIER, factor, by_tier
            case Coupon(template=template):
                self.kind, self.wallet, self.template = COUPON, "", template
