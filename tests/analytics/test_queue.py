"""Through a real broker: shuffled, doubled, with poison in between, two workers beside each other."""

import asyncio
import random
from collections.abc import Sequence
from datetime import date
from typing import Any

from analytics.consumer import SUBSCRIPTIONS
from analytics.proof import handlers as proof
from analytics.returns import handlers as returns
from common.events import Event
from common.events.cloudevent import structured
from common.messaging.channel import BatchConnection, Message
from common.messaging.consumer import Consumer
from common.storage import Database
from tests.analytics.builders import earned, notice, purchase, refund, spend_days, value
from tests.servers import Vhost

PURCHASES, RETURNS = 300, 40


def messages(events: Sequence[Event[Any]]) -> list[Message]:
    return [
        Message(
            exchange="loyalty.events",
            routing_key=event.type,
            body=structured(
                source=event.source,
                id=event.id,
                type=event.type,
                time=event.time,
                data=event.data.model_dump_json().encode(),
            ),
            content_type="application/cloudevents+json",
        )
        for event in events
    ]


async def test_figures_come_out_exact_whatever_the_broker_does(analytics_database: Database, vhost: Vhost) -> None:
    events: list[Event[Any]] = [purchase(str(number), who=f"m{number % 50}") for number in range(PURCHASES)]
    events += [refund(f"r{number}", str(number), when="2026-03-01 15:00") for number in range(RETURNS)]
    events += [earned(f"m{number}", 1, 10) for number in range(PURCHASES)]
    events += [notice(number) for number in range(PURCHASES)]
    sent = messages([*events, *events, purchase("dollars", currency="USD")])
    random.Random(7).shuffle(sent)
    stop = asyncio.Event()
    workers = [
        asyncio.create_task(
            Consumer(vhost.url("analytics"), analytics_database, SUBSCRIPTIONS, batch_size=100).run(stop)
        )
        for _ in range(2)
    ]
    try:
        async with BatchConnection(vhost.url("operator"), name="test") as connection:
            channel = await connection.channel(confirms=True)
            assert not await channel.publish_batch(sent)
            async with asyncio.timeout(60):
                while await value(analytics_database, "SELECT count(*) FROM inbox") < len(events):
                    await asyncio.sleep(0.1)
    finally:
        stop.set()
        await asyncio.gather(*workers)
    async with analytics_database.transaction() as tx:
        await returns.match_waiting(tx)
        assert not any(found.drifted for found in await proof.prove(tx))
    assert await spend_days(analytics_database) == {
        (date(2026, 3, 1), "web"): (PURCHASES, PURCHASES * 10_000, 0, RETURNS, RETURNS * 1_000)
    }
    assert await value(analytics_database, "SELECT sum(points) FROM points_days") == PURCHASES * 10
    assert await value(analytics_database, "SELECT sum(notices) FROM notice_days") == PURCHASES
