"""All SQL of the ledger's checks. A wallet is folded from where the last check stopped, all in one snapshot.

LATERAL keeps it wallet by wallet, by the index: the planner cannot know how few of the wallets have moved.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from common.storage import Transaction
from points.checks.domain import Difference, Finding, Movement, Stored

_MOVED = """
    moved AS MATERIALIZED (
        SELECT member_id, wallet, wallets.sequence, wallets.balance, wallets.debt, wallets.pending, wallets.held,
            COALESCE(checked.sequence, 0) AS checked, COALESCE(checked.balance, 0) AS checked_balance,
            COALESCE(checked.debt, 0) AS checked_debt, COALESCE(checked.pending, 0) AS checked_pending,
            COALESCE(checked.held, 0) AS checked_held
        FROM wallets LEFT JOIN wallet_checks AS checked USING (member_id, wallet)
        WHERE wallets.sequence <> COALESCE(checked.sequence, 0)
            OR wallets.balance <> COALESCE(checked.balance, 0) OR wallets.debt <> COALESCE(checked.debt, 0)
            OR wallets.pending <> COALESCE(checked.pending, 0) OR wallets.held <> COALESCE(checked.held, 0)
    ), tail AS (
        SELECT wallet, from_account, to_account, kind, CAST(occurred_at AT TIME ZONE :zone AS date) AS day, part.points
        FROM moved CROSS JOIN LATERAL (
            SELECT from_account, to_account, kind, occurred_at, points FROM transfers
            WHERE transfers.member_id = moved.member_id AND transfers.wallet = moved.wallet
                AND transfers.sequence > moved.checked
            OFFSET 0
        ) AS part
    )
"""
_CHECKED = """
    checked AS MATERIALIZED (
        SELECT member_id, wallet, moved.sequence, moved.balance, moved.debt, moved.pending, moved.held,
            checked + transfers AS transfers, GREATEST(checked, last) AS last,
            checked_balance + folded.balance AS folded_balance, checked_debt + folded.debt AS folded_debt,
            checked_pending + folded.pending AS folded_pending, checked_held + folded.held AS folded_held,
            of_lots.remaining, of_lots.waiting, of_holds.points AS holds
        FROM moved CROSS JOIN LATERAL (
            SELECT count(*) AS transfers, max(sequence) AS last,
                COALESCE(sum(points) FILTER (WHERE to_account = 'wallet'), 0)
                    - COALESCE(sum(points) FILTER (WHERE from_account = 'wallet'), 0) AS balance,
                COALESCE(sum(points) FILTER (WHERE from_account = 'debt'), 0)
                    - COALESCE(sum(points) FILTER (WHERE to_account = 'debt'), 0) AS debt,
                COALESCE(sum(points) FILTER (WHERE to_account = 'pending'), 0)
                    - COALESCE(sum(points) FILTER (WHERE from_account = 'pending'), 0) AS pending,
                COALESCE(sum(points) FILTER (WHERE to_account = 'held'), 0)
                    - COALESCE(sum(points) FILTER (WHERE from_account = 'held'), 0) AS held
            FROM transfers
            WHERE transfers.member_id = moved.member_id AND transfers.wallet = moved.wallet
                AND transfers.sequence > moved.checked
        ) AS folded CROSS JOIN LATERAL (
            SELECT COALESCE(sum(lots.remaining) FILTER (WHERE NOT pending), 0) AS remaining,
                COALESCE(sum(lots.remaining) FILTER (WHERE pending), 0) AS waiting
            FROM lots
            WHERE lots.member_id = moved.member_id AND lots.wallet = moved.wallet AND lots.remaining > 0
        ) AS of_lots CROSS JOIN LATERAL (
            SELECT CASE WHEN CAST(:with_lots AS boolean) THEN (
                SELECT COALESCE(sum(redemptions.held), 0) FROM redemptions
                WHERE redemptions.member_id = moved.member_id AND redemptions.wallet = moved.wallet
                    AND redemptions.state = 'held'
            ) ELSE moved.held END AS points
        ) AS of_holds
    )
"""
_KEEP_FOLDED = """
    kept AS (
        INSERT INTO wallet_checks (member_id, wallet, sequence, balance, debt, pending, held)
        SELECT member_id, wallet, last, folded_balance, folded_debt, folded_pending, folded_held FROM checked
        ON CONFLICT (member_id, wallet) DO UPDATE SET sequence = excluded.sequence, balance = excluded.balance,
            debt = excluded.debt, pending = excluded.pending, held = excluded.held
    ), added AS (
        INSERT INTO account_totals (wallet, day, from_account, to_account, kind, transfers, points)
        SELECT wallet, day, from_account, to_account, kind, count(*), sum(points) FROM tail
        GROUP BY wallet, day, from_account, to_account, kind
        ON CONFLICT (wallet, day, from_account, to_account, kind) DO UPDATE SET
            transfers = account_totals.transfers + excluded.transfers, points = account_totals.points + excluded.points
    )
