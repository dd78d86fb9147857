"""Purchases handed in over HTTP, and purchases of customers who are to be recognised."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.events import Event, event_of
from common.events.purchases import CustomerReference, PurchaseCompleted, PurchaseRefunded, PurchaseSubmitted
from common.events.registry import PUBLISHERS
from common.messaging import Outcome
from common.security.callers import SYSTEM
from common.storage import Database
from members.clients import handlers as clients
from members.purchases import handlers as purchases
from members.submissions import handlers as submissions

Client = Callable[..., Any]
Register = Callable[..., Awaitable[UUID]]
Outbox = Callable[..., Awaitable[Sequence[Any]]]
SHOP = "//shop-1"
ORDER = {"order_id": "A-1", "occurred_at": "2024-03-01T10:00:00+08:00", "currency": "CNY", "amount": 5_000}
RETURN = {
    "return_id": "R-1",
    "order_id": "A-1",
    "occurred_at": "2024-03-02T10:00:00Z",
    "currency": "CNY",
    "amount": 100,
}


@pytest.fixture
async def shop(database: Database, client: Client) -> Any:
    """The client of a shop: it may hand in purchases for its source, and nothing else."""
    async with database.transaction() as tx:
        fields = {"name": "Shop", "roles": ("publisher",), "permissions": None, "source": SHOP}
        await clients.make(tx, SYSTEM, "shop-1", fields)
    return client(role="publisher", subject="client:shop-1", kind="client")


def submitted(*, amount: int = 5_000, source: str = SHOP, **customer: Any) -> Event[Any]:
    data = PurchaseSubmitted(
        order_id="A-1",
        amount=amount,
        occurred_at=datetime(2024, 3, 1, tzinfo=UTC),
        currency="CNY",
        customer=CustomerReference(**customer),
    )
    return event_of(data, source=source)


async def hear(database: Database, *events: Event[Any]) -> list[tuple[str, str]]:
    async with database.transaction() as tx:
        outcomes: Sequence[Outcome] = await submissions.purchases_submitted(tx, events)
    return [(outcome.word, outcome.reason) for outcome in outcomes]


# Customers who are to be recognised


@pytest.mark.parametrize(
    "customer",
    [{"phone": "138-0013-8000"}, {"openid": "oABC"}, {"external_id": "77"}],
)
async def test_recognised_purchase_is_published_as_the_shops(
    database: Database, register: Register, outbox: Outbox, customer: dict[str, Any]
) -> None:
    member = await register(phone="13800138000", openid="oABC", external_ids=((SHOP, "77"),))
    event = submitted(**customer)
    assert await hear(database, event) == []
    (row,) = await outbox("purchase.completed.v1")
    completed = PurchaseCompleted.model_validate_json(row.body)
    assert (row.source, completed.member_id, completed.order_id, completed.amount) == (SHOP, member, "A-1", 5_000)
    assert row.traceparent[3:35] == event.traceparent[3:35] or not event.traceparent


async def test_customer_is_recognised_by_card_number(database: Database, client: Client, outbox: Outbox) -> None:
    member = (await client().post("/v1/members", json={"name": "卡"})).json()
    assert await hear(database, submitted(card_number=member["card_number"])) == []
    (row,) = await outbox("purchase.completed.v1")
    assert row.data["member_id"] == member["member_id"]


async def test_external_id_of_another_shop_is_somebody_else(database: Database, register: Register) -> None:
    await register(external_ids=(("//shop-2", "77"),))
    assert await hear(database, submitted(external_id="77")) == [("retry", "unknown_customer")]


async def test_unknown_customer_is_tried_again_and_found_once_registered(
    database: Database, register: Register, outbox: Outbox
) -> None:
    event = submitted(phone="13800138000")
    assert await hear(database, event) == [("retry", "unknown_customer")]
    await register(phone="13800138000")
    assert await hear(database, event) == []
    assert len(await outbox("purchase.completed.v1")) == 1


@pytest.mark.parametrize("customer", [{"phone": "banana"}, {"card_number": "6600000000000000"}, {"openid": "ö"}])
async def test_customer_who_can_never_be_found_is_set_aside(database: Database, customer: dict[str, Any]) -> None:
    assert await hear(database, submitted(**customer)) == [("dead", "invalid_customer")]


async def test_same_submission_again_is_published_once_and_another_body_set_aside(
    database: Database, register: Register, outbox: Outbox
) -> None:
    await register(phone="13800138000")
    phone: dict[str, Any] = {"phone": "13800138000"}
    assert await hear(database, submitted(**phone), submitted(**phone)) == [("duplicate", "")]
    assert await hear(database, submitted(**phone), submitted(amount=1, **phone)) == [
        ("duplicate", ""),
        ("dead", "order_id_reused"),
    ]
    assert len(await outbox("purchase.completed.v1")) == 1


async def test_two_workers_publish_one_submission_as_one_event(
    database: Database, register: Register, outbox: Outbox
) -> None:
    await register(phone="13800138000")
    await asyncio.gather(*(hear(database, submitted(phone="13800138000")) for _ in range(4)))
    assert len({row.id for row in await outbox("purchase.completed.v1")}) == 1


async def test_submitted_purchase_of_wrong_currency_is_set_aside(database: Database, register: Register) -> None:
    await register(phone="13800138000")
    data = submitted(phone="13800138000").data.model_copy(update={"currency": "USD"})
    assert await hear(database, event_of(data, source=SHOP)) == [("dead", "currency_mismatch")]


# Over HTTP


async def test_purchase_of_a_member_is_accepted_and_published_for_the_shop(
    shop: Any, register: Register, outbox: Outbox, database: Database
) -> None:
    member = await register()
    answer = await shop.post("/v1/purchases", json={**ORDER, "member_id": str(member)})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["outcome"], answer.json()["id"], answer.json()["source"]) == ("accepted", "A-1", SHOP)
    (row,) = await outbox("purchase.completed.v1")
    assert (row.source, row.id, row.traceparent[3:35]) == (SHOP, answer.json()["event_id"], answer.json()["trace_id"])
    data = PurchaseCompleted.model_validate_json(row.body)
    assert data.occurred_at == datetime(2024, 3, 1, 2, tzinfo=UTC)
    async with database.transaction() as tx:
        assert not await purchases.purchases_completed(tx, [event_of(data, source=SHOP)])  # type: ignore[list-item]
    read = await shop.get("/v1/purchases", params={"source": SHOP, "order_id": "A-1"})
    assert read.status_code == 403


async def test_purchase_of_a_customer_is_published_as_submitted(shop: Any, outbox: Outbox) -> None:
    answer = await shop.post("/v1/purchases", json={**ORDER, "customer": {"phone": "13800138000"}})
    assert answer.json()["outcome"] == "accepted"
    (row,) = await outbox("purchase.submitted.v1")
    assert (row.source, row.data["customer"]["phone"]) == (SHOP, "13800138000")
    assert PurchaseSubmitted in PUBLISHERS["members"]


async def test_same_purchase_again_is_answered_the_same_and_published_once(
    shop: Any, register: Register, outbox: Outbox
) -> None:
    body = {**ORDER, "member_id": str(await register())}
    first, again = [await shop.post("/v1/purchases", json=body) for _ in range(2)]
    assert (again.status_code, again.json()["outcome"]) == (202, "duplicate")
    assert again.json()["event_id"] == first.json()["event_id"]
    assert len(await outbox("purchase.completed.v1")) == 1


async def test_same_number_with_another_body_is_a_conflict(shop: Any, register: Register, outbox: Outbox) -> None:
    member = str(await register())
    await shop.post("/v1/purchases", json={**ORDER, "member_id": member})
    answer = await shop.post("/v1/purchases", json={**ORDER, "member_id": member, "amount": 1})
    assert (answer.status_code, answer.json()["code"], answer.json()["key"]) == (409, "order_id_reused", "A-1")
    assert len(await outbox("purchase.completed.v1")) == 1


async def test_purchase_that_came_over_amqp_is_a_duplicate_or_a_conflict(
    shop: Any, register: Register, database: Database, outbox: Outbox
) -> None:
    member = await register()
    data = PurchaseCompleted.model_validate({**ORDER, "member_id": member})
    async with database.transaction() as tx:
        await purchases.purchases_completed(tx, [event_of(data, source=SHOP)])  # type: ignore[list-item]
    same = await shop.post("/v1/purchases", json={**ORDER, "member_id": str(member)})
    other = await shop.post("/v1/purchases", json={**ORDER, "member_id": str(member), "amount": 1})
    assert (same.json()["outcome"], other.status_code) == ("duplicate", 409)
    assert await outbox("purchase.completed.v1") == []


async def test_batch_answers_each_for_itself(shop: Any, register: Register, outbox: Outbox) -> None:
    member = str(await register())
    order = {**ORDER, "member_id": member}
    tomorrow = (datetime.now(UTC) + timedelta(hours=30)).isoformat()
    batch = [
        order,
        order,
        {**order, "amount": 1},
        {**order, "order_id": "A-2", "currency": "USD"},
        {**order, "order_id": "A-3", "occurred_at": tomorrow},
        {**order, "order_id": "A-4", "amount": -1},
        {**order, "order_id": "A-5", "source": "//shop-2"},
        {**order, "order_id": "A-6", "member_id": str(UUID(int=1))},
        {**ORDER, "order_id": "A-7"},
        {**ORDER, "order_id": "A-8", "customer": {"phone": "banana"}},
        {**order, "order_id": "A-9", "discount": 5_001},
        {**order, "order_id": "A-10", "lines": [{"sku": "x", "amount": 1}]},
        {**order, "order_id": "\u0000"},
        {**order, "order_id": "A-11", "amount": 10**30},
        {**order, "order_id": "A-12", "source": f"{SHOP}/till-3"},
    ]
    answer = await shop.post("/v1/purchases/batch", json={"purchases": batch})
    assert answer.status_code == 202, answer.text
    outcomes = [(item["outcome"], item["reason"]) for item in answer.json()["items"]]
    assert outcomes == [
        ("accepted", None),
        ("duplicate", None),
        ("conflict", "order_id_reused"),
        ("invalid", "currency_mismatch"),
        ("invalid", "absurd_time"),
        ("invalid", "invalid_request"),
        ("invalid", "source"),
        ("invalid", "unknown_member"),
        ("invalid", "invalid_request"),
        ("invalid", "invalid_customer"),
        ("invalid", "invalid_request"),
        ("invalid", "invalid_request"),
        ("invalid", "invalid_request"),
        ("invalid", "invalid_request"),
        ("accepted", None),
    ]
    assert (answer.json()["accepted"], answer.json()["invalid"]) == (2, 11)
    assert [row.source for row in await outbox("purchase.completed.v1")] == [SHOP, f"{SHOP}/till-3"]
    again = await shop.post("/v1/purchases/batch", json={"purchases": batch})
    assert (again.json()["accepted"], again.json()["duplicate"]) == (0, 3)


async def test_batch_of_500_is_taken(shop: Any, register: Register, outbox: Outbox) -> None:
    member = str(await register())
    batch = [{**ORDER, "order_id": f"A-{n}", "member_id": member} for n in range(500)]
    answer = await shop.post("/v1/purchases/batch", json={"purchases": batch})
    assert answer.json()["accepted"] == 500
    assert len(await outbox("purchase.completed.v1")) == 500
    assert (await shop.post("/v1/purchases/batch", json={"purchases": batch * 2})).status_code == 422


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"currency": "USD"}, 422, "purchase_refused"),
        ({"currency": "???"}, 422, "invalid_request"),
        ({"occurred_at": "1980-01-01T00:00:00Z"}, 422, "purchase_refused"),
        ({"occurred_at": "2024-03-01T10:00:00"}, 422, "invalid_request"),
        ({"occurred_at": "9999-12-31T23:59:59-12:00"}, 422, "invalid_request"),
        ({"amount": -1}, 422, "invalid_request"),
        ({"amount": 1.5}, 422, "invalid_request"),
        ({"amount": "5000"}, 422, "invalid_request"),
        ({"amount": 2**63}, 422, "invalid_request"),
        ({"order_id": "a\u0000b"}, 422, "invalid_request"),
        ({"order_id": ""}, 422, "invalid_request"),
        ({"order_id": "x" * 201}, 422, "invalid_request"),
        ({"member_id": None}, 422, "invalid_request"),
        ({"member_id": "not-a-uuid"}, 422, "invalid_request"),
        ({"member_id": str(UUID(int=9))}, 422, "purchase_refused"),
        ({"colour": "blue"}, 422, "invalid_request"),
        ({"source": "//shop-2"}, 403, "source_not_yours"),
        ({"source": "//shop-10"}, 403, "source_not_yours"),
        ({"source": "//loyalty/points"}, 403, "source_not_yours"),
        ({"customer": {"phone": "13800138000"}}, 422, "invalid_request"),
        ({"member_id": None, "customer": {}}, 422, "invalid_request"),
    ],
)
async def test_wrong_purchase_is_refused_and_nothing_published(
    shop: Any, register: Register, outbox: Outbox, change: dict[str, Any], status: int, code: str
) -> None:
    answer = await shop.post("/v1/purchases", json={**ORDER, "member_id": str(await register()), **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await outbox("purchase.completed.v1") == await outbox("purchase.submitted.v1") == []


async def test_source_may_stand_in_the_header(client: Client, register: Register, outbox: Outbox) -> None:
    body = {**ORDER, "member_id": str(await register())}
    operator = client()
    assert (await operator.post("/v1/purchases", json=body)).json()["code"] == "source_needed"
    answer = await operator.post("/v1/purchases", json=body, headers={"ce-source": "//till"})
    assert answer.json()["source"] == "//till"
    own = await operator.post("/v1/purchases", json=body, headers={"ce-source": "//loyalty/members"})
    assert own.status_code == 403


async def test_publisher_without_a_client_of_ours_has_no_source(client: Client, register: Register) -> None:
    body = {**ORDER, "member_id": str(await register()), "source": SHOP}
    stranger = client(role="publisher", subject="client:stranger", kind="client")
    assert (await stranger.post("/v1/purchases", json=body)).status_code == 403


async def test_return_is_accepted_once(shop: Any, outbox: Outbox) -> None:
    first = await shop.post("/v1/returns", json=RETURN)
    again = await shop.post("/v1/returns", json=RETURN)
    other = await shop.post("/v1/returns", json={**RETURN, "amount": 2})
    assert (first.json()["outcome"], again.json()["outcome"]) == ("accepted", "duplicate")
    assert (other.status_code, other.json()["code"]) == (409, "return_id_reused")
    (row,) = await outbox("purchase.refunded.v1")
    assert PurchaseRefunded.model_validate_json(row.body).amount == 100
    many = await shop.post("/v1/returns/batch", json={"returns": [RETURN, {**RETURN, "return_id": "R-2"}, {}]})
    assert [item["outcome"] for item in many.json()["items"]] == ["duplicate", "accepted", "invalid"]


@pytest.mark.parametrize("change", [{"amount": 0}, {"amount": -1}, {"return_id": ""}, {"currency": "USD"}, {"x": 1}])
async def test_wrong_return_is_refused(shop: Any, outbox: Outbox, change: dict[str, Any]) -> None:
    assert (await shop.post("/v1/returns", json={**RETURN, **change})).status_code == 422
    assert await outbox("purchase.refunded.v1") == []


async def test_of_one_purchase_handed_in_many_times_at_once_one_is_published(
    shop: Any, register: Register, outbox: Outbox
) -> None:
    body = {**ORDER, "member_id": str(await register())}
    answers = await asyncio.gather(*(shop.post("/v1/purchases", json=body) for _ in range(8)))
    assert sorted(answer.json()["outcome"] for answer in answers) == ["accepted"] + ["duplicate"] * 7
    assert len(await outbox("purchase.completed.v1")) == 1
