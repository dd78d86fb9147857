"""What is sent and answered at the door of the catalogue."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, NaiveDatetime, StrictBool, WithJsonSchema

from common.http import RequestBody, ResponseBody
from common.http.fields import Key, LongText, ShortText
from points.rewards import domain
from points.rewards.domain import Limit, Price, Reward, Terms

MAX_PRICE = 10**12
MAX_STOCK = 10**9
MAX_PRICES, MAX_AUDIENCE = 50, 50
FIRST_YEAR, LAST_YEAR = 2000, 2200

RewardKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", max_length=64)]
Kind = Literal["goods", "service", "coupon", "ticket", "donation"]
State = Literal["hidden", "published", "archived"]
Period = Literal["ever", "day", "week", "month", "year"]
Option = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$", max_length=31)]
ImageUrl = Annotated[str, Field(max_length=500, pattern=r"^(https?://[!-~]+)?$")]
Audience = Annotated[tuple[Key, ...], Field(max_length=MAX_AUDIENCE)]


def _written_out(value: object) -> object:
    # pydantic would take numbers for seconds since 1970
    if not isinstance(value, str):
        raise ValueError("must be text, like 2026-01-31T12:00:00")
    return value


def _sensible(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return value


LocalTime = Annotated[
    NaiveDatetime,
    BeforeValidator(_written_out),
    AfterValidator(_sensible),
    WithJsonSchema({"type": "string", "examples": ["2026-12-01T10:00:00"]}),
]
"""A local time of the programme, without a zone."""


class PriceBody(RequestBody):
    """One piece costs so many points and so much money (minor units), for these tiers and segments (none: for all)."""

    option: Option = "points"
    points: int = Field(ge=0, le=MAX_PRICE, strict=True)
    money: int = Field(default=0, ge=0, le=MAX_PRICE, strict=True, description="Minor units (分, cents).")
    tiers: Audience = ()
    segments: Audience = ()


class LimitBody(RequestBody):
    """One member may have so many per calendar period of the programme."""

    quantity: int = Field(ge=1, le=1_000_000, strict=True)
    per: Period = "ever"


class RewardFields(RequestBody):
    """All that operators decide about a reward, but its key, its state and its stock."""

    kind: Kind
    name_zh: ShortText = ""
    name_en: ShortText = ""
    description_zh: LongText = ""
    description_en: LongText = ""
    prices: Annotated[tuple[PriceBody, ...], Field(min_length=1, max_length=MAX_PRICES)]
    limits: Annotated[tuple[LimitBody, ...], Field(max_length=5)] = ()
    limited_edition: Annotated[StrictBool, Field(description="Goods that need a stock and a limit per member.")] = False
    tiers: Audience = ()
    segments: Audience = ()
    valid_from: LocalTime | None = None
    valid_until: Annotated[LocalTime | None, Field(description="Exclusive.")] = None
    image_url: ImageUrl = ""
    sort: int = Field(default=0, ge=-1_000_000, le=1_000_000, strict=True)
    coupon_template: Annotated[ShortText, Field(description="Of a reward that is a coupon.")] = ""
    pay_within_minutes: int = Field(default=30, ge=1, le=43_200, strict=True)

    def reward(self, key: str, stock: int | None = None) -> Reward:
        fields = self.model_dump(exclude={"prices", "limits", "key", "stock"})
        return Reward(
            **fields,
            reward=key,
            prices=tuple(Price(**price.model_dump()) for price in self.prices),
            limits=tuple(Limit(**limit.model_dump()) for limit in self.limits),
            stock=stock,
        )


class NewReward(RewardFields):
    """A reward that is not shown yet. `stock` null is unlimited."""

    key: RewardKey
    stock: int | None = Field(default=None, ge=0, le=MAX_STOCK, strict=True)


class StateBody(RequestBody):
    """Hidden and archived rewards cannot be ordered; archived ones are not in the usual lists."""

    state: State


class Restock(RequestBody):
    """Pieces that came, or (below 0) that left."""

    change: int = Field(ge=-MAX_STOCK, le=MAX_STOCK, strict=True)
    note: ShortText = ""


class Counted(RequestBody):
    """What was counted; null makes it unlimited."""

    stock: int | None = Field(ge=0, le=MAX_STOCK, strict=True)
    note: Annotated[ShortText, Field(min_length=1, description="Why it is corrected.")]


class PriceResponse(ResponseBody):
    option: str
    points: int
    money: int
    tiers: list[str]
    segments: list[str]

    @classmethod
    def of(cls, price: Price) -> Self:
        return cls(
            option=price.option,
            points=price.points,
            money=price.money,
            tiers=list(price.tiers),
            segments=list(price.segments),
        )


class LimitResponse(ResponseBody):
    quantity: int
    per: str


class RewardResponse(ResponseBody):
    """A reward. `opens_at` and `closes_at` are the instants of the local times."""

    key: str
    revision: int
    state: str
    kind: str
    limited_edition: bool
    name_zh: str
    name_en: str
    description_zh: str
    description_en: str
    prices: list[PriceResponse]
    limits: list[LimitResponse]
    tiers: list[str]
    segments: list[str]
    valid_from: datetime | None
    valid_until: datetime | None
    opens_at: datetime | None
    closes_at: datetime | None
    image_url: str
    sort: int
    coupon_template: str
    pay_within_minutes: int
    stock: int | None = Field(description="What can still be ordered; null is unlimited.")

    @classmethod
    def of(cls, reward: Reward, terms: Terms) -> Self:
        plain = {name: getattr(reward, name) for name in cls.model_fields if hasattr(reward, name)}
        return cls(
            **{
                **plain,
                "key": reward.reward,
                "prices": [PriceResponse.of(price) for price in reward.prices],
                "limits": [LimitResponse(quantity=limit.quantity, per=limit.per) for limit in reward.limits],
                "tiers": list(reward.tiers),
                "segments": list(reward.segments),
                "opens_at": domain.opens_at(reward, terms),
                "closes_at": domain.closes_at(reward, terms),
            }
        )


class StockChangeResponse(ResponseBody):
    """`reason`: initial, restock, correction, ordered, given_back. `reference` is an order's id, or empty."""

    number: int
    change: int
    stock: int | None
    reason: str
    reference: str
    note: str
    actor: str
    at: datetime


class StockResponse(ResponseBody):
    key: str
    stock: int | None
