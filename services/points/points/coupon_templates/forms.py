"""What a template's terms look like in JSON: a form can be built from its schema."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from common.http import RequestBody
from common.http.fields import Instant, Key, Money, PositiveMoney, Quantity, ShortText
from points.coupon_codes.domain import ALPHABET, MAX_PREFIX

MAX_NAMES = 500
MAX_DAYS = 3660
LAST_YEAR = 2200

Names = Annotated[list[Key], Field(max_length=MAX_NAMES)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$", max_length=64)]


class AmountOff(RequestBody):
    """So much less, at most what the eligible lines cost."""

    kind: Literal["amount"]
    amount: PositiveMoney


class PercentOff(RequestBody):
    """A percentage of what the eligible lines still cost, rounded down, at most `cap`."""

    kind: Literal["percent"]
    percent: str = Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,2})?$", max_length=6, description="Above 0, up to 100: 12.5")
    cap: PositiveMoney | None = None

    @model_validator(mode="after")
    def _is_a_part(self) -> Self:
        if not 0 < Decimal(self.percent) <= 100:
            raise ValueError("percent must be above 0 and at most 100")
        return self


class Gift(RequestBody):
    """Goods that go along for nothing. `value` in minor units counts when the best of several coupons is sought."""

    kind: Literal["gift"]
    sku: Key
    quantity: Quantity = 1
    value: Money = 0


class Shipping(RequestBody):
    """Shipping for nothing, or up to `amount` less."""

    kind: Literal["shipping"]
    amount: PositiveMoney | None = None


Benefit = Annotated[AmountOff | PercentOff | Gift | Shipping, Field(discriminator="kind")]


class LimitsForm(RequestBody):
    """How many coupons are issued and used, in total and per member; null is without limit."""

    issued_total: Count | None = None
    issued_per_member: Count | None = None
    used_total: Count | None = None
    used_per_member: Count | None = None


class OwnCodes(RequestBody):
    """Codes made here, each for one coupon."""

    kind: Literal["own"]
    prefix: str = Field(
        default="", pattern=f"^[{ALPHABET}]*$", max_length=MAX_PREFIX, description=f"Characters of {ALPHABET}."
    )


class PoolCodes(RequestBody):
    """Codes that were imported into a pool."""

    kind: Literal["pool"]
    pool: Slug


class TermsForm(RequestBody):
    """What the coupons of a template are worth, for what, for whom, how long."""

    name_zh: ShortText = ""
    name_en: ShortText = ""
    benefit: Benefit
    minimum_amount: Money = 0
    minimum_of: Literal["order", "eligible"] = Field(
        default="order", description="What the minimum is held against, before coupons: all lines, or the eligible."
    )
    skus: Names = Field(default=[], description="Only these products or categories; empty: all.")
    categories: Names = Field(default=[])
    not_skus: Names = Field(default=[])
    not_categories: Names = Field(default=[])
    channels: Names = Field(default=[], description="Only there; empty: everywhere.")
    shops: Names = Field(default=[])
    starts_at: Instant | None = None
    ends_at: Instant | None = Field(default=None, description="Exclusive.")
    days: int | None = Field(
        default=None,
        ge=0,
        le=MAX_DAYS,
        strict=True,
        description="Until the end of the N-th day after the issue, or after `starts_at` when that is later.",
    )
    holder: Literal["member", "any"] = Field(
        default="member", description="Who may use it: the member it was issued to, or whoever has the code."
    )
    limits: LimitsForm = LimitsForm()
    group: Slug = Field(default="coupon", description="The group others name in `combines_with`.")
    combines_with: list[Slug | Literal["*"]] = Field(
        default=[], max_length=100, description="Groups it may be combined with, its own too; `*` is every group."
    )
    exclusive: bool = Field(default=False, description="Never beside another coupon.")
    priority: int = Field(default=0, ge=-1000, le=1000, strict=True, description="Higher is applied earlier.")
    notice_days: int = Field(default=0, ge=0, le=365, strict=True, description="Notice of its end ahead; 0: none.")
    codes: Annotated[OwnCodes | PoolCodes, Field(discriminator="kind")] = OwnCodes(kind="own")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.name_zh and not self.name_en:
            raise ValueError("name_zh or name_en is needed")
        if self.starts_at is not None and self.ends_at is not None and self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        if self.starts_at is not None and self.starts_at.year > LAST_YEAR:
            raise ValueError(f"starts_at must not be after {LAST_YEAR}")
        if self.exclusive and self.combines_with:
            raise ValueError("an exclusive coupon combines with nothing: leave combines_with empty")
        return self

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return self.model_dump(mode="json")
