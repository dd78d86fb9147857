"""The servers that every test gets: what is promised in tests/servers.py holds."""

import aio_pika
import pytest
from aiormq.exceptions import ChannelAccessRefused

from tests.servers import Vhost


async def publish(url: str, exchange: str, key: str) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        target = await channel.get_exchange(exchange, ensure=False)
        await target.publish(aio_pika.Message(b"{}"), routing_key=key, mandatory=False)


async def test_publisher_may_publish_purchases(vhost: Vhost) -> None:
    await publish(vhost.url("demo-shop"), "loyalty.events", "purchase.completed.v1")


async def test_publisher_may_not_publish_other_events(vhost: Vhost) -> None:
    with pytest.raises(ChannelAccessRefused):
        await publish(vhost.url("demo-shop"), "loyalty.events", "points.earned.v1")
