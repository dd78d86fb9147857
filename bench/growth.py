"""Whether accrual slows down as the ledger grows: the rate with a million transfers against the rate with none."""

import json
from statistics import median

import asyncpg

from bench import accrual
from bench.accrual import Deaths
from bench.progress import say
from bench.world import MEMBERS, World

MILLION = 1_000_000
EACH = MILLION // len(MEMBERS)
POINTS = 10

_EARLIER = f"""
    SELECT member_id, number AS sequence, 'old-' || member_id || '-' || number AS order_id,
        sha256(convert_to(member_id::text || number, 'UTF8')) AS hash,
        sha256(convert_to(member_id::text || (number - 1), 'UTF8')) AS previous_hash,
        timestamptz '2020-01-01' + number * interval '1 day' AS at
    FROM wallets, generate_series(1, {EACH}) AS number WHERE wallet = 'points'
"""
_SHARES = json.dumps(
    [
        {
            "rule": "purchase_rate",
            "version": 1,
            "points": POINTS,
            "basis": POINTS * 100,
            "numerator": POINTS * 100,
            "denominator": 100,
        }
    ]
)
_FILL = (
    f"""
    INSERT INTO inbox (source, event_id, type, body_hash, received_at)
    SELECT '//bench/old', order_id, 'purchase.completed.v1', hash, at FROM ({_EARLIER}) AS old
    """,
    f"""
    INSERT INTO purchases (source, order_id, member_id, currency, amount, basis, channel, shop, tier, is_first,
        rounding, returned, occurred_at, recorded_at, body_hash)
    SELECT '//bench/old', order_id, member_id, 'CNY', {POINTS * 100}, {POINTS * 100}, '', '', 'base', false,
        'floor', 0, at, at, hash FROM ({_EARLIER}) AS old
    """,
    f"""
    INSERT INTO accruals (kind, source, occasion_id, wallet, part, earned, taken_back, waits, shares)
    SELECT 'purchase', '//bench/old', order_id, 'points', 1, {POINTS}, 0, '', '{_SHARES}' FROM ({_EARLIER}) AS old
    """,
    f"""
    INSERT INTO transfers (member_id, wallet, sequence, from_account, to_account, points, balance, debt, pending,
        held, kind, order_source, order_id, reference, occurred_at, recorded_at, previous_hash, hash)
    SELECT member_id, 'points', sequence, 'issue', 'wallet', {POINTS}, {POINTS} * sequence, 0, 0, 0, 'earned',
        '//bench/old', order_id, '', at, at, previous_hash, hash FROM ({_EARLIER}) AS old
    """,
    f"""
    INSERT INTO lots (member_id, wallet, sequence, points, remaining, earned_at, order_source, order_id, pending)
    SELECT member_id, 'points', sequence, {POINTS}, {POINTS}, at, '//bench/old', order_id, false
    FROM ({_EARLIER}) AS old
    """,
    f"""
    UPDATE wallets SET sequence = {EACH}, balance = {EACH * POINTS},
        head = sha256(convert_to(member_id::text || {EACH}, 'UTF8'))
    """,
)


async def fill(world: World) -> None:
    """Give every member (with an empty ledger) its share of a million earlier purchases, row for row in every table."""
    connection = await asyncpg.connect(world.databases["points"], timeout=10)
    try:
        await connection.execute("SET statement_timeout = 0")
        for statement in _FILL:
            await connection.execute(statement)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def compare(small: World, large: World, rounds: int, deaths: Deaths) -> float:
    """The ratio of the medians: 1.0 when a million transfers cost nothing."""
    await fill(large)
    say(f"growth: {MILLION:,} transfers laid down")
    rates: dict[str, list[float]] = {"empty": [], "full": []}
    for number in range(1, rounds + 1):
        for name, world in (("empty", small), ("full", large)):
            rates[name].append(await accrual.run_once(world, "ours", f"grow{number}", deaths))
            say(f"growth round {number}/{rounds}: {name:<6} {rates[name][-1]:>9,.0f} purchases/s")
    return median(rates["full"]) / median(rates["empty"])
