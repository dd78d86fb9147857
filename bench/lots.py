"""Members with lots, laid down row by row as earlier credits would have left them."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from bench.world import World

POINTS = 10

_EARLIER = """
    SELECT member_id, number AS sequence, 'old-' || member_id || '-' || number AS order_id,
        sha256(convert_to(member_id::text || number, 'UTF8')) AS hash,
        sha256(convert_to(member_id::text || (number - 1), 'UTF8')) AS previous_hash,
        timestamptz '2020-01-01' + number * interval '1 hour' AS at,
        {expires_at} AS expires_at
    FROM unnest($1::uuid[]) AS member(member_id), generate_series(1, $2::integer) AS number
"""
_FILL = (
    f"""
    INSERT INTO wallets (member_id, wallet, sequence, head, balance, debt, pending, held, earliest_expiry)
    SELECT member_id, 'points', $2, sha256(convert_to(member_id::text || $2, 'UTF8')), $2 * {POINTS}, 0, 0, 0,
        min(expires_at)
    FROM ({{earlier}}) AS old GROUP BY member_id
    """,
    f"""
    INSERT INTO transfers (member_id, wallet, sequence, from_account, to_account, points, balance, debt, pending, held,
        kind, order_source, order_id, reference, occurred_at, recorded_at, previous_hash, hash)
    SELECT member_id, 'points', sequence, 'issue', 'wallet', {POINTS}, {POINTS} * sequence, 0, 0, 0, 'earned',
        '//bench/old', order_id, '', at, at, previous_hash, hash FROM ({{earlier}}) AS old
    """,
    f"""
    INSERT INTO lots (member_id, wallet, sequence, points, remaining, earned_at, expires_at, order_source, order_id,
        pending)
    SELECT member_id, 'points', sequence, {POINTS}, {POINTS}, at, expires_at, '//bench/old', order_id, false
    FROM ({{earlier}}) AS old
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lots:
    """So many lots of 10 points for each member; `expires_at` is SQL over `number`, 1 for the first lot."""

    members: list[UUID]
    each: int
    expires_at: str

    async def lay_down(self, world: World) -> None:
        connection = await asyncpg.connect(world.databases["points"], timeout=10)
        try:
            await connection.execute("SET statement_timeout = 0")
            for statement in _FILL:
                earlier = _EARLIER.format(expires_at=self.expires_at)
                await connection.execute(statement.format(earlier=earlier), self.members, self.each)
            await connection.execute("VACUUM ANALYZE wallets, transfers, lots, lot_consumptions")
        finally:
            await connection.close()


def members(count: int, group: int) -> list[UUID]:
    """Other members for each group."""
    return [UUID(int=(0x0193 << 112) | (7 << 76) | (2 << 62) | (group << 32) | n) for n in range(1, count + 1)]
