"""All SQL that moves the ledger. Whole batches, one statement per table, rows sorted by key.

Rows travel as one array of a row type (`transfer_row` …, made by the migration), not as one array per column: the
driver looks at every element of an array, and a row is one element. That halves the client's work.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from common.storage import Transaction
from points.database import columns
from points.ledger.wallet import Lot, Wallet

_OPEN = """
    INSERT INTO wallets (member_id, wallet, sequence, head, balance, debt, pending, held)
    SELECT member_id, :wallet, 0, :genesis, 0, 0, 0, 0
    FROM unnest(CAST(:member_ids AS uuid[])) AS new(member_id) ORDER BY member_id
    ON CONFLICT DO NOTHING
"""
_WALLET = "member_id, wallet, sequence, head, balance, debt, pending, held, earliest_expiry, earliest_release"
_LOCK = f"""
    SELECT {_WALLET} FROM wallets WHERE member_id = ANY(CAST(:member_ids AS uuid[]))
    ORDER BY member_id, wallet FOR UPDATE
"""
_LOCKED_BEFORE = """
    SELECT current_setting('points.locked', true) = 'yes' AS before, set_config('points.locked', 'yes', true) AS now
"""
_WAIT_BRIEFLY = "SET LOCAL lock_timeout = '150ms'"
_WAIT_AS_USUAL = "SET LOCAL lock_timeout TO DEFAULT"
_DUE = f"""
    SELECT {_WALLET} FROM wallets WHERE earliest_release <= :now
    ORDER BY earliest_release LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_ADD_TRANSFERS = """
    INSERT INTO transfers (member_id, wallet, sequence, from_account, to_account, points, balance, debt, pending, held,
        kind, order_source, order_id, reference, occurred_at, recorded_at, previous_hash, hash)
    SELECT * FROM unnest(CAST(:rows AS transfer_row[]))
"""
_ADD_LOTS = """
    INSERT INTO lots (member_id, wallet, sequence, points, remaining, earned_at, expires_at, order_source, order_id,
        available_at, pending, released, waits)
    SELECT * FROM unnest(CAST(:rows AS lot_row[]))
"""
_SET_LOTS = """
    UPDATE lots SET remaining = moved.remaining, pending = moved.pending, released = moved.released
    FROM unnest(CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]),
        CAST(:remaining AS bigint[]), CAST(:pending AS boolean[]), CAST(:released AS bigint[]))
        AS moved(member_id, wallet, sequence, remaining, pending, released)
    WHERE lots.member_id = moved.member_id AND lots.wallet = moved.wallet AND lots.sequence = moved.sequence
"""
_ADD_CONSUMPTIONS = """
    INSERT INTO lot_consumptions (member_id, wallet, sequence, lot_sequence, points)
    SELECT * FROM unnest(
        CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]),
        CAST(:lot_sequence AS bigint[]), CAST(:points AS bigint[]))
"""
_ADD_RESTORATIONS = """
    INSERT INTO lot_restorations (member_id, wallet, sequence, lot_sequence, undone, points, renewed)
    SELECT * FROM unnest(
        CAST(:member_id AS uuid[]), CAST(:wallet AS text[]), CAST(:sequence AS bigint[]),
        CAST(:lot_sequence AS bigint[]), CAST(:undone AS bigint[]), CAST(:points AS bigint[]),
        CAST(:renewed AS boolean[]))
"""
_SET_WALLETS = """
    UPDATE wallets SET sequence = moved.sequence, head = moved.head, balance = moved.balance, debt = moved.debt,
        pending = moved.pending, held = moved.held, earliest_expiry = moved.earliest_expiry,
        earliest_release = moved.earliest_release
    FROM unnest(CAST(:rows AS wallet_row[])) AS moved
    WHERE wallets.member_id = moved.member_id AND wallets.wallet = moved.wallet
"""
_ADD_WALLETS = """
    INSERT INTO wallets (member_id, wallet, sequence, head, balance, debt, pending, held, earliest_expiry,
        earliest_release)
    SELECT * FROM unnest(CAST(:rows AS wallet_row[])) ON CONFLICT DO NOTHING
"""
_BEGIN_AGAIN = """
    DO $$ BEGIN RAISE EXCEPTION 'another transaction was here first' USING ERRCODE = 'serialization_failure'; END $$
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
    return [Wallet(*row) for row in rows]


async def lock_due(tx: Transaction, *, now: datetime, limit: int) -> list[Wallet]:
    """Lock wallets in which lots wait whose time has come, leaving out those at work: it never waits."""
    rows: Sequence[Any] = await tx.fetch_all(_DUE, {"now": now, "limit": limit})
    return [Wallet(*row) for row in rows]


async def save(tx: Transaction, moved: Sequence[Wallet]) -> None:
    """Write down all that moved in these wallets, which the caller holds locked."""
    await _save_wallets(tx, _SET_WALLETS, [wallet for wallet in moved if not wallet.is_new])
    new = [wallet for wallet in moved if wallet.is_new]
    if await _save_wallets(tx, _ADD_WALLETS, new) < len(new):
        # Who waits for a lock does not see a wallet that was opened meanwhile: what was decided of it holds no longer.
        await begin_again(tx)
    transfers = [transfer for wallet in moved for transfer in wallet.transfers]
    if transfers:
        await tx.execute(_ADD_TRANSFERS, {"rows": transfers})
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
            lot.available_at,
            lot.pending,
            lot.released,
            lot.waits,
        )
        for wallet in moved
        for lot in wallet.opened
    ]
    if opened:
        await tx.execute(_ADD_LOTS, {"rows": opened})
    if any(wallet.changed or wallet.restorations for wallet in moved):
        await _save_changes(tx, moved)


async def begin_again(tx: Transaction) -> None:
    """What was read before a lock was had no longer holds: fails with SQLSTATE 40001, after which a request is done
    again once, and a batch until it goes well.
    """
    await tx.execute(_BEGIN_AGAIN)


async def _save_wallets(tx: Transaction, sql: str, wallets: Sequence[Wallet]) -> int:
    """How many rows were written."""
    rows = [
        (
            one.member_id,
            one.name,
            one.sequence,
            one.head,
            one.balance,
            one.debt,
            one.pending,
            one.held,
            one.earliest_expiry,
            one.earliest_release,
        )
        for one in wallets
    ]
    return await tx.execute(sql, {"rows": rows}) if rows else 0


class _Changed(NamedTuple):
    member_id: UUID
    wallet: str
    sequence: int
    remaining: int
    pending: bool
    released: int | None


async def _save_changes(tx: Transaction, moved: Sequence[Wallet]) -> None:
    """Lots that were there before, and which lots were taken from and given back to."""
    changed = [
        _Changed(wallet.member_id, wallet.name, lot.sequence, lot.remaining, lot.pending, lot.released)
        for wallet in moved
        for lot in _changed_before(wallet)
    ]
    if changed:
        await tx.execute(_SET_LOTS, columns(_Changed._fields, changed))
    consumptions = [row for wallet in moved for row in wallet.consumptions]
    if consumptions:
        await tx.execute(_ADD_CONSUMPTIONS, columns(consumptions[0]._fields, consumptions))
    restorations = [row for wallet in moved for row in wallet.restorations]
    if restorations:
        await tx.execute(_ADD_RESTORATIONS, columns(restorations[0]._fields, restorations))


def _changed_before(wallet: Wallet) -> list[Lot]:
    new = {lot.sequence for lot in wallet.opened}
    return [lot for sequence, lot in sorted(wallet.changed.items()) if sequence not in new]
