"""One service's database: a bounded pool, limits on every statement, and transactions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from common.storage.transaction import Transaction

CONNECT_TIMEOUT_SECONDS = 5


class Database:
    """A pool of connections to the database of one service.

    `url` is a libpq-style URL (`postgresql://user:password@host:port/name`). Who waits longer than
    `connection_timeout_seconds` for a connection that is free gets a TimeoutError of SQLAlchemy. A statement that runs
    longer than `statement_timeout_seconds`, or waits longer than `lock_timeout_seconds` for a lock, fails: a stuck
    statement must not hold a batch for ever.
    """

    def __init__(
        self,
        url: str,
        *,
        service: str,
        pool_size: int = 10,
        connection_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
        statement_timeout_seconds: float = 10,
        lock_timeout_seconds: float = 3,
    ) -> None:
        self.service = service
        self.committed = asyncio.Event()
        """Set after each commit that left rows in the outbox; the relay of this process waits for it."""
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=connection_timeout_seconds,
            pool_pre_ping=True,
            hide_parameters=True,  # an error text must not carry personal data
            connect_args={
                "timeout": CONNECT_TIMEOUT_SECONDS,
                "server_settings": {
                    "application_name": service,
                    "timezone": "UTC",
                    "jit": "off",
                    "statement_timeout": str(int(statement_timeout_seconds * 1000)),
                    "lock_timeout": str(int(lock_timeout_seconds * 1000)),
                    "idle_in_transaction_session_timeout": "60000",
                },
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit with the outbox rows when the block ends well, else roll back."""
        async with self.engine.connect() as connection, connection.begin() as scope:
            transaction = Transaction(connection, service=self.service)
            yield transaction
            emitted = await transaction.flush()
            await scope.commit()
        if emitted:
            self.committed.set()

    async def ping(self) -> None:
        """Raise when the database does not answer (TimeoutError when it is silent)."""
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS), self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()
