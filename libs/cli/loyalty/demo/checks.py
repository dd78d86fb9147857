"""What came out against what must have come out: published figures, and the oracle member by member."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

from loyalty.cdnow import CdnowPurchase
from loyalty.clients.api import Api
from loyalty.demo.cast import RETURNS
from loyalty.demo.figures import Figures
from loyalty.demo.oracle import Bought, Expected, Returned, expected
from loyalty.demo.programme import levels, window

PERIOD = ("1997-01-01", "1997-09-30")
"""The weeks on which the figures were published (calibration period of Fader, Hardie and Lee, 2005)."""
ASKED_AT_ONCE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the verdict."""

    what: str
    wanted: str
    found: str

    @property
    def passed(self) -> bool:
        return self.wanted == self.found


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the ledger has of one member, from its statement: points by purchase, and the balance less debt."""

    earned: int
    taken_back: int
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Purchases after the first in the published period, orders of a day counting as one; spend in cents."""

    customers: int
    purchases: int
    mean_spend: float


def oracle(purchases: Iterable[CdnowPurchase]) -> dict[str, Expected]:
    """By customer, with the returns of the demonstration."""
    return expected(
        [Bought(customer=p.customer, order_id=p.order_id, at=p.occurred_at, amount=p.amount) for p in purchases],
        [Returned(return_id=r.return_id, order_id=r.order_id, at=r.occurred_at, amount=r.amount) for r in RETURNS],
        levels(),
        window(),
    )


def repeats(purchases: Iterable[CdnowPurchase]) -> Repeats:
    """Computed here from the data; of the sample they are known from the literature: 946, 2,457 and 35.08."""
    until = date.fromisoformat(PERIOD[1])
    days: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for one in purchases:
        days[one.customer][one.day] += one.amount
    spends = [[spent for day, spent in by.items() if min(by) < day <= until] for by in days.values()]
    means = [sum(one) / len(one) for one in spends if one]
    return Repeats(
        customers=len(means), purchases=sum(map(len, spends)), mean_spend=round(sum(means) / max(len(means), 1), 2)
    )


def ledgers(points: Api, member_ids: Sequence[str], show: Callable[[int], None]) -> dict[str, Kept]:
    """By member; every movement of every member is read."""
    found: dict[str, Kept] = {}
    with ThreadPoolExecutor(ASKED_AT_ONCE) as asking:
        for member_id, kept in zip(member_ids, asking.map(lambda one: _ledger(points, one), member_ids), strict=True):
            found[member_id] = kept
            show(len(found))
    return found


def _ledger(points: Api, member_id: str) -> Kept:
    entries = list(points.items(f"/v1/members/{member_id}/statement"))
    purchases = {
        (one["earning"]["source"], one["earning"]["order_id"]): one["earning"] for one in entries if one["earning"]
    }
    return Kept(
        earned=sum(one["earned"] for one in purchases.values()),
        taken_back=sum(one["taken_back"] for one in purchases.values()),
        balance=entries[0]["balance"] - entries[0]["debt"] if entries else 0,
    )


def against_oracle(
    wanted: Mapping[str, Expected], ids: Mapping[str, str], kept: Mapping[str, Kept], tiers: Mapping[str, str]
) -> list[Check]:
    """Points and tier of each member; the first that differs is named."""
    points = [
        (customer, f"+{e.earned} −{e.taken_back}", _told(kept[ids[customer]], e)) for customer, e in wanted.items()
    ]
    held = [(customer, e.tier, tiers.get(ids[customer], "unknown")) for customer, e in wanted.items()]
    earned, back = sum(e.earned for e in wanted.values()), sum(e.taken_back for e in wanted.values())
    return [
        Check(
            what="points earned and taken back, all members",
            wanted=f"{earned:,} − {back:,}",
            found=f"{sum(k.earned for k in kept.values()):,} − {sum(k.taken_back for k in kept.values()):,}",
        ),
        _alike("points of each member, against the oracle", points),
        _alike("tier of each member, against the oracle", held),
    ]


