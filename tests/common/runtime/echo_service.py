"""A very small service, to be run as a process: it hears purchases and counts them.

What it does besides is told by the environment: ECHO_LOOP=crash|stuck, ECHO_SLOW_SECONDS, ECHO_REFUSES=<order id>.
"""

import asyncio
import os
from collections.abc import Sequence

from common.events import Event
from common.events.purchases import PurchaseCompleted
from common.http import Router, Tx, allow
from common.messaging import Outcome, dead, on
from common.runtime.process import run
from common.runtime.schedule import every
from common.runtime.service import Context, Service
from common.storage import Transaction

router = Router(tags=["echo"])


@router.get("/v1/effects/{order_id}", dependencies=[allow("points:read")])
async def effects(order_id: str, tx: Tx) -> dict[str, int]:
    """How often the order took effect."""
    count = await tx.fetch_value("SELECT count(*) FROM effects WHERE order_id = :order_id", {"order_id": order_id})
    return {"count": count}


async def purchases_completed(tx: Transaction, events: Sequence[Event[PurchaseCompleted]]) -> list[Outcome]:
    refused = os.environ.get("ECHO_REFUSES", "")
    outcomes = [dead(event, "refused", "As it was told.") for event in events if event.data.order_id == refused]
    events = [event for event in events if event.data.order_id != refused]
    await tx.execute(
        "INSERT INTO effects SELECT * FROM unnest(CAST(:orders AS text[]), CAST(:amounts AS bigint[]))",
        {"orders": [event.data.order_id for event in events], "amounts": [event.data.amount for event in events]},
    )
    print("handling", flush=True)
    await asyncio.sleep(float(os.environ.get("ECHO_SLOW_SECONDS", "0")))
    return outcomes


async def tick(tx: Transaction) -> None:
    await tx.execute("INSERT INTO effects VALUES ('tick', 1)")


async def loop(context: Context, stop: asyncio.Event) -> None:
    match os.environ.get("ECHO_LOOP", ""):
        case "crash":
            raise RuntimeError("the loop crashed")
        case "stuck":
            await asyncio.sleep(3600)
        case _:
            await stop.wait()


async def seed(context: Context) -> None:
    async with context.database.transaction() as tx:
        await tx.execute("INSERT INTO effects SELECT 'seed', 1 WHERE NOT EXISTS (SELECT FROM effects)")


SERVICE = Service(
    name="points",
    subscriptions=[on(PurchaseCompleted, purchases_completed)],
    schedule=[every(seconds=0.2, run=tick, name="tick")],
    routers=[router],
    loops=[loop],
    seed=seed,
)

if __name__ == "__main__":
    run(SERVICE)
