"""All SQL of draws."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from common.storage import Transaction
from points.database import columns
from points.draws.domain import Epoch, Play, Played

_EPOCH = ", ".join(Epoch._fields)
_PLAY = ", ".join(Play._fields)
_ADD_EPOCH = """
    INSERT INTO draw_epochs (draw, epoch, commitment, sealed_seed, prizes, plays, opened_at)
    VALUES (:draw, :epoch, :commitment, :sealed_seed, CAST(:prizes AS jsonb), 0, :now)
"""
_ADD_STOCKS = """
    INSERT INTO draw_stocks (draw, epoch, prize, stock, given)
    SELECT :draw, :epoch, prize, stock, 0
    FROM unnest(CAST(:prize AS text[]), CAST(:stock AS bigint[])) AS new(prize, stock)
"""
_CLOSE = "UPDATE draw_epochs SET seed = :seed, closed_at = :now WHERE draw = :draw AND epoch = :epoch"
_NEWEST = f"SELECT {_EPOCH} FROM draw_epochs WHERE draw = :draw ORDER BY epoch DESC LIMIT 1"
_ONE = f"SELECT {_EPOCH} FROM draw_epochs WHERE draw = :draw AND epoch = :epoch"
_OPEN_EPOCHS = f"SELECT {_EPOCH} FROM draw_epochs WHERE closed_at IS NULL ORDER BY draw FOR UPDATE"
_RESEAL = "UPDATE draw_epochs SET sealed_seed = :sealed_seed WHERE draw = :draw AND epoch = :epoch"
_EPOCHS = f"SELECT {_EPOCH} FROM draw_epochs WHERE draw = :draw AND epoch < :before ORDER BY epoch DESC LIMIT :limit"
_NEXT_NUMBER = f"""
    UPDATE draw_epochs SET plays = plays + 1 WHERE draw = :draw AND closed_at IS NULL RETURNING {_EPOCH}
"""
_TAKE = """
    UPDATE draw_stocks SET given = given + 1
    WHERE draw = :draw AND epoch = :epoch AND prize = :prize AND (stock IS NULL OR given < stock)
"""
_STOCKS = "SELECT prize, stock, given FROM draw_stocks WHERE draw = :draw AND epoch = :epoch"
_GIVEN = """
    SELECT prize, count(*) AS given FROM draw_plays WHERE draw = :draw AND undone_at IS NULL GROUP BY prize
"""
_PLAYED = """
    SELECT count(*) AS ever, count(*) FILTER (WHERE day = :day) AS today,
        count(*) FILTER (WHERE day = :day AND free) AS free_today
    FROM draw_plays
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND draw = :draw AND undone_at IS NULL
"""
_ADD_PLAY = f"INSERT INTO draw_plays ({_PLAY}) VALUES ({', '.join(':' + name for name in Play._fields)})"
_BY_ID = f"SELECT {_PLAY} FROM draw_plays WHERE play_id = :play_id"
_UNDO = "UPDATE draw_plays SET undone_at = :now WHERE play_id = :play_id AND undone_at IS NULL"
_HAND_OVER = """
    UPDATE draw_plays SET handed_over_at = :now, coupon_id = :coupon_id
    WHERE play_id = :play_id AND handed_over_at IS NULL
"""
_PLAYS = f"""
    SELECT {_PLAY} FROM draw_plays WHERE draw = :draw AND epoch = :epoch AND number > :after
    ORDER BY number LIMIT :limit
"""
_OF_MEMBER = f"""
    SELECT {_PLAY} FROM draw_plays
    WHERE member_id = ANY(CAST(:member_ids AS uuid[])) AND (CAST(:draw AS text) IS NULL OR draw = :draw)
        AND (played_at, play_id) < (:played_at, :play_id)
    ORDER BY played_at DESC, play_id DESC LIMIT :limit
"""
# The condition is that of ix_draw_plays_owed.
_OWED = f"""
    SELECT {_PLAY} FROM draw_plays
    WHERE handed_over_at IS NULL AND undone_at IS NULL
        AND (prize_kind = 'goods' OR (prize_kind = 'coupon' AND coupon_id IS NULL))
        AND (CAST(:draw AS text) IS NULL OR draw = :draw) AND (played_at, play_id) > (:played_at, :play_id)
    ORDER BY played_at, play_id LIMIT :limit
"""
_COUNTS = """
    SELECT drawn, prize, count(*) AS plays, count(*) FILTER (WHERE undone_at IS NOT NULL) AS undone
    FROM draw_plays WHERE draw = :draw GROUP BY drawn, prize
