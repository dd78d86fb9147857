"""The demonstration's checks tell right from wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from loyalty import cdnow
from loyalty.cdnow import CdnowPurchase
from loyalty.clients.api import Api
from loyalty.demo import cast, checks, shop
from loyalty.demo.checks import Kept
from loyalty.demo.figures import Figures
from loyalty.demo.oracle import Expected


@pytest.fixture(scope="module")
def sample() -> list[CdnowPurchase]:
    file = Path(__file__).parents[2] / ".run" / "data" / "CDNOW_sample.txt"
    if not file.exists():
        pytest.skip(f"{file.name} is not there: `make demo` fetches it")
    return shop.day_book(cdnow.read(file))


WANTED = {
    "1": Expected(earned=100, taken_back=20, tier="silver", history=()),
    "2": Expected(earned=50, taken_back=0, tier="base", history=()),
}
IDS = {"1": "id-1", "2": "id-2"}
KEPT = {"id-1": Kept(earned=100, taken_back=20, balance=80), "id-2": Kept(earned=50, taken_back=0, balance=50)}
TIERS = {"id-1": "silver", "id-2": "base"}


def test_published_figures_follow_from_the_sample(sample: list[CdnowPurchase]) -> None:
    found = checks.repeats(sample)
    assert (found.customers, found.purchases, round(found.mean_spend / 100, 2)) == (946, 2457, 35.08)


def test_returns_and_traced_order_are_of_the_sample_and_never_more_than_was_bought(sample: list[CdnowPurchase]) -> None:
    orders = {one.order_id: one for one in sample}
    back: dict[str, int] = {}
    for entry in cast.RETURNS:
        back[entry.order_id] = back.get(entry.order_id, 0) + entry.amount
        assert entry.occurred_at > orders[entry.order_id].occurred_at
    assert all(amount <= orders[order_id].amount for order_id, amount in back.items())
    assert orders[cast.TRACED_ORDER].customer == cast.STORY_CUSTOMER
    wholly = [order_id for order_id, amount in back.items() if amount == orders[order_id].amount]
    assert wholly == ["03415-19970727-1", "03376-19970114-1"]


def test_the_storys_member_rises_falls_and_rises_again(sample: list[CdnowPurchase]) -> None:
    history = checks.oracle(sample)[cast.STORY_CUSTOMER].history
    assert [tier for tier, _ in history] == ["base", "silver", "gold", "silver", "gold"]


def test_all_that_is_published_is_counted(sample: list[CdnowPurchase]) -> None:
    assert len(list(shop.news(sample))) == shop.number_of_news(sample) == 6919 + 6 + 100


def test_made_up_addresses_are_all_different_and_of_nobody(sample: list[CdnowPurchase]) -> None:
    customers = {one.customer for one in sample}
    addresses = {cast.email_of(customer) for customer in customers}
    assert len(addresses) == len(customers)
    assert all(address.endswith("@example.com") for address in addresses)
    assert cast.wants_email(cast.STORY_CUSTOMER)


def test_a_ledger_that_agrees_passes() -> None:
    assert all(check.passed for check in checks.against_oracle(WANTED, IDS, KEPT, TIERS))


@pytest.mark.parametrize(
    ("kept", "tiers", "failed", "told"),
    [
        (Kept(earned=51, taken_back=0, balance=51), "base", 2, "customer 2: +51 −0, but a balance of 51, not +50 −0"),
        (Kept(earned=50, taken_back=0, balance=49), "base", 1, "but a balance of 49"),
        (Kept(earned=50, taken_back=0, balance=50), "gold", 1, "customer 2: gold, not base"),
    ],
)
def test_a_member_who_differs_fails_and_is_named(kept: Kept, tiers: str, failed: int, told: str) -> None:
    found = checks.against_oracle(WANTED, IDS, {**KEPT, "id-2": kept}, {**TIERS, "id-2": tiers})
    wrong = [check for check in found if not check.passed]
    assert len(wrong) == failed
    assert told in wrong[-1].found


def statement(request: httpx.Request) -> httpx.Response:
    """Two pages: a purchase that was repriced, then taken back in part; a debt of 3."""
    earning = {"source": "//s", "order_id": "1", "earned": 12, "taken_back": 5}
    pages: dict[str | None, dict[str, Any]] = {
        None: {"items": [{"earning": earning, "balance": 10, "debt": 3}], "next": "more"},
        "more": {
            "items": [{"earning": earning, "balance": 15, "debt": 0}, {"earning": None, "balance": 0, "debt": 0}],
            "next": None,
        },
    }
    return httpx.Response(200, json=pages[request.url.params.get("cursor")])


def test_a_statement_counts_each_purchase_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with Api("http://points.test", lambda: "token") as points:
        points._http = httpx.Client(base_url="http://points.test", transport=httpx.MockTransport(statement))
        found = checks.ledgers(points, ["id-1"], lambda _: None)
    assert found == {"id-1": Kept(earned=12, taken_back=5, balance=7)}


def figures(**members: int) -> Figures:
    base = {"purchases": 10, "returns": 2, "duplicates": 5, "returns_waiting": 0, "members": 3}
    wallet = {"wallet": "points", "outstanding": 70, "debt": 0}
    return Figures(
        members={**base, **members},
        points={"purchases": 10, "returns": 2, "returns_waiting": 0, "wallets": [wallet]},
        notify={"notices": [], "attempts": [{"outcome": "sent", "attempts": 4}]},
        analytics={"purchases": {"purchases": 10, "returns": 2, "returns_waiting": 0}, "points": {"outstanding": 70}},
        dead={"members": 1, "points": 0},
        mails=4,
    )


def test_what_was_published_must_be_new_or_a_duplicate() -> None:
    before = figures(purchases=8, returns=1, duplicates=0)
    assert all(check.passed for check in checks.everything_arrived(8, before, figures()))
    lost = [check.what for check in checks.everything_arrived(9, before, figures()) if not check.passed]
    assert lost == ["published = new + duplicates"]


def test_a_mail_that_never_arrived_and_a_new_dead_letter_fail() -> None:
    before, after = replace(figures(), mails=0, notify={"notices": [], "attempts": []}), figures()
    ledger = {"holds": True, "wallets": [{"difference": 0}]}
    assert all(check.passed for check in checks.in_order(before, after, ledger))
    worse = replace(after, mails=3, dead={"members": 1, "points": 1})
    assert [check.what for check in checks.in_order(before, worse, ledger) if not check.passed] == [
        "e-mails in the sink, as sent by notify",
        "new dead letters",
    ]
