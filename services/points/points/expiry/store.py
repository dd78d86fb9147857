"""All SQL of expiry: a batch of wallets is swept by one statement, with the hash chain computed in the database.

The canonical text of a transfer is that of `ledger.chain.chained`. PostgreSQL's text holds no NUL, so it is put
together with `\\000` between its parts, which `decode(…, 'escape')` turns into the byte.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from common.storage import Transaction

# Wallets at which somebody is at work are left for the next run, as are those in which something is to be released
# first: what became available before it expired has repaid debt. Whoever changes a lot holds its wallet, so a lot that
# was read is at the same place when it is emptied (`ctid`), which saves a look-up of each.
_LOCK = """
    SELECT member_id, wallet FROM wallets
    WHERE earliest_expiry <= :now AND (earliest_release IS NULL OR earliest_release > :now)
    ORDER BY earliest_expiry LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_SWEEP = r"""
    WITH RECURSIVE asked AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:member_ids AS uuid[]), CAST(:wallets AS text[])) AS asked(member_id, wallet)
    ), gone AS MATERIALIZED (
        SELECT lots.member_id, lots.wallet, lots.sequence AS lot, lots.remaining, lots.expires_at, lots.pending,
            lots.ctid AS place
        FROM asked JOIN lots ON lots.member_id = asked.member_id AND lots.wallet = asked.wallet
            AND lots.remaining > 0 AND lots.expires_at <= :now
    ), steps AS MATERIALIZED (
        SELECT member_id, wallet, expires_at, pending, CAST(sum(remaining) AS bigint) AS points, count(*) AS lots,
            row_number() OVER (PARTITION BY member_id, wallet ORDER BY expires_at, pending) AS step
        FROM gone GROUP BY member_id, wallet, expires_at, pending
    ), chain AS (
        SELECT member_id, wallet, CAST(0 AS bigint) AS step, wallets.sequence, wallets.balance,
            wallets.pending AS waiting, wallets.debt, wallets.held, CAST(NULL AS timestamptz) AS expires_at,
            false AS pending, CAST(0 AS bigint) AS points, CAST(0 AS bigint) AS lots, CAST(NULL AS bytea) AS previous,
            wallets.head AS hash
        FROM asked JOIN wallets USING (member_id, wallet)
        UNION ALL
        SELECT member_id, wallet, steps.step, chain.sequence + 1, later.balance, later.waiting, chain.debt, chain.held,
            steps.expires_at, steps.pending, steps.points, steps.lots, chain.hash,
            sha256(chain.hash || uuid_send(member_id) || decode(
                replace(wallet, '\', '\\') || '\000' || (chain.sequence + 1) || '\000' || later.account
                || '\000expiry\000' || steps.points || '\000' || later.balance || '\000' || chain.debt || '\000'
                || later.waiting || '\000' || chain.held || '\000expired\000\000\000\000'
                || CAST(EXTRACT(EPOCH FROM steps.expires_at) * 1000000 AS bigint) || '\000'
                || CAST(EXTRACT(EPOCH FROM CAST(:now AS timestamptz)) * 1000000 AS bigint), 'escape'))
        FROM chain JOIN steps USING (member_id, wallet) CROSS JOIN LATERAL (
            SELECT CASE WHEN steps.pending THEN 'pending' ELSE 'wallet' END AS account,
                chain.balance - CASE WHEN steps.pending THEN 0 ELSE steps.points END AS balance,
                chain.waiting - CASE WHEN steps.pending THEN steps.points ELSE 0 END AS waiting
        ) AS later
        WHERE steps.step = chain.step + 1
    ), ends AS MATERIALIZED (
        SELECT DISTINCT ON (member_id, wallet) * FROM chain ORDER BY member_id, wallet, step DESC
    ), written AS (
        INSERT INTO transfers (member_id, wallet, sequence, from_account, to_account, points, balance, debt, pending,
            held, kind, order_source, order_id, reference, occurred_at, recorded_at, previous_hash, hash)
        SELECT member_id, wallet, sequence, CASE WHEN pending THEN 'pending' ELSE 'wallet' END, 'expiry', points,
            balance, debt, waiting, held, 'expired', '', '', '', expires_at, :now, previous, hash
        FROM chain WHERE step > 0 ORDER BY member_id, wallet, sequence
    ), consumed AS (
        INSERT INTO lot_consumptions (member_id, wallet, sequence, lot_sequence, points)
        SELECT member_id, wallet, chain.sequence, gone.lot, gone.remaining
        FROM gone JOIN chain USING (member_id, wallet, expires_at, pending)
        ORDER BY member_id, wallet, chain.sequence, gone.lot
    ), emptied AS (
        UPDATE lots SET remaining = 0 FROM gone
        WHERE lots.ctid = gone.place
    ), moved AS (
        UPDATE wallets SET sequence = ends.sequence, head = ends.hash, balance = ends.balance, pending = ends.waiting,
            earliest_expiry = (
                SELECT min(expires_at) FROM lots
                WHERE lots.member_id = ends.member_id AND lots.wallet = ends.wallet AND remaining > 0
                    AND lots.expires_at > :now)
        FROM ends WHERE wallets.member_id = ends.member_id AND wallets.wallet = ends.wallet
    )
    SELECT member_id, wallet, chain.sequence, chain.points, chain.lots, chain.expires_at, chain.pending, chain.debt,
        ends.balance - ends.debt AS spendable
    FROM chain JOIN ends USING (member_id, wallet) WHERE chain.step > 0 ORDER BY member_id, wallet, chain.sequence
"""
_NOTICE = """
    WITH near AS (
        SELECT wallets.member_id, wallets.wallet, wallets.balance - wallets.debt AS balance, lots.expires_at,
            CAST(sum(lots.remaining) AS bigint) AS points
        FROM wallets JOIN lots ON lots.member_id = wallets.member_id AND lots.wallet = wallets.wallet
            AND lots.remaining > 0 AND NOT lots.pending AND lots.expires_at > :now AND lots.expires_at <= :horizon
        WHERE wallets.earliest_expiry <= :horizon
        GROUP BY wallets.member_id, wallets.wallet, lots.expires_at
    ), due AS (
        SELECT near.*, stage.days FROM near CROSS JOIN LATERAL (
            SELECT min(CAST(days AS integer)) AS days
            FROM jsonb_array_elements_text(
                COALESCE(CAST(:by_wallet AS jsonb) -> near.wallet, CAST(:otherwise AS jsonb))) AS stages(days)
            WHERE near.expires_at <= CAST(:now AS timestamptz) + CAST(days AS integer) * interval '24 hours'
        ) AS stage
        WHERE stage.days IS NOT NULL AND NOT EXISTS (
            SELECT FROM expiry_notices AS sent
            WHERE sent.member_id = near.member_id AND sent.wallet = near.wallet
                AND sent.expires_at = near.expires_at AND sent.days <= stage.days)
        ORDER BY near.expires_at, near.member_id, near.wallet LIMIT :limit
    ), sent AS (
        INSERT INTO expiry_notices (member_id, wallet, expires_at, days, points, noticed_at)
        SELECT member_id, wallet, expires_at, days, points, :now FROM due
        ON CONFLICT DO NOTHING RETURNING member_id, wallet, expires_at
    )
    SELECT member_id, wallet, due.points, due.expires_at, due.balance - COALESCE((
            SELECT CAST(sum(remaining) AS bigint) FROM lots
            WHERE lots.member_id = due.member_id AND lots.wallet = due.wallet AND remaining > 0 AND NOT pending
                AND lots.expires_at <= :now), 0) AS balance
    FROM due JOIN sent USING (member_id, wallet, expires_at)
"""


