"""What is asked about carts, and how explanations are answered."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt, model_validator

from common.http import RequestBody, ResponseBody
from common.http.fields import Instant, Key, Money, Quantity, ShortText
from points.earning.domain import basis_of, nets_of
from points.evaluation.earned import Earned
from points.evaluation.explaining import Outcome
from points.evaluation.occasion import ACTIVITY, PURCHASE, Birthday, Line, Occasion, Person
from points.evaluation.texts import texts_of
from points.rules.definition import RuleKey
from points.simulation.changes import Changes

Tier = Annotated[Key, Field(max_length=50)]


class CartLine(RequestBody):
    sku: Key
    category: ShortText = ""
    quantity: Quantity = 1
    amount: Money
    discount: Money = 0


class Cart(RequestBody):
    """A purchase that might be: amounts as in `purchase.completed.v1`."""

    kind: Literal["purchase"]
    source: Key = "//cart"
    amount: Money
    discount: Money = 0
    tax: Money = 0
    delivery: Money = 0
    channel: ShortText = ""
    shop: ShortText = ""
    lines: Annotated[tuple[CartLine, ...], Field(max_length=500)] = ()

    @model_validator(mode="after")
    def _sums_agree(self) -> Self:
        if self.discount > self.amount:
            raise ValueError("discount is more than amount")
        if self.lines:
            if sum(line.amount for line in self.lines) != self.amount:
                raise ValueError("the lines' amounts do not add up to amount")
            if any(line.discount > line.amount for line in self.lines):
                raise ValueError("a line's discount is more than its amount")
            if sum(line.discount for line in self.lines) > self.discount:
                raise ValueError("the lines' discounts are more than discount")
        return self

    def occasion(self, occurred_at: datetime, *, on_tax: bool, on_delivery: bool) -> Occasion:
        basis = basis_of(self.amount, self.discount, self.tax, self.delivery, on_tax=on_tax, on_delivery=on_delivery)
        nets = nets_of([(line.amount, line.discount) for line in self.lines], self.discount)
        lines = tuple(
            Line(line.sku, line.category, line.quantity, net) for line, net in zip(self.lines, nets, strict=True)
        )
        return Occasion(PURCHASE, self.source, "", occurred_at, self.amount, basis, self.channel, self.shop, lines)


class Act(RequestBody):
    """An activity that might be."""

    kind: Literal["activity"]
    source: Key = "//cart"
    activity: Key
    fields: Annotated[dict[Key, StrictBool | StrictInt | Key], Field(max_length=50)] = Field(default={})

    def occasion(self, occurred_at: datetime, *, on_tax: bool, on_delivery: bool) -> Occasion:
        return Occasion(ACTIVITY, self.source, "", occurred_at, activity=self.activity, fields=self.fields)


class BirthdayIs(RequestBody):
    """In its own calendar; `leap_month` only in the lunar one."""

    month: Annotated[StrictInt, Field(ge=1, le=12)]
    day: Annotated[StrictInt, Field(ge=1, le=31)]
    calendar: Literal["solar", "lunar"] = "solar"
    leap_month: StrictBool = False

    @model_validator(mode="after")
    def _is_a_day(self) -> Self:
        longest = 30 if self.calendar == "lunar" else (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[self.month - 1]
        if self.day > longest:
            raise ValueError(f"month {self.month} of the {self.calendar} calendar has no day {self.day}")
        if self.leap_month and self.calendar == "solar":
            raise ValueError("only the lunar calendar has leap months")
        return self


class Somebody(RequestBody):
    """A member that there is not. What is left out is not known, or not so."""

    tier: Tier | None = Field(default=None, description="Default: where everybody starts.")
    segments: Annotated[tuple[Key, ...], Field(max_length=100)] = ()
    is_first_purchase: StrictBool = False
    birthday: BirthdayIs | None = None
    registered_at: Instant | None = None

    def person(self, member_id: UUID, first_tier: str) -> Person:
        day = self.birthday
        return Person(
            member_id,
            self.tier or first_tier,
            frozenset(self.segments),
            self.is_first_purchase,
            Birthday(day.month, day.day, day.calendar, day.leap_month) if day else None,
            self.registered_at,
        )


class Simulation(Changes):
    """A cart, a member or somebody, and how the rules differ from those that are published."""

    occasion: Annotated[Cart | Act, Field(discriminator="kind")]
    occurred_at: Instant | None = Field(default=None, description="Default: now.")
    member_id: UUID | None = None
    person: Somebody | None = None
    drafts: list[RuleKey] = Field(
        default=[], max_length=50, description="Saved drafts that come in, for the published rules of their keys."
    )

    @model_validator(mode="after")
    def _is_of_one_person(self) -> Self:
        if (self.member_id is None) == (self.person is None):
            raise ValueError("give either member_id or person")
        if both := set(self.drafts) & {*(one.rule for one in self.rules), *self.without}:
            raise ValueError(f"rule {min(both)} is named twice")
        if len(set(self.drafts)) < len(self.drafts):
            raise ValueError("a draft is named twice")
        return self


class ShareResponse(ResponseBody):
    """What a rule gave of a credit: `points`, exactly `numerator` / `denominator`."""

    rule: str
    version: int
    points: int
    numerator: str
    denominator: str
    basis: int
    factor: str
    cut: int
    limit: str


class EarnedResponse(ResponseBody):
    wallet: str
    points: int
    shares: list[ShareResponse]
    by_line: list[int] | None
    expires_at: datetime | None
    available_at: datetime | None
    waits_for: str


class GrantResponse(ResponseBody):
    template: str
    rule: str
    version: int


class OutcomeResponse(ResponseBody):
    """One rule: whether it paid and how much, or why not; for people in `texts`."""

    rule: str
    version: int = Field(description="0 for a rule under trial.")
    names: dict[str, str]
    wallet: str
    paid: bool
    points: int
    reason: str
    facts: dict[str, Any]
    texts: dict[str, str] = Field(description="By language: zh-CN and en.")


class PersonResponse(ResponseBody):
    """The member's facts that rules looked at; the birthday itself is not shown."""

    tier: str
    segments: list[str]
    is_first_purchase: bool
    birthday_known: bool
    registered_at: datetime | None