"""


async def open_epoch(
    tx: Transaction,
    *,
    draw: str,
    epoch: int,
    commitment: str,
    sealed_seed: bytes,
    prizes: str,
    stocks: Mapping[str, int | None],
) -> None:
    await tx.execute(
        _ADD_EPOCH,
        {
            "draw": draw,
            "epoch": epoch,
            "commitment": commitment,
            "sealed_seed": sealed_seed,
            "prizes": prizes,
            "now": tx.now,
        },
    )
    rows = columns(("prize", "stock"), sorted(stocks.items(), key=lambda one: one[0]))
    await tx.execute(_ADD_STOCKS, {"draw": draw, "epoch": epoch, **rows})


async def close_epoch(tx: Transaction, draw: str, epoch: int, seed: str) -> None:
    await tx.execute(_CLOSE, {"draw": draw, "epoch": epoch, "seed": seed, "now": tx.now})


async def newest_epoch(tx: Transaction, draw: str, *, locked: bool = False) -> Epoch | None:
    row: Any = await tx.fetch_one(_NEWEST + (" FOR UPDATE" if locked else ""), {"draw": draw})
    return None if row is None else Epoch._make(row)


async def epoch(tx: Transaction, draw: str, number: int) -> Epoch | None:
    row: Any = await tx.fetch_one(_ONE, {"draw": draw, "epoch": number})
    return None if row is None else Epoch._make(row)


async def epochs(tx: Transaction, draw: str, *, before: int, limit: int) -> list[Epoch]:
    """The newest first."""
    rows: Sequence[Any] = await tx.fetch_all(_EPOCHS, {"draw": draw, "before": before, "limit": limit})
    return [Epoch._make(row) for row in rows]


async def open_epochs(tx: Transaction) -> list[Epoch]:
    """All whose seed is not revealed, locked."""
    return [Epoch._make(row) for row in await tx.fetch_all(_OPEN_EPOCHS)]


async def reseal(tx: Transaction, draw: str, epoch: int, sealed_seed: bytes) -> None:
    await tx.execute(_RESEAL, {"draw": draw, "epoch": epoch, "sealed_seed": sealed_seed})


async def next_number(tx: Transaction, draw: str) -> Epoch | None:
    """The open epoch with its next play number; plays of a draw take turns from here to the end of the transaction, so
    numbers are dense and stocks are used up in their order.
    """
    row: Any = await tx.fetch_one(_NEXT_NUMBER, {"draw": draw})
    return None if row is None else Epoch._make(row)


async def take(tx: Transaction, draw: str, epoch: int, prize: str) -> bool:
    """Take one of the prize out of the stock; False when there is none left."""
    return bool(await tx.execute(_TAKE, {"draw": draw, "epoch": epoch, "prize": prize}))


async def stocks(tx: Transaction, draw: str, epoch: int) -> dict[str, tuple[int | None, int]]:
    """Of each prize: the stock at the opening, and what was given since."""
    rows: Sequence[Any] = await tx.fetch_all(_STOCKS, {"draw": draw, "epoch": epoch})
    return {prize: (stock, given) for prize, stock, given in rows}


async def given(tx: Transaction, draw: str) -> dict[str, int]:
    """Of each prize what was given in all epochs and not undone."""
    rows: Sequence[Any] = await tx.fetch_all(_GIVEN, {"draw": draw})
    return {row.prize: row.given for row in rows}


async def played(tx: Transaction, member_ids: Sequence[UUID], draw: str, day: date) -> Played:
    """How often these members played. What was undone does not count."""
    row: Any = await tx.fetch_one(_PLAYED, {"member_ids": list(member_ids), "draw": draw, "day": day})
    return Played._make(row)


async def add_play(tx: Transaction, play: Play) -> None:
    await tx.execute(_ADD_PLAY, play._asdict())


async def by_id(tx: Transaction, play_id: UUID, *, locked: bool = False) -> Play | None:
    row: Any = await tx.fetch_one(_BY_ID + (" FOR UPDATE" if locked else ""), {"play_id": play_id})
    return None if row is None else Play._make(row)


async def undo(tx: Transaction, play_id: UUID) -> None:
    await tx.execute(_UNDO, {"play_id": play_id, "now": tx.now})


async def hand_over(tx: Transaction, play_id: UUID, coupon_id: UUID | None) -> None:
    await tx.execute(_HAND_OVER, {"play_id": play_id, "coupon_id": coupon_id, "now": tx.now})


async def plays(tx: Transaction, draw: str, epoch: int, *, after: int, limit: int) -> list[Play]:
    """By number."""
    rows: Sequence[Any] = await tx.fetch_all(_PLAYS, {"draw": draw, "epoch": epoch, "after": after, "limit": limit})
    return [Play._make(row) for row in rows]


async def plays_of(
    tx: Transaction, member_ids: Sequence[UUID], draw: str | None, *, before: tuple[datetime, UUID], limit: int
) -> list[Play]:
    """The newest first."""
    params = {
        "member_ids": list(member_ids),
        "draw": draw,
        "played_at": before[0],
        "play_id": before[1],
        "limit": limit,
    }
    rows: Sequence[Any] = await tx.fetch_all(_OF_MEMBER, params)
    return [Play._make(row) for row in rows]


async def owed(tx: Transaction, draw: str | None, *, after: tuple[datetime, UUID], limit: int) -> list[Play]:
    """Plays whose goods or coupon are yet to be given, the oldest first."""
    params = {"draw": draw, "played_at": after[0], "play_id": after[1], "limit": limit}
    rows: Sequence[Any] = await tx.fetch_all(_OWED, params)
    return [Play._make(row) for row in rows]


async def counts(tx: Transaction, draw: str) -> Sequence[Any]:
    """`drawn, prize, plays, undone`."""
    return await tx.fetch_all(_COUNTS, {"draw": draw})
