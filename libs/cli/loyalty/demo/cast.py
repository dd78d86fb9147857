"""Who and what the demonstration adds to the CDNOW purchases: people's names, a few returns, some purchases sent twice.

All of it follows from the customers' numbers, so that every run says the same. Names and addresses are made up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from common.events.purchases import CustomerReference, PurchaseRefunded, PurchaseSubmitted
from loyalty.cdnow import CURRENCY, TIME_ZONE, CdnowPurchase

FIRST = "Ada Ben Cleo Dan Elif Finn Grace Hugo Ines Jun Kira Liang Mei Noor Omar Pia Quinn Rosa Sam Tao"
LAST = "Adler Bauer Chen Diaz Evans Fox Garcia Huang Ito Jones Khan Lopez Moreau Novak Okafor Park Reed Silva Wang"
DUPLICATES = 100
WRITTEN_TO_ONE_IN = 4

STORY_CUSTOMER = "03415"
"""Rises to gold, gives the purchase back that did it, falls to silver, rises again."""
TRACED_ORDER = "03415-19970727-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """A return of `amount` cents; `early` when it is published before the purchase it belongs to."""

    return_id: str
    order_id: str
    day: date
    amount: int
    reason: str
    early: bool = False

    @property
    def occurred_at(self) -> datetime:
        return datetime.combine(self.day, time(15, 30), tzinfo=ZoneInfo(TIME_ZONE)).astimezone(UTC)


RETURNS = (
    GivenBack(
        return_id="R-03415-1", order_id=TRACED_ORDER, day=date(1997, 8, 6), amount=137_05, reason="all of it"
    ),
    GivenBack(
        return_id="R-02761-1", order_id="02761-19970203-1", day=date(1997, 2, 20), amount=50_00, reason="a part"
    ),
    GivenBack(
        return_id="R-01167-1", order_id="01167-19970518-1", day=date(1997, 6, 2), amount=30_00, reason="a part",
        early=True,
    ),
    *(
        GivenBack(
            return_id=f"R-03376-{number}", order_id="03376-19970114-1", day=date(1997, 2, 20 + number), amount=amount,
            reason="all of it, in three parcels",
        )
        for number, amount in enumerate((30_00, 30_00, 24_94), start=1)
    ),
)  # fmt: skip
"""All of orders that are in the sample, and so in the full set too."""


def name_of(customer: str) -> str:
    first, last, number = FIRST.split(), LAST.split(), int(customer)
    return f"{first[number % len(first)]} {last[number // len(first) % len(last)]}"


def email_of(customer: str) -> str:
    """At example.com, which belongs to nobody (RFC 2606)."""
    return f"{name_of(customer).replace(' ', '.').lower()}.{customer}@example.com"


def wants_email(customer: str) -> bool:
    """One member in four; everybody has the inbox. So mails are sent by the thousand, not by ten thousands."""
    return int(customer) % WRITTEN_TO_ONE_IN == 0 or customer == STORY_CUSTOMER


def submitted(purchase: CdnowPurchase) -> PurchaseSubmitted:
    """The purchase as the shop tells of it: it knows its own customer number, and no member."""
    return PurchaseSubmitted(
        order_id=purchase.order_id,
        occurred_at=purchase.occurred_at,
        currency=CURRENCY,
        amount=purchase.amount,
        channel="web",
        shop="cdnow",
        customer=CustomerReference(external_id=purchase.customer),
    )


def refunded(entry: GivenBack) -> PurchaseRefunded:
    return PurchaseRefunded(
        return_id=entry.return_id,
        order_id=entry.order_id,
        occurred_at=entry.occurred_at,
        currency=CURRENCY,
        amount=entry.amount,
        reason=entry.reason,
    )


def early_returns() -> Sequence[PurchaseRefunded]:
    return [refunded(entry) for entry in RETURNS if entry.early]


def later_returns() -> Sequence[PurchaseRefunded]:
    return [refunded(entry) for entry in RETURNS if not entry.early]
