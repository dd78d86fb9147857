"""Which lots are read: never all of a wallet that has thousands, only as many as a debit needs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from common.storage import Transaction
from points.ledger.giving_back import Part
from points.ledger.wallet import Lot, SpendingOrder, Wallet, admit, admit_up_to, load, spending_order

FIRST_PART = 32
"""Lots of a wallet that are read first; the next time eight times as many."""

_LOT = """sequence, points, remaining, earned_at, expires_at, order_source, order_id, available_at, pending, released,
    waits"""
_ASKED = """
    unnest(CAST(:member_ids AS uuid[]), CAST(:wallets AS text[])) AS asked(member_id, wallet)
"""
_ALL = f"""
    SELECT lots.member_id, lots.wallet, {_LOT}
    FROM {_ASKED} JOIN lots ON lots.member_id = asked.member_id AND lots.wallet = asked.wallet AND lots.remaining > 0
"""
_IN_ORDER = f"""
    SELECT asked.member_id, asked.wallet, part.*
    FROM {_ASKED} CROSS JOIN LATERAL (
        SELECT * FROM (
            (SELECT {_LOT} FROM lots
            WHERE lots.member_id = asked.member_id AND lots.wallet = asked.wallet AND remaining > 0 AND NOT pending
                AND expires_at > :now
            ORDER BY expires_at, earned_at, sequence LIMIT :upto)
            UNION ALL
            (SELECT {_LOT} FROM lots
            WHERE lots.member_id = asked.member_id AND lots.wallet = asked.wallet AND remaining > 0 AND NOT pending
                AND expires_at IS NULL
            ORDER BY expires_at, earned_at, sequence LIMIT :upto)
        ) AS both_kinds ORDER BY expires_at, earned_at, sequence LIMIT :upto
    ) AS part
"""
_EXPIRED = f"""
    SELECT asked.member_id, asked.wallet, COALESCE(sum(remaining), 0) AS points
    FROM {_ASKED} JOIN lots ON lots.member_id = asked.member_id AND lots.wallet = asked.wallet
        AND lots.remaining > 0 AND lots.expires_at <= :now AND NOT lots.pending
    GROUP BY asked.member_id, asked.wallet
"""
_WAITING = f"""
    SELECT asked.member_id, asked.wallet, {_LOT}
    FROM {_ASKED} JOIN lots ON lots.member_id = asked.member_id AND lots.wallet = asked.wallet
        AND lots.remaining > 0 AND lots.pending AND lots.available_at IS NOT NULL
"""
_OF_ORDERS = f"""
    SELECT lots.member_id, lots.wallet, {_LOT},
        CASE WHEN expires_at <= :now AND remaining < lots.points THEN (
            SELECT array_agg(ARRAY[used.sequence, used.points - CAST(COALESCE(back.points, 0) AS bigint)]
                ORDER BY used.sequence)
            FROM lot_consumptions AS used
            JOIN transfers USING (member_id, wallet, sequence)
            LEFT JOIN LATERAL (
                SELECT sum(points) AS points FROM lot_restorations AS undone
                WHERE undone.member_id = used.member_id AND undone.wallet = used.wallet
                    AND undone.undone = used.sequence AND undone.lot_sequence = used.lot_sequence
            ) AS back ON true
            WHERE used.member_id = lots.member_id AND used.wallet = lots.wallet AND used.lot_sequence = lots.sequence
                AND transfers.to_account = 'expiry' AND used.points > COALESCE(back.points, 0)
        ) END AS swept
    FROM unnest(CAST(:member_ids AS uuid[]), CAST(:wallets AS text[]), CAST(:sources AS text[]),
        CAST(:order_ids AS text[])) AS asked(member_id, wallet, source, wanted)
    JOIN lots ON lots.member_id = asked.member_id AND lots.wallet = asked.wallet
        AND lots.order_id = asked.wanted AND lots.order_source = asked.source
        AND (lots.remaining > 0 OR lots.expires_at <= :now)
"""
_OF_DEBIT = """
    SELECT used.points AS taken, used.points - COALESCE(sum(back.points), 0) AS left_over, lots.sequence AS lot,
        lots.points, remaining, earned_at, expires_at, order_source, order_id, available_at, pending, released, waits
    FROM lot_consumptions AS used
    JOIN lots ON lots.member_id = used.member_id AND lots.wallet = used.wallet AND lots.sequence = used.lot_sequence
    LEFT JOIN lot_restorations AS back ON back.member_id = used.member_id AND back.wallet = used.wallet
        AND back.undone = used.sequence AND back.lot_sequence = used.lot_sequence
    WHERE used.member_id = :member_id AND used.wallet = :wallet AND used.sequence = :sequence
    GROUP BY used.points, lots.member_id, lots.wallet, lots.sequence
    ORDER BY expires_at, earned_at, lots.sequence
"""
_NAMED = f"""
    SELECT {_LOT} FROM lots
    WHERE member_id = :member_id AND wallet = :wallet AND sequence = ANY(CAST(:sequences AS bigint[]))
"""
_WAITING_OF_ORDER = f"""
    SELECT wallet, {_LOT} FROM lots
    WHERE member_id = :member_id AND remaining > 0 AND pending AND order_source = :source AND order_id = :order_id
    ORDER BY wallet, sequence
