"""All SQL on rebuilds after a change of the programme's zone."""

from datetime import timedelta

from common.storage import Transaction

REQUEST = "INSERT INTO rebuilds (zone, requested_at) VALUES (:zone, :now)"

WAITING = "SELECT id, requested_at FROM rebuilds WHERE finished_at IS NULL ORDER BY id DESC LIMIT 1"

PROGRESS = "UPDATE rebuilds SET moved = moved + :moved WHERE id = :id"

FINISH = "UPDATE rebuilds SET finished_at = :now WHERE finished_at IS NULL AND requested_at <= :before"

SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


async def request(tx: Transaction, *, zone: str) -> None:
    """Ask for all facts to be taken to their day in `zone`."""
    await tx.execute(REQUEST, {"zone": zone, "now": tx.now})


async def rebuilding(tx: Transaction) -> int | None:
    """The newest rebuild that is not finished, None when all are."""
    row = await tx.fetch_one(WAITING)
    return None if row is None else int(row.id)


async def progress(tx: Transaction, rebuild: int, *, moved: int) -> None:
    await tx.execute(PROGRESS, {"id": rebuild, "moved": moved})


async def finish(tx: Transaction, *, settling_seconds: float) -> None:
    """Close rebuilds that were asked for at least `settling_seconds` ago."""
    await tx.execute(FINISH, {"now": tx.now, "before": tx.now - timedelta(seconds=settling_seconds)})


async def snapshot(tx: Transaction) -> None:
    """Let all statements of this transaction see the same state; the first statement of a transaction only."""
    await tx.execute(SNAPSHOT)