async def lock(tx: Transaction, *, limit: int) -> list[tuple[UUID, str]]:
    """Lock wallets in which something may have expired, leaving out those at work."""
    rows: Sequence[Any] = await tx.fetch_all(_LOCK, {"now": tx.now, "limit": limit})
    return [(row.member_id, row.wallet) for row in rows]


async def sweep(tx: Transaction, wallets: Sequence[tuple[UUID, str]]) -> Sequence[Any]:
    """Write down what has expired in these wallets, which are locked: one transfer per wallet and instant.

    Gives of each transfer `member_id, wallet, sequence, points, lots, expires_at, debt, spendable`, and `pending`:
    whether they still waited.
    """
    member_ids, names = ([wallet[place] for wallet in wallets] for place in (0, 1))
    return await tx.fetch_all(_SWEEP, {"member_ids": member_ids, "wallets": names, "now": tx.now})


async def notice(
    tx: Transaction,
    *,
    by_wallet: Mapping[str, Sequence[int]],
    otherwise: Sequence[int],
    horizon: datetime,
    limit: int,
) -> Sequence[Any]:
    """Note which notices are due, so many days ahead by type of wallet, up to `horizon`; each is given once.

    Gives `member_id, wallet, points, expires_at, balance`.
    """
    return await tx.fetch_all(
        _NOTICE,
        {
            "by_wallet": json.dumps({key: list(days) for key, days in by_wallet.items()}),
            "otherwise": json.dumps(list(otherwise)),
            "horizon": horizon,
            "limit": limit,
            "now": tx.now,
        },
    )
