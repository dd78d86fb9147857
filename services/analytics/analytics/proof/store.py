"""All SQL that compares roll-ups with facts. Comparison and repair are one statement, hence one snapshot: facts and
their roll-up rows are committed together, so any difference is drift and never work in progress."""

from collections.abc import Mapping
from typing import Any

from analytics.proof.domain import Proof
from common.storage import Transaction

TIME = "SET LOCAL statement_timeout = '10min'"

REPAIRS: Mapping[str, str] = {
    "spend_days": """
        WITH wanted AS (
            SELECT day, channel, 1 AS orders, amount AS gross, discount, 0 AS returns, 0 AS returned FROM purchases
            UNION ALL
            SELECT day, channel, 0, 0, 0, 1, amount FROM returns WHERE state = 'applied'
            UNION ALL
            SELECT day, channel, -orders, -gross, -discount, -returns, -returned FROM spend_days
        ), differences AS (
            SELECT day, channel, sum(orders) AS orders, sum(gross) AS gross, sum(discount) AS discount,
                sum(returns) AS returns, sum(returned) AS returned
            FROM wanted GROUP BY day, channel
        ), repaired AS (
            INSERT INTO spend_days (day, channel, orders, gross, discount, returns, returned, recorded_at)
            SELECT *, NULL FROM differences
            WHERE (orders, gross, discount, returns, returned) <> (0, 0, 0, 0, 0)
            RETURNING day, channel, orders, gross, discount, returns, returned
        )
        SELECT (SELECT count(*) FROM differences) AS keys,
            (SELECT array_agg(CAST(repaired AS text) ORDER BY day, channel) FROM repaired) AS drifted
    """,
    "points_days": """
        WITH wanted AS (
            SELECT day, wallet, kind, 1 AS movements, points, written_off, waiting FROM movements
            UNION ALL
            SELECT day, wallet, 'unexpired', 0, unexpired, 0, 0 FROM movements WHERE unexpired > 0
            UNION ALL
            SELECT day, wallet, kind, -movements, -points, -written_off, -waiting FROM points_days
        ), differences AS (
            SELECT day, wallet, kind, sum(movements) AS movements, sum(points) AS points,
                sum(written_off) AS written_off, sum(waiting) AS waiting
            FROM wanted GROUP BY day, wallet, kind
        ), repaired AS (
            INSERT INTO points_days (day, wallet, kind, movements, points, written_off, waiting, recorded_at)
            SELECT *, NULL FROM differences
            WHERE (movements, points, written_off, waiting) <> (0, 0, 0, 0)
            RETURNING day, wallet, kind, movements, points, written_off, waiting
        )
        SELECT (SELECT count(*) FROM differences) AS keys,
            (SELECT array_agg(CAST(repaired AS text) ORDER BY day, wallet, kind) FROM repaired) AS drifted
    """,
    "rule_days": """
        WITH wanted AS (
            SELECT day, wallet, share ->> 0 AS rule, CAST(share ->> 1 AS integer) AS version, 1 AS credits,
                CAST(share ->> 2 AS numeric) AS points
            FROM movements CROSS JOIN jsonb_array_elements(shares) AS share WHERE shares IS NOT NULL
            UNION ALL
            SELECT day, wallet, rule, version, -credits, -points FROM rule_days
        ), differences AS (
            SELECT day, wallet, rule, version, sum(credits) AS credits, sum(points) AS points
            FROM wanted GROUP BY day, wallet, rule, version
        ), repaired AS (
            INSERT INTO rule_days (day, wallet, rule, version, credits, points)
            SELECT * FROM differences WHERE (credits, points) <> (0, 0)
            RETURNING day, wallet, rule, version, credits, points
        )
        SELECT (SELECT count(*) FROM differences) AS keys,
            (SELECT array_agg(CAST(repaired AS text) ORDER BY day, wallet, rule, version) FROM repaired) AS drifted
    """,
    "notice_days": """
        WITH wanted AS (
            SELECT day, template, channel, state, 1 AS notices FROM notices
            UNION ALL
            SELECT day, template, channel, state, -notices FROM notice_days
        ), differences AS (
            SELECT day, template, channel, state, sum(notices) AS notices
            FROM wanted GROUP BY day, template, channel, state
        ), repaired AS (
            INSERT INTO notice_days (day, template, channel, state, notices, recorded_at)
            SELECT *, NULL FROM differences WHERE notices <> 0
            RETURNING day, template, channel, state, notices
        )
        SELECT (SELECT count(*) FROM differences) AS keys,
            (SELECT array_agg(CAST(repaired AS text) ORDER BY day, template, channel, state) FROM repaired) AS drifted
    """,
}

IN_ANOTHER_ZONE = """
    SELECT EXISTS (SELECT 1 FROM purchases WHERE zone <> :zone) OR EXISTS (SELECT 1 FROM returns WHERE zone <> :zone)
        OR EXISTS (SELECT 1 FROM movements WHERE zone <> :zone) OR EXISTS (SELECT 1 FROM notices WHERE zone <> :zone)
        OR EXISTS (SELECT 1 FROM happenings WHERE zone <> :zone)
"""

KEEP = """
    INSERT INTO proofs (proved_at, rollup, keys, drifted, examples)
    VALUES (:now, :rollup, :keys, :drifted, :examples)
"""

LATEST = "SELECT DISTINCT ON (rollup) rollup, proved_at, keys, drifted, examples FROM proofs ORDER BY rollup, id DESC"

FORGET = "DELETE FROM proofs WHERE drifted = 0 AND proved_at < CAST(:now AS timestamptz) - interval '30 days'"


async def repair(tx: Transaction, rollup: str) -> Proof:
    """Compare the roll-up with its facts and add what is missing."""
    await tx.execute(TIME)
    row = await tx.fetch_one(REPAIRS[rollup])
    assert row is not None
    return Proof(rollup=rollup, keys=row.keys, drifted=tuple(row.drifted or ()))


async def keep(tx: Transaction, proof: Proof) -> None:
    """Write down what was found; what was in order is forgotten after a month."""
    await tx.execute(
        KEEP,
        {
            "now": tx.now,
            "rollup": proof.rollup,
            "keys": proof.keys,
            "drifted": len(proof.drifted),
            "examples": proof.examples,
        },
    )
    await tx.execute(FORGET, {"now": tx.now})


async def in_another_zone(tx: Transaction, zone: str) -> bool:
    """Whether any fact has a day of a zone other than `zone`."""
    return bool(await tx.fetch_value(IN_ANOTHER_ZONE, {"zone": zone}))


async def latest(tx: Transaction) -> list[Any]:
    """The newest proof of each roll-up: rollup, proved_at, keys, drifted, examples."""
    return list(await tx.fetch_all(LATEST))
