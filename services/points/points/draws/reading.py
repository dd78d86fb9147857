"""What members see of draws: what they may play now, what they played."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from common.storage import Transaction
from common.storage.programme import programme
from points.draws import domain, store
from points.draws.domain import Draw, Play
from points.facts import handlers as facts
from points.incentives import audiences
from points.incentives import handlers as incentives
from points.incentives.domain import DRAW
from points.ledger import handlers as ledger
from points.merges import handlers as merges
from points.times import day_of, local_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitled:
    """What a member may do in a draw now."""

    draw: Draw
    open: bool
    closed_reason: str
    played_today: int
    played: int
    next_cost: int
    limit: str
    resets_at: datetime | None


async def of_member(tx: Transaction, member_id: UUID) -> list[Entitled]:
    """The active draws that are for the member. Raises MemberUnknownError."""
    member_id = await merges.survivor(tx, member_id)
    await ledger.wallets_of(tx, member_id)
    settings = await programme(tx)
    zone = ZoneInfo(settings.time_zone)
    today, (_, tomorrow) = local_day(tx.now, zone), day_of(tx.now, zone)
    persons = await facts.group(tx, member_id)
    (standing,) = await audiences.standings(tx, settings, [(member_id, tx.now)])
    found = []
    for incentive in await incentives.active(tx, DRAW):
        draw = Draw.of(incentive)
        if draw.audience.includes(standing.tier, standing.segments):
            played = await store.played(tx, persons, draw.key, today)
            reached = domain.limit_reached(draw, played)
            closed = domain.closed_reason(draw, tx.now)
            found.append(
                Entitled(
                    draw=draw,
                    open=not closed and reached is None,
                    closed_reason=closed,
                    played_today=played.today,
                    played=played.ever,
                    next_cost=domain.cost_of_next(draw, played),
                    limit=reached[0] if reached else "",
                    resets_at=tomorrow if reached and reached[0] == "plays_per_day" else None,
                )
            )
    return found


async def plays_of(
    tx: Transaction, member_id: UUID, draw: str | None, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[Play]:
    """The newest first, of a member with those that were merged into it. Raises MemberUnknownError."""
    await ledger.wallets_of(tx, member_id)
    newest = (incentives.LAST, UUID(int=2**128 - 1))
    return await store.plays_of(tx, await facts.group(tx, member_id), draw, before=before or newest, limit=limit)


async def owed(tx: Transaction, draw: str | None, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Play]:
    """Plays whose goods or coupon are yet to be given, the oldest first."""
    return await store.owed(tx, draw, after=after or (incentives.FIRST, UUID(int=0)), limit=limit)
