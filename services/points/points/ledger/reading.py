"""SQL that reads the ledger: balances now and then, transfers in order."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from points.ledger.chain import Transfer

_TRANSFER = """
    member_id, wallet, sequence, from_account, to_account, points, balance, debt, pending, held, kind, order_source,
    order_id, reference, occurred_at, recorded_at, previous_hash, hash
"""
_TRANSFERS = f"""
    SELECT {_TRANSFER}
    FROM transfers WHERE member_id = :member_id AND wallet = :wallet AND sequence > :after
    ORDER BY sequence LIMIT :limit
"""
_NEWEST = f"""
    SELECT {_TRANSFER}
    FROM transfers WHERE member_id = :member_id AND wallet = :wallet AND sequence < :before
        AND (CAST(:since AS timestamptz) IS NULL OR occurred_at >= :since)
        AND (CAST(:until AS timestamptz) IS NULL OR occurred_at < :until)
        AND (CAST(:kind AS text) IS NULL OR kind = :kind)
    ORDER BY sequence DESC LIMIT :limit
"""
_WALLETS = """
    SELECT wallet, sequence, head, balance, debt, pending, held FROM wallets
    WHERE member_id = :member_id ORDER BY wallet
"""
_BALANCES = """
    SELECT wallet, balance, pending, held, debt, COALESCE(waiting, pending) AS waiting,
        COALESCE(expired, 0) AS expired, due, COALESCE(expiring, 0) AS expiring,
        next_expiry, next_release
    FROM wallets LEFT JOIN LATERAL (
        SELECT COALESCE(sum(remaining) FILTER (WHERE waits AND NOT gone), 0) AS waiting,
            sum(remaining) FILTER (WHERE gone) AS expired,
            array_agg(ARRAY[remaining, CAST(gone AS integer)] ORDER BY available_at, sequence)
                FILTER (WHERE pending AND NOT waits AND COALESCE(expires_at > available_at, true)) AS due,
            sum(remaining) FILTER (WHERE NOT waits AND NOT gone AND expires_at <= :soon) AS expiring,
            min(expires_at) FILTER (WHERE NOT waits AND NOT gone) AS next_expiry,
            min(available_at) FILTER (WHERE waits AND NOT gone) AS next_release
        FROM (
            SELECT sequence, remaining, pending, expires_at, available_at, COALESCE(expires_at <= :now, false) AS gone,
                pending AND COALESCE(available_at > :now, true) AS waits
            FROM lots
            WHERE lots.member_id = wallets.member_id AND lots.wallet = wallets.wallet AND remaining > 0
        ) AS open_lots
    ) AS of_lots ON wallets.earliest_expiry IS NOT NULL OR wallets.earliest_release IS NOT NULL
    WHERE member_id = :member_id ORDER BY wallet
