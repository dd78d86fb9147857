"""What the coupons of a template are worth, for what, for whom, how long. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

DRAFT, ACTIVE, ARCHIVED = "draft", "active", "archived"
AMOUNT, PERCENT, GIFT, SHIPPING = "amount", "percent", "gift", "shipping"
ANY_HOLDER, MEMBER_ONLY = "any", "member"
OF_ORDER, OF_ELIGIBLE = "order", "eligible"
EVERY_GROUP = "*"
WHOLE = 10_000
"""A percentage is kept in hundredths of a percent: 10,000 is 100 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many may be issued and used, in total and per member; None is without limit."""

    issued_total: int | None = None
    issued_per_member: int | None = None
    used_total: int | None = None
    used_per_member: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """One version of a template. Money in minor units; empty sets mean every product, channel, shop.

    `amount` is the worth of an amount coupon, or the most a shipping coupon pays (None: all). `minimum_amount` is held
    against the whole order or the eligible lines, before any coupon. `starts_at`–`ends_at` (exclusive) is a fixed
    window, `days` counts from the issue, or from `starts_at` when that is later.
    """

    kind: str
    amount: int | None = None
    hundredths: int = 0
    cap: int | None = None
    gift_sku: str = ""
    gift_quantity: int = 0
    gift_value: int = 0
    minimum_amount: int = 0
    minimum_of: str = OF_ORDER
    skus: frozenset[str] = frozenset()
    not_skus: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    not_categories: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    shops: frozenset[str] = frozenset()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    days: int | None = None
    holder: str = MEMBER_ONLY
    limits: Limits = field(default_factory=Limits)
    group: str = "coupon"
    combines_with: frozenset[str] = frozenset()
    exclusive: bool = False
    priority: int = 0
    name_zh: str = ""
    name_en: str = ""
    notice_days: int = 0
    prefix: str = ""
    pool: str = ""

    @property
    def name(self) -> str:
        return self.name_zh or self.name_en


class Template(NamedTuple):
    """A template: its state, the version that is issued (0 before the first activation), and its draft, if any."""

    template: str
    state: str
    version: int
    revision: int
    terms: Terms | None


class TemplateStateError(Exception):
    """The template's state does not allow this."""

    def __init__(self, template: str, state: str, why: str) -> None:
        super().__init__(f"Coupon template {template} is {state}: {why}.")
        self.template = template
        self.state = state


class TemplateExistsError(Exception):
    """A template with this key is there."""

    def __init__(self, template: str) -> None:
        super().__init__(f"Coupon template {template} exists.")
        self.template = template


class PoolOfTemplateUnknownError(Exception):
    """The draft takes its codes from a pool that is not there."""

    def __init__(self, template: str, pool: str) -> None:
        super().__init__(f"Coupon template {template} takes codes from pool {pool}, which does not exist.")
        self.template = template
        self.pool = pool


_SETS = ("skus", "not_skus", "categories", "not_categories", "channels", "shops", "combines_with")
_PLAIN = ("minimum_amount", "minimum_of", "holder", "group", "exclusive", "priority", "notice_days", "days")


def terms_of(form: Mapping[str, Any]) -> Terms:
    """From the JSON a version is kept as (the request's form)."""
    benefit, codes = form["benefit"], form.get("codes") or {}
    given: dict[str, Any] = {name: form[name] for name in _PLAIN if form.get(name) is not None}
    given |= {name: frozenset(form[name]) for name in _SETS if form.get(name)}
    given |= {name: _instant(form[name]) for name in ("starts_at", "ends_at") if form.get(name)}
    return Terms(
        kind=benefit["kind"],
        amount=benefit.get("amount"),
        hundredths=hundredths(benefit["percent"]) if "percent" in benefit else 0,
        cap=benefit.get("cap"),
        gift_sku=benefit.get("sku", ""),
        gift_quantity=benefit.get("quantity", 0),
        gift_value=benefit.get("value", 0),
        limits=Limits(**(form.get("limits") or {})),
        name_zh=form.get("name_zh", ""),
        name_en=form.get("name_en", ""),
        prefix=codes.get("prefix", ""),
        pool=codes.get("pool", ""),
        **given,
    )


def hundredths(percent: str) -> int:
    """`"12.5"` is 1250."""
    whole, _, decimals = percent.partition(".")
    return int(whole) * 100 + int(decimals.ljust(2, "0") or "0")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def combinable(one: Terms, other: Terms) -> bool:
    """Whether two coupons may be used on one order: both must allow the other's group, and neither be exclusive."""
    return not (one.exclusive or other.exclusive) and _allows(one, other) and _allows(other, one)


def _allows(one: Terms, other: Terms) -> bool:
    return EVERY_GROUP in one.combines_with or other.group in one.combines_with
