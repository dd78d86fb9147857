"""All SQL of the ledger. Whole batches, one statement per table, rows sorted by key.

Rows travel as one array of a row type (`transfer_row` …, made by the migration), not as one array per column: the
driver looks at every element of an array, and a row is one element. That halves the client's work.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from points.database import columns
from points.ledger.domain import Lot, Transfer, Wallet

_OPEN = """
    INSERT INTO wallets (member_id, wallet, sequence, head, balance, debt)
    SELECT member_id, :wallet, 0, :genesis, 0, 0
    FROM unnest(CAST(:member_ids AS uuid[])) AS new(member_id) ORDER BY member_id
    ON CONFLICT DO NOTHING
"""
_LOCK = """
    SELECT member_id, wallet, sequence, head, balance, debt, earliest_expiry
    FROM wallets WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
    ORDER BY member_id, wallet FOR UPDATE
"""
_LOCKED_BEFORE = """
    SELECT current_setting('points.locked', true) = 'yes' AS before, set_config('points.locked', 'yes', true) AS now
"""
_WAIT_BRIEFLY = "SET LOCAL lock_timeout = '150ms'"
_WAIT_AS_USUAL = "SET LOCAL lock_timeout TO DEFAULT"
_OPEN_LOTS = """
    SELECT lots.member_id, lots.wallet, sequence, points, remaining, earned_at, expires_at, order_source, order_id
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:wallets AS text[])) AS asked(member_id, wallet)
    JOIN lots ON lots.member_id = asked.member_id AND lots.wallet = asked.wallet AND lots.remaining > 0
"""
_ADD_TRANSFERS = """
    INSERT INTO transfers (member_id, wallet, sequence, from_account, to_account, points, balance, debt, kind,
        order_source, order_id, reference, occurred_at, recorded_at, previous_hash, hash)
    SELECT * FROM unnest(CAST(:rows AS transfer_row[]))
"""
_ADD_LOTS = """
    INSERT INTO lots (member_id, wallet, sequence, points, remaining, earned_at, expires_at, order_source, order_id)
    SELECT * FROM unnest(CAST(:rows AS lot_row[]))
"""
_SET_LOTS = """
    UPDATE lots SET remaining = moved.remaining
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]),
        CAST(:remaining AS bigint[])) AS moved(member_id, wallet, sequence, remaining)
    WHERE lots.member_id = moved.member_id AND lots.wallet = moved.wallet AND lots.sequence = moved.sequence
"""
_ADD_CONSUMPTIONS = """
    INSERT INTO lot_consumptions (member_id, wallet, sequence, lot_sequence, points)
    SELECT * FROM unnest(
        CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]),
        CAST(:lot_sequence AS bigint[]), CAST(:points AS bigint[]))
"""
_SET_WALLETS = """
    UPDATE wallets SET sequence = moved.sequence, head = moved.head, balance = moved.balance, debt = moved.debt,
        earliest_expiry = moved.earliest_expiry
    FROM unnest(CAST(:rows AS wallet_row[])) AS moved
    WHERE wallets.member_id = moved.member_id AND wallets.wallet = moved.wallet
"""
_ADD_WALLETS = """
    INSERT INTO wallets (member_id, wallet, sequence, head, balance, debt, earliest_expiry)
    SELECT * FROM unnest(CAST(:rows AS wallet_row[]))