"""
_BALANCES_AS_OF = """
    WITH known AS MATERIALIZED (
        SELECT wallet, sequence, from_account, to_account, points FROM transfers
        WHERE member_id = :member_id AND occurred_at <= :occurred_at AND recorded_at <= :recorded_at
    ), used AS (
        SELECT wallet, lot_sequence AS sequence, sum(used.points) AS points
        FROM lot_consumptions AS used JOIN known USING (wallet, sequence)
        WHERE member_id = :member_id GROUP BY wallet, lot_sequence
    ), back AS (
        SELECT wallet, lot_sequence AS sequence, sum(back.points) AS points
        FROM lot_restorations AS back JOIN known USING (wallet, sequence)
        WHERE member_id = :member_id AND NOT renewed GROUP BY wallet, lot_sequence
    ), then_open AS (
        SELECT lots.wallet, lots.sequence, lots.available_at, lots.expires_at,
            lots.points - COALESCE(used.points, 0) + COALESCE(back.points, 0) AS remaining,
            COALESCE(lots.expires_at <= :occurred_at, false) AS gone,
            known.to_account = 'pending' AND freed.sequence IS NULL AS unwritten,
            freed.sequence IS NULL AND COALESCE(lots.available_at > :occurred_at, known.to_account = 'pending') AS waits
        FROM lots JOIN known USING (wallet, sequence)
        LEFT JOIN known AS freed ON freed.wallet = lots.wallet AND freed.sequence = lots.released
        LEFT JOIN used ON used.wallet = lots.wallet AND used.sequence = lots.sequence
        LEFT JOIN back ON back.wallet = lots.wallet AND back.sequence = lots.sequence
        WHERE lots.member_id = :member_id
    ), of_lots AS (
        SELECT wallet, sum(remaining) FILTER (WHERE waits AND NOT gone) AS waiting,
            sum(remaining) FILTER (WHERE gone) AS expired,
            array_agg(ARRAY[CAST(remaining AS bigint), CAST(gone AS integer)] ORDER BY available_at, sequence)
                FILTER (WHERE unwritten AND NOT waits AND COALESCE(expires_at > available_at, true)) AS due
        FROM then_open GROUP BY wallet
    ), accounts AS (
        SELECT wallet,
            COALESCE(sum(points) FILTER (WHERE to_account = 'wallet'), 0)
                - COALESCE(sum(points) FILTER (WHERE from_account = 'wallet'), 0) AS balance,
            COALESCE(sum(points) FILTER (WHERE to_account = 'pending'), 0)
                - COALESCE(sum(points) FILTER (WHERE from_account = 'pending'), 0) AS pending,
            COALESCE(sum(points) FILTER (WHERE to_account = 'held'), 0)
                - COALESCE(sum(points) FILTER (WHERE from_account = 'held'), 0) AS held,
            COALESCE(sum(points) FILTER (WHERE from_account = 'debt'), 0)
                - COALESCE(sum(points) FILTER (WHERE to_account = 'debt'), 0) AS debt
        FROM known GROUP BY wallet
    )
    SELECT wallet, balance, pending, held, debt, COALESCE(waiting, 0) AS waiting, COALESCE(expired, 0) AS expired,
        due, 0 AS expiring, CAST(NULL AS timestamptz) AS next_expiry,
        CAST(NULL AS timestamptz) AS next_release
    FROM accounts LEFT JOIN of_lots USING (wallet) ORDER BY wallet
"""
_LATEST = "SELECT max(occurred_at) FROM transfers WHERE member_id = :member_id AND wallet = :wallet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which transfers: those that occurred in [since, until), of one kind; None is any."""

    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None


async def transfers_of(tx: Transaction, member_id: UUID, wallet: str, *, after: int, limit: int) -> list[Transfer]:
    """Transfers of one wallet after a sequence, in order."""
    rows: Sequence[Any] = await tx.fetch_all(
        _TRANSFERS, {"member_id": member_id, "wallet": wallet, "after": after, "limit": limit}
    )
    return [Transfer._make(row) for row in rows]


async def newest(
    tx: Transaction, member_id: UUID, wallet: str, chosen: Chosen, *, before: int, limit: int
) -> list[Transfer]:
    """Transfers of one wallet below a sequence, the newest first."""
    rows: Sequence[Any] = await tx.fetch_all(
        _NEWEST, {"member_id": member_id, "wallet": wallet, "before": before, "limit": limit, **asdict(chosen)}
    )
    return [Transfer._make(row) for row in rows]


async def latest_occurrence(tx: Transaction, member_id: UUID, wallet: str) -> datetime | None:
    """When the latest of a wallet's transfers occurred, as far as they are written; None for none."""
    found: datetime | None = await tx.fetch_value(_LATEST, {"member_id": member_id, "wallet": wallet})
    return found


async def wallets_of(tx: Transaction, member_id: UUID) -> Sequence[Row[Any]]:
    """`wallet, sequence, head, balance, debt, pending, held` of each wallet."""
    return await tx.fetch_all(_WALLETS, {"member_id": member_id})


async def balances(tx: Transaction, member_id: UUID, *, now: datetime, soon: datetime) -> Sequence[Row[Any]]:
    """The accounts of each wallet as written, and of its lots: `waiting, expired, due, expiring, next_expiry,
    next_release`. `due` are lots whose waiting is over though no release is written: `[points, 1 if expired since]`, in
    the order in which they became available; `expired` are also those that wait.
    """
    return await tx.fetch_all(_BALANCES, {"member_id": member_id, "now": now, "soon": soon})


async def balances_as_of(
    tx: Transaction, member_id: UUID, *, occurred_at: datetime, recorded_at: datetime
) -> Sequence[Row[Any]]:
    """The same, by what was recorded then of what had occurred then; nothing is said of what comes after."""
    return await tx.fetch_all(
        _BALANCES_AS_OF, {"member_id": member_id, "occurred_at": occurred_at, "recorded_at": recorded_at}
    )