"""


class Need(NamedTuple):
    """Points that may be taken from a wallet; of an order, its own lots come first."""

    wallet: Wallet
    points: int
    order_source: str = ""
    order_id: str = ""


def _asked(wallets: Iterable[Wallet]) -> dict[str, Any]:
    wallets = list(wallets)
    return {"member_ids": [one.member_id for one in wallets], "wallets": [one.name for one in wallets]}


async def all_open(tx: Transaction, wallets: Sequence[Wallet]) -> None:
    """Give these wallets all lots with something left in them."""
    found: dict[tuple[UUID, str], list[Lot]] = {(wallet.member_id, wallet.name): [] for wallet in wallets}
    rows: Sequence[Any] = await tx.fetch_all(_ALL, _asked(wallets))
    for member_id, wallet, *rest in rows:
        found[member_id, wallet].append(Lot(*rest))
    for one in wallets:
        load(one, found[one.member_id, one.name], tx.now)


async def enough(tx: Transaction, needs: Sequence[tuple[Wallet, int]]) -> None:
    """Give each of these wallets its lots in spending order, until they hold so many points or there are no more."""
    missing = {id(wallet): (wallet, points) for wallet, points in needs if _short(wallet, points, tx.now)}
    upto = FIRST_PART
    while missing:
        found: dict[tuple[UUID, str], list[Lot]] = {(one.member_id, one.name): [] for one, _ in missing.values()}
        asked = _asked(wallet for wallet, _ in missing.values())
        rows: Sequence[Any] = await tx.fetch_all(_IN_ORDER, {**asked, "now": tx.now, "upto": upto})
        for member_id, name, *rest in rows:
            found[member_id, name].append(Lot(*rest))
        for wallet, points in list(missing.values()):
            lots = found[wallet.member_id, wallet.name]
            horizon: SpendingOrder | None = spending_order(lots[-1]) if len(lots) == upto else None
            admit_up_to(wallet, lots, horizon)
            if not _short(wallet, points, tx.now):
                del missing[id(wallet)]
        upto *= 8


def _short(wallet: Wallet, points: int, now: datetime) -> bool:
    if wallet.lots is None:
        return True
    horizon = wallet.horizon
    if horizon is None:
        return False
    return points > sum(
        lot.remaining
        for lot in wallet.lots
        if not lot.pending and (lot.expires_at is None or lot.expires_at > now) and spending_order(lot) <= horizon
    )


async def expired(tx: Transaction, wallets: Sequence[Wallet]) -> None:
    """Say of these wallets what of their balance is past its time."""
    rows: Sequence[Any] = await tx.fetch_all(_EXPIRED, {**_asked(wallets), "now": tx.now})
    points = {(row.member_id, row.wallet): int(row.points) for row in rows}
    for wallet in wallets:
        wallet.expired = points.get((wallet.member_id, wallet.name), 0)


async def waiting(tx: Transaction, wallets: Sequence[Wallet]) -> dict[tuple[UUID, str], list[Lot]]:
    """The lots of these wallets that wait for a time."""
    found: dict[tuple[UUID, str], list[Lot]] = {(wallet.member_id, wallet.name): [] for wallet in wallets}
    rows: Sequence[Any] = await tx.fetch_all(_WAITING, _asked(wallets))
    for member_id, wallet, *rest in rows:
        found[member_id, wallet].append(Lot(*rest))
    return found


async def of_orders(tx: Transaction, needs: Sequence[Need]) -> None:
    """Give wallets the lots of these purchases, with what the sweep wrote down of them as expired."""
    wallets = {(need.wallet.member_id, need.wallet.name): need.wallet for need in needs}
    keys = {(need.wallet.member_id, need.wallet.name, need.order_source, need.order_id) for need in needs}
    members, names, sources, orders = (list(column) for column in zip(*sorted(keys), strict=True))
    rows: Sequence[Any] = await tx.fetch_all(
        _OF_ORDERS,
        {"member_ids": members, "wallets": names, "sources": sources, "order_ids": orders, "now": tx.now},
    )
    found: dict[tuple[UUID, str], list[Lot]] = {key: [] for key in wallets}
    for member_id, name, *rest, swept in rows:
        lot = Lot(*rest)
        lot.swept = tuple((one[0], one[1]) for one in swept or ())
        found[member_id, name].append(lot)
    for key, wallet in wallets.items():
        admit(wallet, found[key])


async def of_debit(tx: Transaction, wallet: Wallet, sequence: int) -> list[Part]:
    """What a debit took from which lots, in spending order; the wallet has these lots then."""
    params = {"member_id": wallet.member_id, "wallet": wallet.name, "sequence": sequence}
    rows: Sequence[Any] = await tx.fetch_all(_OF_DEBIT, params)
    admit(wallet, [Lot(*rest) for _, _, *rest in rows])
    lots = {lot.sequence: lot for lot in wallet.lots or ()}
    back = Counter[int]()
    for one in wallet.restorations:
        if one.undone == sequence:
            back[one.lot_sequence] += one.points
    return [Part(lot=lots[row.lot], taken=row.taken, points=int(row.left_over) - back[row.lot]) for row in rows]


async def named(tx: Transaction, wallet: Wallet, sequences: Sequence[int]) -> None:
    """Give a wallet these lots."""
    params = {"member_id": wallet.member_id, "wallet": wallet.name, "sequences": list(sequences)}
    rows: Sequence[Any] = await tx.fetch_all(_NAMED, params)
    admit(wallet, [Lot(*row) for row in rows])


async def waiting_of_order(tx: Transaction, member_id: UUID, source: str, order_id: str) -> Sequence[tuple[str, Lot]]:
    """The lots of a purchase that wait, with their wallet's name."""
    rows: Sequence[Any] = await tx.fetch_all(
        _WAITING_OF_ORDER, {"member_id": member_id, "source": source, "order_id": order_id}
    )
    return [(wallet, Lot(*rest)) for wallet, *rest in rows]
