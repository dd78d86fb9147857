"""One purchase through the whole house: four services as processes, a mail server, a shop that speaks plain AMQP."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import httpx
import pytest

from tests.faults.oracle import nothing_under_way
from tests.faults.world import SHOP, Running, World, new_world, until
from tests.notify.channels.mailserver import MailServer, mail_server
from tests.servers import Servers

pytestmark = pytest.mark.slow

SERVICES = ("members", "points", "notify", "analytics")
ADMIN = {"email": "admin@example.com", "password": "correct-horse-battery"}
MAIL = "lin@example.com"
CUSTOMER = "4711"
AN_HOUR_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@dataclass(frozen=True)
class House:
    world: World
    workers: Mapping[str, Running]
    mails: MailServer
    member: UUID


@pytest.fixture
async def house(servers: Servers, tmp_path: Path) -> AsyncIterator[House]:
    """All workers run and one member is known everywhere: the shop's customer 4711, who wants mail."""
    async with new_world(servers, tmp_path, SERVICES) as world, mail_server() as mails:
        admin = {"ADMIN_EMAIL": ADMIN["email"], "ADMIN_PASSWORD": ADMIN["password"]}
        assert await world.start("members", "migrate", **admin).ended() == 0
        smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mails.port)}
        started = [world.started(service, **(smtp if service == "notify" else {})) for service in SERVICES]
        workers = dict(zip(SERVICES, await asyncio.gather(*started), strict=True))
        member = await registered(await world.started("members", "api", **admin))
        for service, table in (("points", "members"), ("notify", "contacts"), ("analytics", "members")):
            await world.until_value(service, f"SELECT count(*) FROM {table}", 1)
        yield House(world, workers, mails, member)


async def registered(api: Running) -> UUID:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{api.port}", timeout=30) as client:
        answer = (await client.post("/v1/staff/login", json=ADMIN)).raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        somebody = {"name": "林小满", "email": MAIL, "external_ids": [{"system": SHOP, "id": CUSTOMER}]}
        return UUID((await client.post("/v1/members", json=somebody)).raise_for_status().json()["member_id"])


def purchase(order_id: str, **other: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "occurred_at": AN_HOUR_AGO.isoformat(),
        "currency": "CNY",
        "amount": 25_800,
        "customer": {"external_id": CUSTOMER},
        **other,
    }


def envelope(data: Any, **other: Any) -> bytes:
    """A structured CloudEvent, written by hand as in any language; None leaves an attribute out."""
    attributes = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": SHOP,
        "type": "purchase.submitted.v1",
        "time": datetime.now(UTC).isoformat(),
        "data": data,
        **other,
    }
    return json.dumps({name: value for name, value in attributes.items() if value is not None}).encode()


