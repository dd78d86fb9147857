"""Purchases and returns from events: each once, in any order, and nothing absurd."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.events import Event, event_of
from common.events.contract import Contract
from common.events.purchases import PurchaseCompleted, PurchaseRefunded
from common.messaging import Outcome
from common.storage import Database
from members.purchases import handlers as purchases
from members.tiers import handlers as tiers

Client = Callable[..., Any]
Register = Callable[..., Awaitable[UUID]]
SHOP = "//shop-1"
DAY = datetime(2024, 3, 1, tzinfo=UTC)


def bought(member: UUID, order_id: str = "A-1", amount: int = 5_000, **more: Any) -> Event[Any]:
    data = {"occurred_at": DAY, "currency": "CNY", **more}
    source = data.pop("source", SHOP)
    return event_of(PurchaseCompleted(member_id=member, order_id=order_id, amount=amount, **data), source=source)


def returned(return_id: str = "R-1", order_id: str = "A-1", amount: int = 1_000, **more: Any) -> Event[Any]:
    data = {"occurred_at": DAY + timedelta(days=1), "currency": "CNY", **more}
    return event_of(PurchaseRefunded(return_id=return_id, order_id=order_id, amount=amount, **data), source=SHOP)


async def hear(database: Database, *events: Event[Contract]) -> list[tuple[str, str]]:
    """Handle these as one batch; what did not go well, as (word, reason) in the order of the events."""
    outcomes: list[Outcome] = []
    async with database.transaction() as tx:
        for kind, handler in (
            (PurchaseCompleted, purchases.purchases_completed),
            (PurchaseRefunded, purchases.purchases_refunded),
        ):
            some: Sequence[Any] = [event for event in events if isinstance(event.data, kind)]
            if some:
                outcomes += await handler(tx, some) or []
    ordered = sorted(outcomes, key=lambda outcome: [event.id for event in events].index(outcome.event.id))
    return [(outcome.word, outcome.reason) for outcome in ordered]


async def recorded(database: Database, table: str = "purchases") -> list[Any]:
    async with database.transaction() as tx:
        return list(await tx.fetch_all(f"SELECT * FROM {table} ORDER BY 1, 2"))


async def test_purchase_is_recorded_with_lines_and_trace(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    lines = [{"sku": "S-1", "name": "茶", "amount": 3_000}, {"sku": "S-2", "amount": 2_000, "discount": 500}]
    event = bought(member, lines=lines, discount=500, tax=90, delivery=800, channel="web", shop="上海")
    assert await hear(database, event) == []
    (item,) = (await client().get(f"/v1/members/{member}/purchases")).json()["items"]
    assert [line["name"] for line in item["lines"]] == ["茶", ""]
    assert (item["amount"], item["discount"], item["tax"], item["delivery"], item["net"]) == (
        5_000,
        500,
        90,
        800,
        4_500,
    )
    assert (item["source"], item["order_id"], item["event_id"]) == (SHOP, "A-1", event.id)
    one = await client().get("/v1/purchases", params={"source": SHOP, "order_id": "A-1"})
    assert one.json() == item


async def test_trace_of_a_purchase_goes_on_in_the_tier_change(
    database: Database, register: Register, client: Client, outbox: Callable[..., Any]
) -> None:
    member = await register()
    trace = "0af7651916cd43dd8448eb211c80319c"
    data = PurchaseCompleted(member_id=member, order_id="A-1", amount=10_000, occurred_at=DAY, currency="CNY")
    await hear(database, event_of(data, source=SHOP, traceparent=f"00-{trace}-b7ad6b7169203331-01"))
    read = await client().get("/v1/purchases", params={"source": SHOP, "order_id": "A-1"})
    assert read.json()["trace_id"] == trace
    (changed,) = await outbox("member.tier_changed.v1")
    assert changed.traceparent[3:35] == trace


async def test_same_order_again_is_a_duplicate(database: Database, register: Register) -> None:
    member = await register()
    assert await hear(database, bought(member)) == []
    assert await hear(database, bought(member)) == [("duplicate", "")]
    assert len(await recorded(database)) == 1


async def test_same_order_with_another_body_is_set_aside(database: Database, register: Register) -> None:
    member = await register()
    await hear(database, bought(member))
    assert await hear(database, bought(member, amount=1)) == [("dead", "order_id_reused")]
    assert (await recorded(database))[0].amount == 5_000


async def test_within_a_batch_the_first_counts(database: Database, register: Register) -> None:
    member = await register()
    batch = [bought(member), bought(member), bought(member, amount=1), bought(member, "A-2")]
    assert await hear(database, *batch) == [("duplicate", ""), ("dead", "order_id_reused")]
    assert len(await recorded(database)) == 2


async def test_orders_of_two_shops_may_have_one_number(database: Database, register: Register) -> None:
    member = await register()
    assert await hear(database, bought(member), bought(member, source="//shop-2", amount=1)) == []


async def test_unknown_member_is_tried_again_later_without_effect(database: Database, register: Register) -> None:
    member, nobody = await register(), UUID(int=7)
    assert await hear(database, bought(nobody, "A-1"), bought(member, "A-2")) == [("retry", "unknown_member")]
    assert [row.order_id for row in await recorded(database)] == ["A-2"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"currency": "USD"}, "currency_mismatch"),
        ({"occurred_at": datetime(1989, 12, 31, 23, 59, tzinfo=UTC)}, "absurd_time"),
        ({"occurred_at": datetime.now(UTC) + timedelta(hours=25)}, "absurd_time"),
        ({"occurred_at": datetime(9999, 12, 31, tzinfo=UTC)}, "absurd_time"),
    ],
)
async def test_what_can_never_be_taken_is_set_aside(
    database: Database, register: Register, change: dict[str, Any], reason: str
) -> None:
    member = await register()
    assert await hear(database, bought(member, **change), bought(member, "A-2")) == [("dead", reason)]
    assert await hear(database, returned(**change)) == [("dead", reason)]
    assert [row.order_id for row in await recorded(database)] == ["A-2"]
    assert await recorded(database, "returns") == []


async def test_return_is_shown_with_its_purchase(database: Database, register: Register, client: Client) -> None:
    member = await register()
    assert await hear(database, bought(member), returned()) == []
    (item,) = (await client().get(f"/v1/members/{member}/purchases")).json()["items"]
    assert item["net"] == 4_000
    assert [(back["return_id"], back["amount"]) for back in item["returns"]] == [("R-1", 1_000)]


async def test_return_before_its_purchase_waits_and_is_matched(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    assert await hear(database, returned()) == []
    assert (await client().get("/v1/figures")).json()["returns_waiting"] == 1
    assert await hear(database, bought(member)) == []
    assert (await client().get("/v1/figures")).json()["returns_waiting"] == 0
    (item,) = (await client().get(f"/v1/members/{member}/purchases")).json()["items"]
    assert item["net"] == 4_000


async def test_return_may_name_another_source_of_its_purchase(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    await hear(database, bought(member, source="//web"), returned(order_source="//web"))
    (item,) = (await client().get(f"/v1/members/{member}/purchases")).json()["items"]
    assert item["net"] == 4_000


async def test_same_return_again_and_with_another_body(database: Database, register: Register) -> None:
    await hear(database, bought(await register()), returned())
    assert await hear(database, returned()) == [("duplicate", "")]
    assert await hear(database, returned(amount=2)) == [("dead", "return_id_reused")]
    assert len(await recorded(database, "returns")) == 1


async def test_return_and_purchase_committed_at_once_are_matched_by_the_job(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    await hear(database, bought(member, amount=10_000))
    async with database.transaction() as first:
        await purchases.purchases_refunded(first, [returned("R-2", "A-2", 9_000)])
        async with database.transaction() as second:
            await purchases.purchases_completed(second, [bought(member, "A-2", 20_000)])
    assert (await client().get("/v1/figures")).json()["returns_waiting"] == 1
    async with database.transaction() as tx:
        await purchases.returns_matched(tx)
    assert (await client().get("/v1/figures")).json()["returns_waiting"] == 0
    standing = (await client().get(f"/v1/members/{member}/tier")).json()
    assert standing["qualifying_amount"] == 21_000
    assert standing["tier"] == "silver"


async def test_two_workers_with_the_same_members_in_opposite_order_do_not_deadlock(
    database: Database, register: Register
) -> None:
    members = [await register() for _ in range(20)]

    async def work(worker: int) -> None:
        ordered = members if worker % 2 else members[::-1]
        for round_ in range(5):
            batch = [bought(member, f"{worker}-{round_}-{n}") for n, member in enumerate(ordered)]
            backs = [returned(f"{worker}-{round_}-{n}", f"{worker}-{round_}-{n}", 500) for n in range(20)]
            assert await hear(database, *batch, *backs) == []

    await asyncio.gather(*(work(worker) for worker in range(4)))
    async with database.transaction() as tx:
        await purchases.reviewed(tx)
        waiting = await tx.fetch_value("SELECT count(*) FROM reviews_wanted")
        kept = await tiers.tiers_of(tx, members)
        for member in members:
            standing = await tiers.standing_of(tx, member, await purchases.life_of(tx, member))
            assert standing is not None
            assert (standing.qualifying, standing.tier.key) == (4 * 5 * 4_500, kept[member])
    assert waiting == 0


async def test_member_with_many_purchases_is_read_in_pages(
    database: Database, register: Register, client: Client
) -> None:
    member = await register()
    await hear(database, *(bought(member, f"A-{n:02}", occurred_at=DAY + timedelta(hours=n // 3)) for n in range(25)))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client().get(f"/v1/members/{member}/purchases", params={"limit": "10", **cursor})).json()
        seen += [item["order_id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [f"A-{n:02}" for n in reversed(range(25))]


async def test_unknown_purchase_is_404(client: Client) -> None:
    answer = await client().get("/v1/purchases", params={"source": SHOP, "order_id": "none"})
    assert (answer.status_code, answer.json()["code"]) == (404, "purchase_not_found")
