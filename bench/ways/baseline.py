"""What most teams would write: FastStream, and one SQLAlchemy ORM session and transaction per message.

A background task sends the outbox: it reads rows, publishes each, awaits its confirmation, deletes the row.
"""

import asyncio
import json
import logging
import os
from typing import Any

from faststream import FastStream
from faststream.rabbit import RabbitBroker, RabbitMessage, RabbitQueue
from pydantic import BaseModel
from sqlalchemy import make_url, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry

from bench.ways.effect import Known, decide, lot_row, outbox_row
from common.events import new_id
from common.events.event import body_hash_of
from common.events.purchases import PurchaseCompleted
from common.storage.migrations import metadata_of
from common.trace_context import child_of

PREFETCH = 20

tables = metadata_of("points").tables
mapper = registry()


def entity(table: str) -> type[Any]:
    mapped = type(table, (), {})
    mapper.map_imperatively(mapped, tables[table])
    return mapped


Inbox, Wallet, Transfer, Lot, AccrualRow, Outbox = (
    entity(name) for name in ("inbox", "wallets", "transfers", "lots", "accruals", "outbox")
)


def new(mapped: type[Any], /, **values: Any) -> Any:
    row = mapped()
    for name, value in values.items():
        setattr(row, name, value)
    return row


class Envelope(BaseModel):
    id: str
    source: str
    type: str
    traceparent: str
    data: PurchaseCompleted


engine = create_async_engine(make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"))
Session = async_sessionmaker(engine, expire_on_commit=False)
broker = RabbitBroker(os.environ["RABBITMQ_URL"], log_level=logging.ERROR)
app = FastStream(broker, logger=None)


async def decoded(message: RabbitMessage) -> Any:
    """FastStream does not take CloudEvents' content type for JSON."""
    return json.loads(message.body)


@broker.subscriber(RabbitQueue("points.main", declare=False), decoder=decoded, no_reply=True)
async def purchase_completed(message: Envelope) -> None:
    body_hash = body_hash_of(message.data)
    async with Session() as session:
        try:
            session.add(
                new(
                    Inbox,
                    source=message.source,
                    event_id=message.id,
                    type=message.type,
                    body_hash=body_hash,
                    received_at=message.data.occurred_at,
                )
            )
            await session.flush()
        except IntegrityError:
            return
        row = (
            await session.execute(
                select(Wallet)
                .where(Wallet.member_id == message.data.member_id, Wallet.wallet == "points")
                .with_for_update()
            )
        ).scalar_one()
        wallet, accrual, event = decide(
            message.data, message.source, body_hash, Known(row.sequence, row.head, row.balance, row.debt)
        )
        (transfer,) = wallet.transfers
        session.add(new(AccrualRow, **accrual._asdict()))
        session.add(new(Transfer, **transfer._asdict()))
        session.add(new(Lot, **lot_row(wallet)))
        row.sequence, row.head, row.balance, row.debt = wallet.sequence, wallet.head, wallet.balance, wallet.debt
        session.add(new(Outbox, **outbox_row(event, new_id(), child_of(message.traceparent))))
        await session.commit()


async def send_outbox() -> None:
    while True:
        async with Session() as session:
            rows = (await session.execute(select(Outbox).order_by(Outbox.id).limit(100))).scalars().all()
            for row in rows:
                await broker.publish(
                    row.body,
                    exchange=row.exchange,
                    routing_key=row.routing_key,
                    content_type=row.content_type,
                    persist=True,
                )
                await session.delete(row)
            await session.commit()
        if not rows:
            await asyncio.sleep(0.05)


sending: set[asyncio.Task[None]] = set()


@app.after_startup
async def start_sending() -> None:
    sending.add(asyncio.create_task(send_outbox()))


if __name__ == "__main__":
    asyncio.run(app.run())