async def publish(world: World, *bodies: bytes, key: str = "purchase.submitted.v1") -> None:
    """As a shop does it: with the user that may only publish purchases, confirmed by the broker."""
    connection = await aio_pika.connect(world.vhost.url("demo-shop"))
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange("loyalty.events", ensure=False)
        for body in bodies:
            sent = aio_pika.Message(
                body,
                content_type="application/cloudevents+json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            await exchange.publish(sent, routing_key=key, mandatory=True)


EFFECTS = {
    "members": {
        "purchases": "SELECT count(*) FROM purchases",
        "resolutions": "SELECT count(*) FROM resolutions",
    },
    "points": {
        "accruals": "SELECT count(*) FROM purchases",
        "transfers": "SELECT count(*) FROM transfers",
        "balances": "SELECT sum(balance) FROM wallets",
    },
    "notify": {
        "inbox": "SELECT count(*) FROM notices WHERE channel = 'inbox' AND template = 'points_earned'",
        "mails": "SELECT count(*) FROM notices WHERE channel = 'email' AND template = 'points_earned'",
    },
    "analytics": {
        "purchases": "SELECT count(*) FROM purchases",
        "orders": "SELECT sum(orders) FROM spend_days",
        "gross": "SELECT sum(gross) FROM spend_days",
        "earned": "SELECT sum(points) FROM movements WHERE kind = 'earned'",
        "notices": "SELECT count(*) FROM notices WHERE template = 'points_earned'",
    },
}
ONE_PURCHASE = {
    "members": {"purchases": 1, "resolutions": 1},
    "points": {"accruals": 1, "transfers": 1, "balances": 258},
    "notify": {"inbox": 1, "mails": 1},
    "analytics": {"purchases": 1, "orders": 1, "gross": 25_800, "earned": 258, "notices": 2},
}


async def effects(world: World) -> dict[str, dict[str, Any]]:
    return {
        service: {name: await world.value(service, sql) for name, sql in queries.items()}
        for service, queries in EFFECTS.items()
    }


async def bought_once(house: House) -> str:
    """The member's one purchase has reached everybody; its trace id."""
    trace = os.urandom(16).hex()
    traceparent = f"00-{trace}-{os.urandom(8).hex()}-01"
    await publish(house.world, envelope(purchase("order-1"), id="event-1", traceparent=traceparent))
    seen: dict[str, Any] = {}

    async def everywhere() -> bool:
        seen.update(await effects(house.world))
        return seen == ONE_PURCHASE and len(house.mails.received) >= 1

    await until(everywhere, within_seconds=60, what=lambda: f"one purchase everywhere: {seen}, {house.mails.received}")
    await nothing_under_way(house.world)
    return trace


async def test_one_purchase_reaches_everybody_once_under_one_trace(house: House) -> None:
    world, trace = house.world, await bought_once(house)
    assert await effects(world) == ONE_PURCHASE
    for service in SERVICES:
        assert await world.value(service, "SELECT count(*) FROM dead_letters") == 0
    (bought,) = await world.rows("members", "SELECT source, order_id, member_id, amount FROM purchases")
    assert (bought.source, bought.order_id, bought.member_id, bought.amount) == (SHOP, "order-1", house.member, 25_800)
    (credit,) = await world.rows("points", "SELECT member_id, points, balance, order_id FROM transfers")
    assert (credit.member_id, credit.points, credit.balance, credit.order_id) == (house.member, 258, 258, "order-1")
    ((address, mail),) = house.mails.received
    assert (address, mail["To"]) == (MAIL, f"林小满 <{MAIL}>")
    assert "258" in text_of(mail)
    (notice,) = await world.rows("notify", "SELECT text FROM notices WHERE channel = 'inbox' AND about = 'order-1'")
    assert "258" in notice.text

    def heard(service: str) -> set[str]:
        return {line["type"] for line in house.workers[service].lines("handled") if line["trace_id"] == trace}

    wanted = {
        "members": "purchase.submitted.v1",
        "points": "purchase.completed.v1",
        "notify": "points.earned.v1",
        "analytics": "points.earned.v1",
    }
    for service, event_type in wanted.items():
        assert event_type in heard(service), (service, heard(service))


def text_of(mail: Any) -> str:
    body = mail.get_body(("plain", "html"))
    return str(body.get_content()) if body is not None else ""


def completed(order_id: str, member: UUID, **other: Any) -> bytes:
    data = {**purchase(order_id, **other), "member_id": str(member)}
    return envelope(data, type="purchase.completed.v1")


BAD: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "not JSON": (lambda: b"order-2;25800;CNY", "not_json"),
    "no envelope": (lambda: json.dumps(purchase("order-2")).encode(), "not_a_cloudevent"),
    "envelope without id": (lambda: envelope(purchase("order-2"), id=None), "not_a_cloudevent"),
    "unknown version": (lambda: envelope(purchase("order-2"), type="purchase.submitted.v9"), "unknown_version"),
    "negative amount": (lambda: envelope(purchase("order-2", amount=-1)), "invalid_data"),
    "no currency at all": (lambda: envelope(purchase("order-2", currency="RMB yuan")), "invalid_data"),
    "another currency": (lambda: envelope(purchase("order-2", currency="EUR")), "currency_mismatch"),
    "a time long ago": (lambda: envelope(purchase("order-2", occurred_at="1066-10-14T09:00:00Z")), "absurd_time"),
    "a time to come": (lambda: envelope(purchase("order-2", occurred_at="2999-01-01T00:00:00Z")), "absurd_time"),
    "10 MB": (lambda: envelope(purchase("order-2", shop="x" * 10_000_000)), "too_large"),
    "unknown member": (lambda: envelope(purchase("order-2", customer={"external_id": "?"})), "unknown_customer"),
    "same order, another body": (lambda: envelope(purchase("order-1", amount=99_900)), "order_id_reused"),
    "same event, another body": (lambda: envelope(purchase("order-2"), id="event-1"), "event_id_reused"),
}


async def test_bad_input_lies_in_the_dead_letters_with_its_error_and_changes_nothing(house: House) -> None:
    world = house.world
    await bought_once(house)
    mails = len(house.mails.received)
    await publish(world, *(make() for make, _ in BAD.values()))
    await world.until_value("members", "SELECT count(*) FROM dead_letters", len(BAD))
    reused = completed("order-1", house.member, amount=99_900)
    foreign = completed("order-3", house.member, currency="EUR")
    stranger = completed("order-4", uuid4())
    await publish(world, reused, foreign, b"{", key="purchase.completed.v1")
    for service in ("points", "analytics"):
        await world.until_value(service, "SELECT count(*) FROM dead_letters", 3)
    await nothing_under_way(world)
    assert await effects(world) == ONE_PURCHASE
    assert len(house.mails.received) == mails
    everywhere = ["currency_mismatch", "not_json", "order_id_reused"]
    found = {service: await errors(world, service) for service in SERVICES}
    assert found == {
        "members": sorted([*(code for _, code in BAD.values()), *everywhere]),
        "points": everywhere,
        "analytics": everywhere,
        "notify": [],
    }
    tried = "SELECT attempts FROM dead_letters WHERE error_type = 'unknown_customer'"
    assert await world.value("members", tried) == 4
    assert await world.value("members", "SELECT count(*) FROM dead_letters WHERE error_message = ''") == 0

    await publish(world, stranger, key="purchase.completed.v1")
    for service in ("members", "points"):
        await world.until_value(
            service, "SELECT count(*) FROM dead_letters WHERE error_type = 'unknown_member' AND attempts = 4", 1
        )
    assert await world.value("points", "SELECT count(*) FROM transfers") == 1


async def errors(world: World, service: str) -> list[str]:
    return sorted(row.error_type for row in await world.rows(service, "SELECT error_type FROM dead_letters"))
