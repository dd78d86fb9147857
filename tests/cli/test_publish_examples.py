"""The examples of docs/publishing.md, run as they stand wherever their client is installed."""

import asyncio
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import aio_pika
import pytest

from common.events.contract import Contract
from common.events.event import Event
from common.events.purchases import PurchaseRefunded, PurchaseSubmitted
from common.events.registry import CONTRACTS
from common.messaging.envelope import decode
from common.messaging.frames import Delivery
from tests.servers import Vhost

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BOUGHT = "2026-03-01T09:30:00+08:00"

needs_amqp_tools = pytest.mark.skipif(shutil.which("amqp-publish") is None, reason="amqp-tools is not installed")
needs_pika = pytest.mark.skipif(importlib.util.find_spec("pika") is None, reason="pika is not installed")


async def sent(vhost: Vhost, *command: str, queue: str = "members.main") -> Event[Contract]:
    """Runs the example as the publisher's user and gives what arrived, as a service understands it."""
    environment = os.environ | {"RABBITMQ_URL": vhost.url("demo-shop")}
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    assert await process.wait() == 0
    async with await aio_pika.connect(vhost.url("operator")) as connection:
        channel = await connection.channel()
        message = await (await channel.get_queue(queue)).get(no_ack=True, timeout=5)
        assert message is not None
        return decode(
            Delivery(
                tag=1,
                redelivered=False,
                routing_key=message.routing_key or "",
                exchange=message.exchange or "",
                content_type=message.content_type or "",
                headers=dict(message.headers),
                body=message.body,
            ),
            CONTRACTS,
        )


@needs_amqp_tools
async def test_a_purchase_published_from_a_shell_is_understood(vhost: Vhost) -> None:
    event = await sent(vhost, "sh", f"{EXAMPLES}/publish_with_shell.sh", "ORDER-3", "4711", BOUGHT, "1234", "CNY")
    assert isinstance(event.data, PurchaseSubmitted)
    assert (event.id, event.data.amount, event.data.customer.external_id) == ("purchase-ORDER-3", 1234, "4711")


@needs_amqp_tools
async def test_a_return_in_binary_form_from_a_shell_is_understood(vhost: Vhost) -> None:
    script = f"{EXAMPLES}/publish_binary_with_shell.sh"
    event = await sent(vhost, "sh", script, "R-1", "ORDER-3", BOUGHT, "1234", "CNY", queue="points.main")
    assert isinstance(event.data, PurchaseRefunded)
    assert (event.source, event.data.return_id, event.data.amount) == ("//shop.example/till-9", "R-1", 1234)


@needs_pika
async def test_a_purchase_published_with_pika_is_understood(vhost: Vhost) -> None:
    script = f"{EXAMPLES}/publish_with_pika.py"
    event = await sent(vhost, sys.executable, script, "ORDER-1", "4711", BOUGHT, "12.34", "CNY")
    assert isinstance(event.data, PurchaseSubmitted)
    assert (event.data.order_id, event.data.amount) == ("ORDER-1", 1234)