"""
_SEEN = """
    wrong AS (
        SELECT member_id, wallet, problem.*
        FROM checked, LATERAL (VALUES
            ('balance', balance, folded_balance),
            ('debt', debt, folded_debt),
            ('pending', pending, folded_pending),
            ('held', held, folded_held),
            ('open holds', held, holds),
            ('lots', remaining, folded_balance),
            ('lots that wait', waiting, folded_pending),
            ('newest transfer', sequence, last),
            ('number of transfers', sequence, transfers)
        ) AS problem(what, written, folded)
        WHERE written <> folded
        ORDER BY member_id, what LIMIT :limit
    ), movements AS (
        SELECT wallet, from_account, to_account, kind, sum(transfers) AS transfers, sum(points) AS points
        FROM (
            SELECT wallet, from_account, to_account, kind, transfers, points FROM account_totals
            UNION ALL
            SELECT wallet, from_account, to_account, kind, count(*), sum(points) FROM tail
            GROUP BY wallet, from_account, to_account, kind
        ) AS both_parts GROUP BY wallet, from_account, to_account, kind
    ), stored AS (
        SELECT wallet, sum(balance) AS balance, sum(debt) AS debt, sum(pending) AS pending, sum(held) AS held
        FROM wallets GROUP BY wallet
    ), lots_now AS (
        SELECT wallet, sum(remaining) AS lots FROM lots WHERE CAST(:with_lots AS boolean) GROUP BY wallet
    )
    SELECT 'stored' AS part, wallet, CAST(NULL AS text) AS from_account, CAST(NULL AS text) AS to_account,
        CAST(NULL AS text) AS kind, CAST(NULL AS uuid) AS member_id,
        balance AS first, debt AS second,
        COALESCE(lots, CASE WHEN CAST(:with_lots AS boolean) THEN 0 ELSE balance + pending END) AS third,
        pending AS fourth, held AS fifth
        FROM stored LEFT JOIN lots_now USING (wallet)
    UNION ALL
    SELECT 'movement', wallet, from_account, to_account, kind, NULL, transfers, points, NULL, NULL, NULL FROM movements
    UNION ALL
    SELECT 'wrong', wallet, what, NULL, NULL, member_id, written, folded, NULL, NULL, NULL FROM wrong
"""
_LOOK = f"WITH {_MOVED}, {_CHECKED}, {_SEEN}"
_ADVANCE = f"WITH {_MOVED}, {_CHECKED}, {_KEEP_FOLDED}, {_SEEN}"
_BY_DAY = f"""
    WITH {_MOVED}
    SELECT day, from_account, to_account, kind, CAST(sum(transfers) AS bigint) AS transfers,
        CAST(sum(points) AS bigint) AS points
    FROM (
        SELECT wallet, day, from_account, to_account, kind, transfers, points FROM account_totals
        UNION ALL
        SELECT wallet, day, from_account, to_account, kind, 1, points FROM tail
    ) AS both_parts
    WHERE wallet = :wallet AND day BETWEEN :first AND :last
    GROUP BY day, from_account, to_account, kind ORDER BY day, from_account, to_account, kind
"""
_TURN = "SELECT pg_advisory_xact_lock(hashtext('points.checks'))"
_TURN_IF_FREE = "SELECT pg_try_advisory_xact_lock(hashtext('points.checks'))"
_WAIT_LONG = "SET LOCAL lock_timeout = '60s'"
_WAIT_AS_USUAL = "SET LOCAL lock_timeout TO DEFAULT"
_FORGET = ("DELETE FROM wallet_checks", "DELETE FROM account_totals")
_NO_LIMIT = "SET LOCAL statement_timeout = '280s'"
_KEEP = """
    INSERT INTO ledger_checks (checked_at, complete, wallet, transfers, balance, debt, lots, issued, clawed_back,
        written_off, difference, problems, pending, held, expired, redeemed)
    VALUES (:now, :complete, :wallet, :transfers, :balance, :debt, :lots, :issued, :clawed_back, :written_off,
        :difference, CAST(:problems AS jsonb), :pending, :held, :expired, :redeemed)
"""
_PRUNE = (
    "DELETE FROM ledger_checks WHERE checked_at < CAST(:now AS timestamptz) - interval '30 days' AND problems = '[]'"
)
_LATEST = """
    SELECT DISTINCT ON (wallet) wallet, checked_at, complete, difference, problems::text AS problems
    FROM ledger_checks WHERE complete ORDER BY wallet, checked_at DESC
