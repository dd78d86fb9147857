"""What-ifs: asked by people, replayed by a worker in the background, looked at while they run."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as SQLTimeoutError

from common.events import new_id
from common.runtime.logs import logger
from common.runtime.service import Context
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Database, Transaction
from points.liability import handlers as liability
from points.simulation import store
from points.simulation.changes import Changes
from points.simulation.drafts import with_drafts
from points.simulation.errors import EmptyRangeError, NothingChangedError, WhatIfOverError, WhatIfUnknownError
from points.simulation.replaying import Replay, replay_of
from points.simulation.results import result_of

POLL_SECONDS = 1.0
LOST_AFTER = timedelta(seconds=60)
"""A worker that was not seen for so long has ended: another one begins its what-if again."""
MAX_PROBLEM_CHARACTERS = 500
DATABASE_DOWN = (InterfaceError, OperationalError, SQLTimeoutError, OSError, TimeoutError)
"""What a query raises while the database is away, or has no connection left."""


async def ask(
    tx: Transaction,
    caller: Caller,
    *,
    name: str,
    changes: Changes,
    drafts: Sequence[str],
    occurred_from: datetime,
    occurred_until: datetime,
) -> Row[Any]:
    """Put a what-if into the line, with the drafts as they are now. Raises NothingChangedError, EmptyRangeError,
    DraftUnknownError, RuleUnknownError.
    """
    if occurred_from >= occurred_until:
        raise EmptyRangeError(occurred_from, occurred_until)
    changes = await with_drafts(tx, drafts, changes)
    if not changes.rules and not changes.without:
        raise NothingChangedError()
    row = await store.add(
        tx,
        what_if_id=new_id(),
        name=name,
        asked_by=caller.subject,
        occurred_from=occurred_from,
        occurred_until=occurred_until,
        changes=changes.model_dump(mode="json", by_alias=True),
    )
    await audit(tx, caller, "what_if.asked", str(row.what_if_id), name=name)
    return row


async def get(tx: Transaction, what_if_id: UUID) -> Row[Any]:
    """Raises WhatIfUnknownError."""
    row = await store.get(tx, what_if_id)
    if row is None:
        raise WhatIfUnknownError(what_if_id)
    return row


async def page(tx: Transaction, *, state: str | None, before: tuple[datetime, UUID], limit: int) -> Sequence[Row[Any]]:
    """The newest first."""
    return await store.page(tx, state=state, before=before, limit=limit)


async def cancel(tx: Transaction, caller: Caller, what_if_id: UUID) -> Row[Any]:
    """Raises WhatIfUnknownError, WhatIfOverError."""
    row = await store.cancel(tx, what_if_id)
    if row is None:
        raise WhatIfOverError(what_if_id, (await get(tx, what_if_id)).state)
    await audit(tx, caller, "what_if.cancelled", str(what_if_id))
    return row


async def run(context: Context, stop: asyncio.Event) -> None:
    """A loop of the worker: one what-if after the other, until it is told to stop."""
    while not stop.is_set():
        try:
            worked = await run_next(context.database, stop)
        except (SQLAlchemyError, *DATABASE_DOWN) as error:
            logger("simulation").warning("what-ifs cannot be read", error=type(error).__name__)
            worked = False
        if not worked:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)


async def run_next(database: Database, stop: asyncio.Event | None = None) -> bool:
    """Replay the oldest what-if that waits; False when none does. One that is left half-way is begun again later."""
    async with database.transaction() as tx:
        asked: Any = await store.take(tx, lost_before=tx.now - LOST_AFTER)
        if asked is None:
            return False
    try:
        await _replay(database, asked, stop)
    except DATABASE_DOWN:
        raise  # nothing is wrong with the what-if: it is begun again once the database is back
    except Exception as error:
        logger("simulation").exception("a what-if failed", what_if_id=str(asked.what_if_id))
        problem = f"{type(error).__name__}: {error}"[:MAX_PROBLEM_CHARACTERS]
        async with database.transaction() as tx:
            await store.finish(tx, asked.what_if_id, asked.started_at, state="failed", result=None, problem=problem)
    return True


async def _replay(database: Database, asked: Any, stop: asyncio.Event | None) -> None:
    span = (asked.occurred_from, asked.occurred_until)
    async with database.transaction() as tx:
        replay = await replay_of(database, tx, Changes.model_validate_json(asked.changes))
        purchases = await replay.count(tx, *span)
        await store.progress(tx, asked.what_if_id, asked.started_at, purchases=purchases, done=0)
    async for so_far in replay.parts(*span):
        async with database.transaction() as tx:
            mine = await store.progress(
                tx, asked.what_if_id, asked.started_at, purchases=purchases, done=so_far.purchases
            )
        if not mine or (stop is not None and stop.is_set()):
            return
    await _finish(database, asked, replay)


async def _finish(database: Database, asked: Any, replay: Replay) -> None:
    async with database.transaction() as tx:
        value = await liability.value_of_points(tx)
        rates = {
            wallet: (await liability.estimate(tx, wallet)).ultimate_rate
            for wallet in await liability.spendable_wallets(tx)
        }
        result = result_of(replay.comparison, value=value, spent_rates=rates)
        await store.finish(tx, asked.what_if_id, asked.started_at, state="finished", result=result.model_dump_json())
