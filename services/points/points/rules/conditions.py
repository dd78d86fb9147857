"""Conditions as operators write them: JSON with a `kind` each, for which a form can be built. None is code."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictInt, WithJsonSchema, model_validator

from common.http import RequestBody
from common.http.fields import Key, Money
from points.evaluation import conditions as pure
from points.rules.calendar_conditions import (
    InDateRange,
    InTimeWindow,
    NearBirthday,
    OnLunarDay,
    OnMemberDay,
    OnWeekday,
    RegisteredFor,
    no_repeats,
)

MAX_LISTED = 1_000


Keys = Annotated[tuple[Key, ...], Field(min_length=1, max_length=MAX_LISTED), AfterValidator(no_repeats)]
SomeKeys = Annotated[tuple[Key, ...], Field(max_length=MAX_LISTED), AfterValidator(no_repeats)]


class LineFilter(RequestBody):
    """Lines of an order: of these products or categories (all when none is named), without those."""

    products: SomeKeys = ()
    categories: SomeKeys = ()
    not_products: SomeKeys = ()
    not_categories: SomeKeys = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.products or self.categories or self.not_products or self.not_categories):
            raise ValueError("name products or categories that are in or out")
        for wanted, unwanted, what in (
            (self.products, self.not_products, "product"),
            (self.categories, self.not_categories, "category"),
        ):
            if both := set(wanted) & set(unwanted):
                raise ValueError(f"{what} {min(both)} is both in and out")
        return self

    def pure(self) -> pure.LineFilter:
        return pure.LineFilter(
            products=frozenset(self.products),
            categories=frozenset(self.categories),
            not_products=frozenset(self.not_products),
            not_categories=frozenset(self.not_categories),
        )


SHALLOW: dict[str, Any] = {
    "title": "Condition",
    "type": "object",
    "description": "A condition like `when`; GET /v1/earning-rules/schema has its forms.",
    "properties": {"kind": {"type": "string"}},
    "required": ["kind"],
}
"""How the API's document shows a condition within a condition: tools that make up requests get lost without end."""

Inner = Annotated[
    tuple["Condition", ...],
    Field(min_length=1, max_length=50),
    WithJsonSchema({"type": "array", "items": SHALLOW, "minItems": 1, "maxItems": 50}),
]


class AllOf(RequestBody):
    """Every one of these."""

    kind: Literal["all"]
    of: Inner

    def pure(self) -> pure.Condition:
        return pure.All(of=tuple(one.pure() for one in self.of))


class AnyOf(RequestBody):
    """At least one of these."""

    kind: Literal["any"]
    of: Inner

    def pure(self) -> pure.Condition:
        return pure.Any(of=tuple(one.pure() for one in self.of))


class NotThis(RequestBody):
    """Not this one."""

    kind: Literal["not"]
    of: Annotated["Condition", WithJsonSchema(SHALLOW)]

    def pure(self) -> pure.Condition:
        return pure.Not(of=self.of.pure())


class AmountIs(RequestBody):
    """What is earned on (`basis`: net of discounts) or the goods before discount (`amount`), minor units."""

    kind: Literal["amount"]
    of: Literal["basis", "amount"] = "basis"
    at_least: Money = 0
    below: Money | None = None

    @model_validator(mode="after")
    def _is_no_empty_range(self) -> Self:
        if self.below is not None and self.below <= self.at_least:
            raise ValueError(f"no amount is at least {self.at_least} and below {self.below}")
        if self.below is None and not self.at_least:
            raise ValueError("give at_least, below, or both")
        return self

    def pure(self) -> pure.Condition:
        return pure.Amount(of=self.of, at_least=self.at_least, below=self.below)


class Products(RequestBody):
    """The order has so many pieces, of so much net in minor units, in lines of these products and categories."""

    kind: Literal["products"]
    lines: LineFilter
    quantity: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1
    net: Money = 0

    def pure(self) -> pure.Condition:
        return pure.Lines(filter=self.lines.pure(), quantity=self.quantity, net=self.net)


class WordIsOneOf(RequestBody):
    """The purchase's channel, shop or source, or the member's tier, is one of these."""

    kind: Literal["channel", "shop", "source", "tier"]
    one_of: Keys

    def pure(self) -> pure.Condition:
        return pure.OneOf(what=self.kind, values=frozenset(self.one_of))


class InSegment(RequestBody):
    """The member is in one of these segments."""

    kind: Literal["segment"]
    one_of: Keys

    def pure(self) -> pure.Condition:
        return pure.Segment(values=frozenset(self.one_of))


class IsFirstPurchase(RequestBody):
    """The member's first purchase that was not wholly returned."""

    kind: Literal["first_purchase"]

    def pure(self) -> pure.Condition:
        return pure.FirstPurchase()


class FieldIs(RequestBody):
    """A field of the activity: `exists` takes no value, `equals`, `at_least` and `at_most` one, `one_of` several."""

    kind: Literal["field"]
    name: Key
    op: Literal["equals", "one_of", "at_least", "at_most", "exists"]
    values: Annotated[tuple[StrictBool | StrictInt | Key, ...], Field(max_length=MAX_LISTED)] = ()

    @model_validator(mode="after")
    def _has_the_values_it_needs(self) -> Self:
        wanted = {"exists": 0, "one_of": max(1, len(self.values))}.get(self.op, 1)
        if len(self.values) != wanted:
            raise ValueError(f"{self.op} takes {wanted or 'no'} value{'s' if wanted != 1 else ''}")
        if self.op in ("at_least", "at_most") and type(self.values[0]) is not int:
            raise ValueError(f"{self.op} takes a whole number")
        return self

    def pure(self) -> pure.Condition:
        return pure.ActivityField(name=self.name, op=self.op, values=self.values)


Condition = Annotated[
    AllOf
    | AnyOf
    | NotThis
    | AmountIs
    | Products
    | WordIsOneOf
    | InSegment
    | OnWeekday
    | OnMemberDay
    | OnLunarDay
    | InTimeWindow
    | InDateRange
    | IsFirstPurchase
    | NearBirthday
    | RegisteredFor
    | FieldIs,
    Field(discriminator="kind"),
]