"""


async def open_wallets(tx: Transaction, member_ids: Iterable[UUID], wallet: str, genesis: bytes) -> None:
    """Give members their first wallet, unless they have it."""
    await tx.execute(_OPEN, {"member_ids": list(member_ids), "wallet": wallet, "genesis": genesis})


async def lock(tx: Transaction, member_ids: Iterable[UUID]) -> list[Wallet]:
    """All wallets of these members, in the members' order, locked until the transaction ends.

    A batch with events of several types locks once for each type, and only within each in order. The later ones wait
    but briefly: two workers that wait for one another part at once, not after PostgreSQL's `deadlock_timeout`, and the
    one that gives up (SQLSTATE 55P03) does its batch again.
    """
    locked_before = await tx.fetch_value(_LOCKED_BEFORE)
    if locked_before:
        await tx.execute(_WAIT_BRIEFLY)
    rows: Sequence[Any] = await tx.fetch_all(_LOCK, {"member_ids": list(member_ids)})
    if locked_before:
        await tx.execute(_WAIT_AS_USUAL)
    return [
        Wallet(member_id, wallet, sequence, head, balance, debt, earliest_expiry)
        for member_id, wallet, sequence, head, balance, debt, earliest_expiry in rows
    ]


async def open_lots(tx: Transaction, wallets: Sequence[Wallet]) -> dict[tuple[UUID, str], list[Lot]]:
    """Lots with something left in them, by wallet."""
    found: dict[tuple[UUID, str], list[Lot]] = {(wallet.member_id, wallet.name): [] for wallet in wallets}
    rows: Sequence[Any] = await tx.fetch_all(
        _OPEN_LOTS,
        {"member_ids": [wallet.member_id for wallet in wallets], "wallets": [wallet.name for wallet in wallets]},
    )
    for member_id, wallet, *rest in rows:
        found[member_id, wallet].append(Lot(*rest))
    return found


async def save(tx: Transaction, moved: Sequence[Wallet]) -> None:
    """Write down all that moved in these wallets, which the caller holds locked."""
    await _save_wallets(tx, _SET_WALLETS, [wallet for wallet in moved if not wallet.is_new])
    await _save_wallets(tx, _ADD_WALLETS, [wallet for wallet in moved if wallet.is_new])
    await tx.execute(_ADD_TRANSFERS, {"rows": [transfer for wallet in moved for transfer in wallet.transfers]})
    opened = [
        (
            wallet.member_id,
            wallet.name,
            lot.sequence,
            lot.points,
            lot.remaining,
            lot.earned_at,
            lot.expires_at,
            lot.order_source,
            lot.order_id,
        )
        for wallet in moved
        for lot in wallet.opened
    ]
    if opened:
        await tx.execute(_ADD_LOTS, {"rows": opened})
    consuming = [wallet for wallet in moved if wallet.consumptions]
    if consuming:
        await _save_consumptions(tx, consuming)


async def _save_wallets(tx: Transaction, sql: str, wallets: Sequence[Wallet]) -> None:
    rows = [
        (one.member_id, one.name, one.sequence, one.head, one.balance, one.debt, one.earliest_expiry) for one in wallets
    ]
    if rows:
        await tx.execute(sql, {"rows": rows})


async def _save_consumptions(tx: Transaction, wallets: Sequence[Wallet]) -> None:
    changed: list[tuple[UUID, str, int, int]] = []
    for wallet in wallets:
        taken_from = {consumption.lot_sequence for consumption in wallet.consumptions}
        new = {lot.sequence for lot in wallet.opened}
        changed += [
            (wallet.member_id, wallet.name, lot.sequence, lot.remaining)
            for lot in wallet.lots or ()
            if lot.sequence in taken_from and lot.sequence not in new
        ]
    if changed:
        await tx.execute(_SET_LOTS, columns(("member_id", "wallet", "sequence", "remaining"), changed))
    consumptions = [row for wallet in wallets for row in wallet.consumptions]
    await tx.execute(
        _ADD_CONSUMPTIONS, columns(("member_id", "wallet", "sequence", "lot_sequence", "points"), consumptions)
    )


_TRANSFERS = """
    SELECT member_id, wallet, sequence, from_account, to_account, points, balance, debt, kind, order_source, order_id,
        reference, occurred_at, recorded_at, previous_hash, hash
    FROM transfers WHERE member_id = :member_id AND wallet = :wallet AND sequence > :after
    ORDER BY sequence LIMIT :limit
"""
_NEWEST = """
    SELECT member_id, wallet, sequence, from_account, to_account, points, balance, debt, kind, order_source, order_id,
        reference, occurred_at, recorded_at, previous_hash, hash
    FROM transfers WHERE member_id = :member_id AND wallet = :wallet AND sequence < :before
    ORDER BY sequence DESC LIMIT :limit