class SimulatedResponse(ResponseBody):
    occurred_at: datetime
    currency: str
    basis: int = Field(description="Minor units that are earned on.")
    person: PersonResponse
    earned: list[EarnedResponse]
    grants: list[GrantResponse]
    published: dict[str, int] = Field(description="By wallet: what the published rules alone give.")
    outcomes: list[OutcomeResponse]


class CreditResponse(ResponseBody):
    wallet: str
    earned: int
    taken_back: int


class ExplainedResponse(ResponseBody):
    """`agrees`: by the rules it earns what was credited; otherwise facts were corrected since, or limits had
    less left than can be told now.
    """

    source: str
    order_id: str
    member_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    currency: str
    basis: int
    person: PersonResponse
    credited: list[CreditResponse]
    agrees: bool
    outcomes: list[OutcomeResponse]


def person_response(person: Person) -> PersonResponse:
    return PersonResponse(
        tier=person.tier,
        segments=sorted(person.segments),
        is_first_purchase=person.is_first_purchase,
        birthday_known=person.birthday is not None,
        registered_at=person.registered_at,
    )


def earned_response(one: Earned) -> EarnedResponse:
    return EarnedResponse(
        wallet=one.wallet,
        points=one.points,
        shares=[
            ShareResponse(
                **{
                    **share._asdict(),
                    "numerator": str(share.numerator),
                    "denominator": str(share.denominator),
                }
            )
            for share in one.shares
        ],
        by_line=None if one.by_line is None else list(one.by_line),
        expires_at=one.expires_at,
        available_at=one.available_at,
        waits_for=one.waits,
    )


def outcome_response(outcome: Outcome, currency: str) -> OutcomeResponse:
    rule, reason = outcome.rule, outcome.reason
    return OutcomeResponse(
        rule=rule.key,
        version=rule.version,
        names={locale: name for locale, name in rule.names.items() if name},
        wallet=rule.wallet,
        paid=outcome.paid,
        points=outcome.points,
        reason=reason.code,
        facts=dict(reason.facts),
        texts=texts_of(outcome, currency),
    )