def _told(kept: Kept, wanted: Expected) -> str:
    agrees = kept.balance == wanted.earned - wanted.taken_back
    return f"+{kept.earned} −{kept.taken_back}" + ("" if agrees else f", but a balance of {kept.balance}")


def _alike(what: str, each: Sequence[tuple[str, str, str]]) -> Check:
    wrong = [(customer, wanted, found) for customer, wanted, found in each if wanted != found]
    told = f"{len(each) - len(wrong):,} of {len(each):,}"
    if wrong:
        customer, wanted, found = wrong[0]
        told += f" (customer {customer}: {found}, not {wanted})"
    return Check(what=what, wanted=f"{len(each):,} of {len(each):,}", found=told)


def orders_in(analytics: Api, purchases: Sequence[CdnowPurchase]) -> int:
    """How many purchases analytics knows of the years of this data, whoever made them."""
    days = sorted(one.day for one in purchases)
    answer = analytics.get("/v1/spend", **{"from": days[0].isoformat(), "to": days[-1].isoformat()})
    return int(answer["total"]["orders"])


def published_figures(analytics: Api, purchases: Sequence[CdnowPurchase]) -> list[Check]:
    """What analytics says of repeats until the end of September 1997."""
    wanted = repeats(purchases)
    answer = analytics.get("/v1/frequency", **{"from": PERIOD[0], "to": PERIOD[1], "same_day_once": "true"})
    found = answer["repeats"]
    return [
        Check(
            what="repeat purchases until 1997-09-30",
            wanted=f"{wanted.purchases:,}",
            found=f"{found['repeat_purchases']:,}",
        ),
        Check(
            what="customers with a repeat",
            wanted=f"{wanted.customers:,}",
            found=f"{found['repeat_customers']:,}",
        ),
        Check(
            what="their mean repeat spend",
            wanted=f"{wanted.mean_spend / 100:.2f}",
            found=f"{(found['mean_repeat_spend'] or 0) / 100:.2f}",
        ),
    ]


def everything_arrived(published: int, before: Figures, after: Figures) -> list[Check]:
    """What was published is new or a duplicate, nothing else; and all services know the same purchases and returns."""
    was, now = before.members, after.members
    new = now["purchases"] - was["purchases"] + now["returns"] - was["returns"]
    again = now["duplicates"] - was["duplicates"]
    orders, back = f"{now['purchases']:,}", f"{now['returns']:,}"
    figures = after.analytics["purchases"]
    return [
        Check(what="published = new + duplicates", wanted=f"{published:,}", found=f"{new + again:,}"),
        Check(what="purchases in points, as in members", wanted=orders, found=f"{after.points['purchases']:,}"),
        Check(what="purchases in analytics, as in members", wanted=orders, found=f"{figures['purchases']:,}"),
        Check(what="returns in points, as in members", wanted=back, found=f"{after.points['returns']:,}"),
        Check(what="returns in analytics, as in members", wanted=back, found=f"{figures['returns']:,}"),
        Check(
            what="returns that wait for their purchase",
            wanted="0, 0, 0",
            found=f"{now['returns_waiting']}, {after.points['returns_waiting']}, {figures['returns_waiting']}",
        ),
    ]


def in_order(before: Figures, after: Figures, ledger: Mapping[str, Any]) -> list[Check]:
    """The ledger holds, every mail arrived, nothing was set aside. `ledger`: what points finds when it checks it."""
    difference = ", ".join(str(one["difference"]) for one in ledger["wallets"])
    dead = sum(after.dead.values()) - sum(before.dead.values())
    mails = after.mails_accepted - before.mails_accepted
    return [
        Check(
            what="ledger holds, Σ over all accounts", wanted="yes, 0", found=f"{_yes(ledger['holds'])}, {difference}"
        ),
        Check(
            what="points outstanding in analytics, as in points",
            wanted=f"{after.wallet['outstanding'] - after.wallet['debt']:,}",
            found=f"{after.analytics['points']['outstanding']:,}",
        ),
        Check(
            what="e-mails in the sink, as sent by notify", wanted=f"{mails:,}", found=f"{after.mails - before.mails:,}"
        ),
        Check(what="new dead letters", wanted="0", found=f"{dead:,}"),
    ]


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
