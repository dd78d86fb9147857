"""What a reward is, what it costs whom, and when it can be had. Times of a reward are local times of the programme."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from points.evaluation.calendar import week_start
from points.rewards.refusals import (
    BadTransitionError,
    LimitReachedError,
    NoLongerValidError,
    NotForThisSegmentError,
    NotForThisTierError,
    NotPublishedError,
    NotYetValidError,
    OutOfStockError,
    PointsShortError,
    PriceOptionUnknownError,
    RewardInvalidError,
    RewardRefusedError,
)
from points.times import local_day, midnight

GOODS, SERVICE, COUPON, TICKET, DONATION = "goods", "service", "coupon", "ticket", "donation"
HIDDEN, PUBLISHED, ARCHIVED = "hidden", "published", "archived"
EVER, DAY, WEEK, MONTH, YEAR = "ever", "day", "week", "month", "year"

NEXT_STATES: Mapping[str, tuple[str, ...]] = {
    HIDDEN: (PUBLISHED, ARCHIVED),
    PUBLISHED: (HIDDEN, ARCHIVED),
    ARCHIVED: (HIDDEN,),
}
FOR_EVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one piece costs: points, and money (minor units). `option` names the way to pay; of several prices of one
    option the member has the cheapest that is for them. No tiers, no segments: for everybody.
    """

    option: str
    points: int
    money: int = 0
    tiers: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One member may have so many in a calendar period of the programme."""

    quantity: int
    per: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """A row of the catalogue. `stock` None is unlimited; `valid_from`, `valid_until` are local, without a zone."""

    reward: str
    kind: str
    name_zh: str
    name_en: str
    prices: tuple[Price, ...]
    revision: int = 1
    state: str = HIDDEN
    limited_edition: bool = False
    description_zh: str = ""
    description_en: str = ""
    image_url: str = ""
    sort: int = 0
    limits: tuple[Limit, ...] = ()
    tiers: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    coupon_template: str = ""
    pay_within_minutes: int = 30
    stock: int | None = None

    @property
    def name(self) -> str:
        return self.name_zh or self.name_en


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """What of a member decides about rewards. `spendable` are points, less debt: below 0 in debt."""

    member_id: UUID
    tier: str
    segments: frozenset[str]
    spendable: int
    debt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The programme's calendar. ISO 8601: 1 is Monday."""

    zone: ZoneInfo
    first_day_of_week: int = 1


def check(reward: Reward) -> None:
    """Raises RewardInvalidError that names the field."""
    if not reward.name:
        raise RewardInvalidError("name", "is needed in one language at least")
    if (reward.kind == COUPON) != bool(reward.coupon_template):
        raise RewardInvalidError("coupon_template", "is needed for coupons, and for nothing else")
    if reward.valid_from and reward.valid_until and reward.valid_from >= reward.valid_until:
        raise RewardInvalidError("valid_until", "is not after valid_from")
    if len({limit.per for limit in reward.limits}) < len(reward.limits):
        raise RewardInvalidError("limits", "name a period twice")
    if any(price.money and not price.points for price in reward.prices):
        raise RewardInvalidError("prices", "ask for money without points")
    audiences = {(price.option, frozenset(price.tiers), frozenset(price.segments)) for price in reward.prices}
    if not reward.prices or len(audiences) < len(reward.prices):
        raise RewardInvalidError("prices", "must be one at least, and one for each option and audience")
    if reward.limited_edition and (reward.kind != GOODS or not reward.limits or reward.stock is None):
        raise RewardInvalidError("limited_edition", "is for goods with a stock and a limit per member")


def moved(reward: Reward, state: str) -> Reward:
    """The reward in another state. Raises BadTransitionError."""
    if state not in NEXT_STATES[reward.state]:
        raise BadTransitionError(reward.state, state, NEXT_STATES[reward.state])
    return replace(reward, state=state, revision=reward.revision + 1)


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Local times that a clock skips are taken by the offset before, those that come twice are the first ones."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def opens_at(reward: Reward, terms: Terms) -> datetime | None:
    return instant_of(reward.valid_from, terms.zone) if reward.valid_from else None


def closes_at(reward: Reward, terms: Terms) -> datetime | None:
    """Exclusive: at this instant it cannot be ordered any more."""
    return instant_of(reward.valid_until, terms.zone) if reward.valid_until else None


