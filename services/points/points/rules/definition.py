"""An earning rule as operators write it, and how it becomes the rule that is evaluated."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from common.http import RequestBody
from common.http.fields import Instant, Key, PositivePoints, ShortText, Text
from points.evaluation import rule as pure
from points.evaluation.conditions import parts
from points.evaluation.occasion import Expiry
from points.rules.calendar_conditions import Days
from points.rules.conditions import SHALLOW, Condition, LineFilter

MAX_POINTS = 1_000_000
MAX_MINOR_UNITS = 1_000_000_000
MAX_CONDITIONS = 200
MAX_DEPTH = 10

_RESERVED = frozenset({"schema", "validate", "simulate"})
"""They are addresses beside those of rules."""


def _not_reserved(key: str) -> str:
    if key in _RESERVED:
        raise ValueError("is a reserved word")
    return key


RuleKey = Annotated[
    str,
    Field(pattern="^[a-z][a-z0-9_]{0,63}$", max_length=64, examples=["double_tea"]),
    AfterValidator(_not_reserved),
]
WalletKey = Annotated[str, Field(pattern="^[a-z][a-z_]{0,30}$", max_length=31)]
FactorText = Annotated[
    str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$", max_length=8, description="A decimal number as text: 1.5")
]


class Names(RequestBody):
    """What people see."""

    zh_cn: ShortText = Field(default="", alias="zh-CN")
    en: ShortText = ""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not (self.zh_cn or self.en):
            raise ValueError("give a name in zh-CN or en")
        return self


class OnPurchase(RequestBody):
    kind: Literal["purchase"]


class OnActivity(RequestBody):
    """A custom event: `activity.completed.v1` of this activity."""

    kind: Literal["activity"]
    activity: Key


Occasion = Annotated[OnPurchase | OnActivity, Field(discriminator="kind")]


class RateEffect(RequestBody):
    """`points` for each `per_minor_units` of the basis, or of the lines that match."""

    kind: Literal["rate"]
    points: Annotated[StrictInt, Field(ge=0, le=MAX_POINTS)]
    per_minor_units: Annotated[StrictInt, Field(gt=0, le=MAX_MINOR_UNITS)]
    lines: LineFilter | None = None

    def pure(self) -> pure.Effect:
        return pure.Rate(points=self.points, per=self.per_minor_units, lines=self.lines.pure() if self.lines else None)


class FixedEffect(RequestBody):
    """So many points, whatever the amount. Multipliers leave them alone."""

    kind: Literal["fixed"]
    points: Annotated[StrictInt, Field(ge=1, le=MAX_MINOR_UNITS)]

    def pure(self) -> pure.Effect:
        return pure.Fixed(points=self.points)


class MultiplierEffect(RequestBody):
    """Multiplies what rates give (on the lines that match); tiers not named in `by_tier` have `factor`."""

    kind: Literal["multiplier"]
    factor: FactorText = "1"
    by_tier: Annotated[dict[Key, FactorText], Field(max_length=100)] = Field(default={})
    lines: LineFilter | None = None

    def pure(self) -> pure.Effect:
        return pure.Multiplier(
            factor=factor(self.factor),
            by_tier={tier: factor(text) for tier, text in self.by_tier.items()},
            lines=self.lines.pure() if self.lines else None,
        )


class CouponEffect(RequestBody):
    """A coupon of this template for the member."""

    kind: Literal["coupon"]
    template: Key

    def pure(self) -> pure.Effect:
        return pure.Coupon(template=self.template)


Effect = Annotated[RateEffect | FixedEffect | MultiplierEffect | CouponEffect, Field(discriminator="kind")]


class Stacking(RequestBody):
    """How the rule stands beside others of its wallet that match too.

    Higher priority comes first. `exclusive`: nothing of its priority and below pays beside it; `stop`: nothing below.
    Of one `group` only the rule that is best for the member pays. Coupons stand beside coupons, in no group.
    """

    priority: Annotated[StrictInt, Field(ge=-1000, le=1000)] = 0
    exclusive: StrictBool = False
    stop: StrictBool = False
    group: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$", max_length=64)] | None = None


class LimitTo(RequestBody):
    """No more than this: for one order, for a member in a period, or for all together (a budget) in a period.

    Periods are those of the programme's calendar. `birthday` counts for each birthday of the member, solar or lunar:
    all days nearest to it, so also days around one near New Year, which lie in two calendar years.
    """

    scope: Literal["order", "member", "budget"]
    period: Literal["ever", "day", "week", "month", "year", "birthday"] = "ever"
    unit: Literal["points", "uses"]
    amount: PositivePoints

    def pure(self) -> pure.Limit:
        return pure.Limit(scope=self.scope, period=self.period, unit=self.unit, amount=self.amount)


class WaitDays(RequestBody):
    kind: Literal["days"]
    days: Annotated[StrictInt, Field(ge=1, le=3660)]

    def pure(self) -> pure.Waiting:
        return pure.Waiting(days=self.days)


class WaitForEvent(RequestBody):
    """Until an event for the order came, such as `return_window_closed`."""

    kind: Literal["event"]
    event: Key = "return_window_closed"

    def pure(self) -> pure.Waiting:
        return pure.Waiting(until=self.event)


Waiting = Annotated[WaitDays | WaitForEvent, Field(discriminator="kind")]


class ExpiryRule(RequestBody):
    """How long the points live: `count` days or months, to the end of the month or year that lies `count` ahead."""

    kind: Literal["never", "days", "months", "end_of_month", "end_of_year", "date"]
    count: Days = 0
    at: Instant | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.kind in ("days", "months") and not self.count:
            raise ValueError(f"{self.kind}: count says how many, from 1 on")
        if self.kind in ("never", "date") and self.count:
            raise ValueError(f"{self.kind} takes no count")
        if (self.kind == "date") != (self.at is not None):
            raise ValueError("`at` belongs to kind date, which needs it")
        longest = {"months": 1_200, "end_of_month": 1_200, "end_of_year": 100}.get(self.kind)
        if longest is not None and self.count > longest:
            raise ValueError(f"{self.kind}: count is at most {longest}")
        return self

    def pure(self) -> Expiry:
        return Expiry(kind=self.kind, count=self.count, at=self.at)


class Definition(RequestBody):
    """When a rule counts, what it gives, how it stands beside others, and where it ends."""

    names: Names
    description: Text = ""
    wallet: WalletKey = "points"
    occasion: Occasion = OnPurchase(kind="purchase")
    when: Condition | None = Field(default=None, description="Null: always.")
    effect: Effect
    stacking: Stacking = Stacking()
    limits: Annotated[tuple[LimitTo, ...], Field(max_length=20)] = ()
    waiting: Waiting | None = None
    expiry: ExpiryRule | None = Field(default=None, description="Null: as the wallet type or the programme says.")

    @model_validator(mode="after")
    def _is_not_too_deep(self) -> Self:
        if self.when is not None:
            if _depth(self.when) > MAX_DEPTH:
                raise ValueError(f"conditions are nested at most {MAX_DEPTH} deep")
            if len(parts(self.when.pure())) > MAX_CONDITIONS:
                raise ValueError(f"a rule has at most {MAX_CONDITIONS} conditions")
        return self


def _depth(condition: Any) -> int:
    inner = getattr(condition, "of", ())
    if isinstance(inner, tuple):
        return 1 + max(map(_depth, inner), default=0)
    return 1 if isinstance(inner, str) else 1 + _depth(inner)


def factor(text: str) -> pure.Factor:
    """`"1.5"` is 15 / 10, reduced as far as its last zeros go."""
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    return pure.Factor(text, int(whole + decimals), 10 ** len(decimals))


def compile_rule(
    key: str, version: int, definition: Definition, *, effective_from: datetime, published_at: datetime
) -> pure.Rule:
    """The rule that is evaluated."""
    stacking = definition.stacking
    return pure.Rule(
        key=key,
        version=version,
        names={"zh-CN": definition.names.zh_cn, "en": definition.names.en},
        occasion=definition.occasion.kind,
        activity=definition.occasion.activity if isinstance(definition.occasion, OnActivity) else "",
        condition=definition.when.pure() if definition.when else None,
        effect=definition.effect.pure(),
        wallet=definition.wallet,
        priority=stacking.priority,
        exclusive=stacking.exclusive,
        group=stacking.group or "",
        stop=stacking.stop,
        limits=tuple(limit.pure() for limit in definition.limits),
        waiting=definition.waiting.pure() if definition.waiting else None,
        expiry=definition.expiry.pure() if definition.expiry else None,
        effective_from=effective_from,
        published_at=published_at,
    )


def schema() -> dict[str, Any]:
    """JSON Schema of a definition; each `kind` of a union names its form, conditions within conditions too."""
    found = Definition.model_json_schema()
    whole: dict[str, Any] = _with_inner_conditions(found)
    (union,) = (one for one in found["properties"]["when"]["anyOf"] if one != {"type": "null"})
    whole["$defs"]["Condition"] = union
    whole["properties"]["when"]["anyOf"] = [_CONDITION, {"type": "null"}]
    return whole


_CONDITION = {"$ref": "#/$defs/Condition"}


def _with_inner_conditions(part: Any) -> Any:
    if part == SHALLOW:
        return _CONDITION
    if isinstance(part, dict):
        return {name: _with_inner_conditions(value) for name, value in part.items()}
    return [_with_inner_conditions(one) for one in part] if isinstance(part, list) else part