"""
_WALLETS = "SELECT wallet, sequence, head, balance, debt FROM wallets WHERE member_id = :member_id ORDER BY wallet"
_BALANCES = """
    SELECT wallet, balance, debt, sequence,
        COALESCE(expired, 0) AS expired, COALESCE(expiring, 0) AS expiring, next_expiry
    FROM wallets LEFT JOIN LATERAL (
        SELECT sum(remaining) FILTER (WHERE expires_at <= :now) AS expired,
            sum(remaining) FILTER (WHERE expires_at > :now AND expires_at <= :soon) AS expiring,
            min(expires_at) FILTER (WHERE expires_at > :now) AS next_expiry
        FROM lots
        WHERE lots.member_id = wallets.member_id AND lots.wallet = wallets.wallet
            AND remaining > 0 AND expires_at IS NOT NULL
    ) AS of_lots ON wallets.earliest_expiry IS NOT NULL
    WHERE member_id = :member_id ORDER BY wallet
"""
_BALANCES_AS_OF = """
    WITH known AS (
        SELECT * FROM transfers
        WHERE member_id = :member_id AND occurred_at <= :occurred_at AND recorded_at <= :recorded_at
    ), spent AS (
        SELECT wallet, lot_sequence, sum(points) AS points FROM lot_consumptions AS used
        WHERE member_id = :member_id AND EXISTS (
            SELECT FROM known WHERE known.wallet = used.wallet AND known.sequence = used.sequence)
        GROUP BY wallet, lot_sequence
    ), gone AS (
        SELECT lots.wallet, sum(lots.points - COALESCE(spent.points, 0)) AS points
        FROM lots JOIN known USING (wallet, sequence)
        LEFT JOIN spent ON (spent.wallet, lot_sequence) = (lots.wallet, sequence)
        WHERE lots.member_id = :member_id AND lots.expires_at <= :occurred_at
        GROUP BY lots.wallet
    )
    SELECT known.wallet, max(known.sequence) AS sequence,
        COALESCE(sum(known.points) FILTER (WHERE to_account = 'wallet'), 0)
            - COALESCE(sum(known.points) FILTER (WHERE from_account = 'wallet'), 0) AS balance,
        COALESCE(sum(known.points) FILTER (WHERE from_account = 'debt'), 0)
            - COALESCE(sum(known.points) FILTER (WHERE to_account = 'debt'), 0) AS debt,
        COALESCE(max(gone.points), 0) AS expired
    FROM known LEFT JOIN gone USING (wallet) GROUP BY known.wallet ORDER BY known.wallet
"""


async def transfers_of(tx: Transaction, member_id: UUID, wallet: str, *, after: int, limit: int) -> list[Transfer]:
    """Transfers of one wallet after a sequence, in order."""
    rows: Sequence[Any] = await tx.fetch_all(
        _TRANSFERS, {"member_id": member_id, "wallet": wallet, "after": after, "limit": limit}
    )
    return [Transfer._make(row) for row in rows]


async def newest(tx: Transaction, member_id: UUID, wallet: str, *, before: int, limit: int) -> list[Transfer]:
    """Transfers of one wallet below a sequence, the newest first."""
    rows: Sequence[Any] = await tx.fetch_all(
        _NEWEST, {"member_id": member_id, "wallet": wallet, "before": before, "limit": limit}
    )
    return [Transfer._make(row) for row in rows]


async def wallets_of(tx: Transaction, member_id: UUID) -> Sequence[Row[Any]]:
    """`wallet, sequence, head, balance, debt` of each wallet."""
    return await tx.fetch_all(_WALLETS, {"member_id": member_id})


async def balances(tx: Transaction, member_id: UUID, *, now: datetime, soon: datetime) -> Sequence[Row[Any]]:
    """`wallet, balance, debt, sequence, expired, expiring, next_expiry` of each wallet."""
    return await tx.fetch_all(_BALANCES, {"member_id": member_id, "now": now, "soon": soon})


async def balances_as_of(
    tx: Transaction, member_id: UUID, *, occurred_at: datetime, recorded_at: datetime
) -> Sequence[Row[Any]]:
    """`wallet, balance, debt, sequence, expired` by what was recorded then of what had occurred then."""
    return await tx.fetch_all(
        _BALANCES_AS_OF, {"member_id": member_id, "occurred_at": occurred_at, "recorded_at": recorded_at}
    )