def period(per: str, now: datetime, terms: Terms) -> tuple[datetime, datetime | None]:
    """From when on it counts, and when it starts again: None never. Local midnights of the programme."""
    if per == EVER:
        return FOR_EVER, None
    today = local_day(now, terms.zone)
    first = _first_day(per, today, terms.first_day_of_week)
    after = {
        DAY: first + timedelta(days=1),
        WEEK: first + timedelta(days=7),
        MONTH: (first + timedelta(days=31)).replace(day=1),
        YEAR: date(first.year + 1, 1, 1),
    }[per]
    return midnight(first, terms.zone), midnight(after, terms.zone)


def _first_day(per: str, today: date, first_day_of_week: int) -> date:
    if per == WEEK:
        return week_start(today, first_day_of_week)
    return today.replace(month=1, day=1) if per == YEAR else today.replace(day=1) if per == MONTH else today


def prices_for(reward: Reward, customer: Customer) -> dict[str, Price]:
    """By option, in the catalogue's order: the cheapest price that is for this member (money first, then points)."""
    found: dict[str, Price] = {}
    for price in reward.prices:
        if _is_for(price.tiers, price.segments, customer):
            known = found.get(price.option)
            if known is None or (price.money, price.points) < (known.money, known.points):
                found[price.option] = price
    return found


def _is_for(tiers: Sequence[str], segments: Sequence[str], customer: Customer) -> bool:
    return (not tiers or customer.tier in tiers) and (not segments or not customer.segments.isdisjoint(segments))


def objections(
    reward: Reward,
    customer: Customer,
    *,
    quantity: int,
    option: str,
    used: Mapping[str, int],
    now: datetime,
    terms: Terms,
) -> list[RewardRefusedError]:
    """All that speaks against this member having so many now; the first one is told when it is ordered.

    `used` is what the member has had in each period of the reward's limits. `option` "" is the first one there is.
    """
    return [
        *_by_catalogue(reward, now, terms),
        *_by_audience(reward, customer, option),
        *_by_limits(reward, quantity, used, now, terms),
        *([OutOfStockError(reward.reward, reward.stock, quantity)] if _short(reward.stock, quantity) else []),
        *_by_points(reward, customer, quantity, option),
    ]


def _by_catalogue(reward: Reward, now: datetime, terms: Terms) -> Iterable[RewardRefusedError]:
    if reward.state != PUBLISHED:
        yield NotPublishedError(reward.reward)
    opens, closes = opens_at(reward, terms), closes_at(reward, terms)
    if opens is not None and now < opens:
        yield NotYetValidError(reward.reward, opens)
    if closes is not None and now >= closes:
        yield NoLongerValidError(reward.reward, closes)


def _by_audience(reward: Reward, customer: Customer, option: str) -> Iterable[RewardRefusedError]:
    if reward.tiers and customer.tier not in reward.tiers:
        yield NotForThisTierError(reward.reward, customer.tier, reward.tiers)
    elif reward.segments and customer.segments.isdisjoint(reward.segments):
        yield NotForThisSegmentError(reward.reward, reward.segments)
    else:
        yield from _by_option(reward, customer, option)


def _by_option(reward: Reward, customer: Customer, option: str) -> Iterable[RewardRefusedError]:
    options = prices_for(reward, customer)
    if option in options or (not option and options):
        return
    dear = [price for price in reward.prices if option in ("", price.option)]
    tiers = {tier for price in dear for tier in price.tiers}
    if not dear:
        yield PriceOptionUnknownError(reward.reward, option, tuple(options))
    elif tiers and customer.tier not in tiers:
        yield NotForThisTierError(reward.reward, customer.tier, tuple(sorted(tiers)))
    else:
        yield NotForThisSegmentError(reward.reward, tuple(sorted({one for price in dear for one in price.segments})))


def _by_limits(
    reward: Reward, quantity: int, used: Mapping[str, int], now: datetime, terms: Terms
) -> Iterable[RewardRefusedError]:
    for limit in reward.limits:
        had = used.get(limit.per, 0)
        if had + quantity > limit.quantity:
            resets_at = period(limit.per, now, terms)[1]
            yield LimitReachedError(reward.reward, limit.per, limit.quantity, had, quantity, resets_at)


def _by_points(reward: Reward, customer: Customer, quantity: int, option: str) -> Iterable[RewardRefusedError]:
    options = prices_for(reward, customer)
    price = options.get(option) if option else cheapest(options.values())
    if price is not None and price.points and customer.spendable < price.points * quantity:
        yield PointsShortError(customer.member_id, customer.spendable, price.points * quantity, customer.debt)


def cheapest(prices: Iterable[Price]) -> Price | None:
    """The one that needs the fewest points."""
    return min(prices, key=lambda price: price.points, default=None)


def _short(stock: int | None, quantity: int) -> bool:
    return stock is not None and stock < quantity