"""


Ledger = dict[str, tuple[list[Movement], Stored, list[Difference]]]
"""By type of wallet."""


async def look(tx: Transaction, *, zone: str, limit: int) -> Ledger:
    """The ledger now: what was folded before, and what has moved since. Names at most `limit` differences."""
    return _ledger(await tx.fetch_all(_LOOK, {"with_lots": False, "zone": zone, "limit": limit}))


async def advance(tx: Transaction, *, zone: str, with_lots: bool, limit: int) -> Ledger:
    """The same, and the next look starts from here. `with_lots` adds up every lot, not only those of moved
    wallets, and every hold that is open.
    """
    await tx.execute(_NO_LIMIT)
    return _ledger(await tx.fetch_all(_ADVANCE, {"with_lots": with_lots, "zone": zone, "limit": limit}))


async def by_day(tx: Transaction, wallet: str, *, first: date, last: date, zone: str) -> Sequence[Row[Any]]:
    """`day, from_account, to_account, kind, transfers, points` of what occurred on these local days, both included."""
    return await tx.fetch_all(_BY_DAY, {"wallet": wallet, "first": first, "last": last, "zone": zone})


def _ledger(rows: Sequence[Any]) -> Ledger:
    found: Ledger = {row.wallet: ([], _stored(row), []) for row in rows if row.part == "stored"}
    for row in rows:
        movements, _, differences = found.setdefault(row.wallet, ([], Stored(balance=0, debt=0, lots=0), []))
        if row.part == "movement":
            movements.append(
                Movement(
                    from_account=row.from_account,
                    to_account=row.to_account,
                    kind=row.kind,
                    transfers=int(row.first),
                    points=int(row.second),
                )
            )
        elif row.part == "wrong":
            differences.append(
                Difference(
                    member_id=row.member_id, what=row.from_account, written=int(row.first), folded=int(row.second)
                )
            )
    return found


def _stored(row: Any) -> Stored:
    return Stored(
        balance=int(row.first),
        debt=int(row.second),
        lots=int(row.third),
        pending=int(row.fourth),
        held=int(row.fifth),
    )


async def is_turn(tx: Transaction) -> bool:
    """False while another check is folding: both would add up the same transfers."""
    return bool(await tx.fetch_value(_TURN_IF_FREE))


async def start_again(tx: Transaction) -> None:
    """Forget all folded sums, so that every transfer is read again; waits for a check that is folding."""
    await tx.execute(_NO_LIMIT)
    await tx.execute(_WAIT_LONG)
    await tx.execute(_TURN)
    await tx.execute(_WAIT_AS_USUAL)
    for statement in _FORGET:
        await tx.execute(statement)


async def keep(tx: Transaction, finding: Finding, *, complete: bool) -> None:
    await tx.execute(
        _KEEP,
        {
            "now": tx.now,
            "complete": complete,
            "wallet": finding.wallet,
            "transfers": finding.transfers,
            "balance": finding.balance,
            "debt": finding.debt,
            "lots": finding.lots,
            "issued": finding.issued,
            "clawed_back": finding.clawed_back,
            "written_off": finding.written_off,
            "difference": finding.difference,
            "problems": json.dumps(list(finding.problems)),
            "pending": finding.pending,
            "held": finding.held,
            "expired": finding.expired,
            "redeemed": finding.redeemed,
        },
    )


async def prune(tx: Transaction) -> None:
    """Forget old checks that found nothing."""
    await tx.execute(_PRUNE, {"now": tx.now})


async def latest_complete(tx: Transaction) -> Sequence[Row[Any]]:
    """`wallet, checked_at, complete, difference, problems` of the last complete check of each type of wallet."""
    return await tx.fetch_all(_LATEST)


_FIGURES = """
    SELECT (SELECT count(*) FROM members) AS members,
        (SELECT count(*) FROM purchases) AS purchases,
        (SELECT count(*) FROM repricings) AS repricings,
        (SELECT COALESCE(sum(count), 0) FROM duplicates) AS duplicates,
        (SELECT count(*) FROM returns WHERE state = 'waiting') AS returns_waiting,
        (SELECT count(*) FROM returns WHERE state = 'review') AS returns_in_review,
        (SELECT count(*) FROM returns WHERE state = 'refused') AS returns_refused,
        (SELECT count(*) FROM returns) AS returns
"""


async def figures(tx: Transaction) -> Any:
    """How many rows there are of what."""
    return await tx.fetch_one(_FIGURES)
