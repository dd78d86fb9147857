"""What most teams would write: FastStream, and one SQLAlchemy ORM session and transaction per message.

The ledger is the textbook's: two accounts with a balance each, the member's and the programme's, and two entries for
a movement. The programme's row is in every transaction, so they queue for it; `per_message` and ours know better. There
is no hash chain. A background task sends the outbox: it reads rows, publishes each and awaits it, deletes the row.
"""

import asyncio
import json
import logging
import os
from datetime import datetime
from typing import Any
from uuid import UUID

from faststream import FastStream
from faststream.rabbit import RabbitBroker, RabbitMessage, RabbitQueue
from pydantic import BaseModel
from sqlalchemy import BigInteger, DateTime, ForeignKey, make_url, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

from bench.ways.effect import Known, decide, lot_row, outbox_row
from common.events import new_id
from common.events.event import body_hash_of
from common.events.purchases import PurchaseCompleted
from common.storage.migrations import metadata_of
from common.trace_context import child_of
from points.ledger.domain import GENESIS

PREFETCH = 20

tables = metadata_of("points").tables
mapper = registry()


def entity(table: str) -> type[Any]:
    mapped = type(table, (), {})
    mapper.map_imperatively(mapped, tables[table])
    return mapped


Inbox, Lot, PurchaseRow, AccrualRow, Outbox = (
    entity(name) for name in ("inbox", "lots", "purchases", "accruals", "outbox")
)


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "bench_accounts"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    balance: Mapped[int] = mapped_column(BigInteger, default=0)
    entries: Mapped[int] = mapped_column(BigInteger, default=0)


class Entry(Base):
    __tablename__ = "bench_entries"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("bench_accounts.id"), index=True)
    points: Mapped[int] = mapped_column(BigInteger)
    order_id: Mapped[str]
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


PROGRAMME = UUID(int=0)


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
        # Entries are counted from a thousand million, clear of the lots that other ways open.
        member = await session.get_one(Account, message.data.member_id, with_for_update=True)
        wallet, purchase, accrual, event = decide(
            message.data, message.source, body_hash, Known(member.entries, GENESIS, member.balance, 0)
        )
        programme = await session.get_one(Account, PROGRAMME, with_for_update=True)
        for account, points in ((member, accrual["earned"]), (programme, -accrual["earned"])):
            account.balance += points
            account.entries += 1
            session.add(
                Entry(
                    account_id=account.id,
                    points=points,
                    order_id=message.data.order_id,
                    occurred_at=message.data.occurred_at,
                )
            )
        session.add(new(PurchaseRow, **purchase))
        session.add(new(AccrualRow, **accrual | {"shares": json.loads(accrual["shares"])}))
        session.add(new(Lot, **lot_row(wallet)))
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


@app.on_startup
async def create_accounts() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(
            text(
                "INSERT INTO bench_accounts (id, balance, entries) SELECT member_id, 0, 1000000000 FROM wallets"
                " UNION ALL SELECT CAST(:programme AS uuid), 0, 0 ON CONFLICT DO NOTHING"
            ),
            {"programme": PROGRAMME},
        )


@app.after_startup
async def start_sending() -> None:
    sending.add(asyncio.create_task(send_outbox()))


if __name__ == "__main__":
    asyncio.run(app.run())
