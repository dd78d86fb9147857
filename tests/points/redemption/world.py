"""Members with points, grants of members, and what the ledger says afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from common.security.grants import Grant, sign_grant
from common.security.signing import SigningKey
from common.storage import Database
from points.ledger import handlers as ledger
from points.ledger.domain import Cause, credit
from tests.conftest import AUDIENCE, ISSUER
from tests.points.conftest import Client
from tests.points.world import member, rows

Lots = tuple[int, datetime | None]


def soon(**delta: float) -> datetime:
    return datetime.now(UTC) + timedelta(**delta)


async def lots(database: Database, member_id: UUID, *parts: Lots, wallet: str = "points") -> None:
    """Credits with these points and expiries."""
    async with database.transaction() as tx:
        wallets = await ledger.lock(tx, [member_id])
        for points, expires_at in parts:
            credit(wallets.of(member_id, wallet), points, Cause("earned", "", "", "", tx.now, tx.now), expires_at)
        await ledger.save(tx, wallets)


async def rich(database: Database, *parts: Lots) -> UUID:
    """A new member with these lots."""
    member_id = await member(database)
    await lots(database, member_id, *parts)
    return member_id


async def owe(database: Database, member_id: UUID, points: int) -> None:
    """Debt, as a return of spent points leaves it."""
    async with database.transaction() as tx:
        wallets = await ledger.lock(tx, [member_id])
        from points.ledger.domain import CLAWBACK, DEBT, transfer

        transfer(
            wallets.of(member_id, "points"), DEBT, CLAWBACK, points, Cause("shortfall", "", "", "", tx.now, tx.now)
        )
        await ledger.save(tx, wallets)


async def account(database: Database, member_id: UUID, wallet: str = "points") -> tuple[int, int, int, int]:
    """Balance, debt, pending, held as they are written down; zeros where there is no wallet."""
    found = await rows(
        database,
        "SELECT balance, debt, pending, held FROM wallets WHERE member_id = :id AND wallet = :wallet",
        id=member_id,
        wallet=wallet,
    )
    return tuple(found[0]) if found else (0, 0, 0, 0)


async def open_lots(database: Database, member_id: UUID) -> list[tuple[int, datetime | None]]:
    """What is left in lots, in spending order."""
    found = await rows(
        database,
        "SELECT remaining, expires_at FROM lots WHERE member_id = :id AND remaining > 0 AND NOT pending"
        " ORDER BY expires_at, earned_at, sequence",
        id=member_id,
    )
    return [(row.remaining, row.expires_at) for row in found]


async def holds_together(database: Database) -> None:
    """Accounts, lots and chains agree for everybody, and clearing accounts are empty."""
    off = await rows(
        database,
        """
        SELECT wallets.member_id FROM wallets LEFT JOIN LATERAL (
            SELECT COALESCE(sum(remaining) FILTER (WHERE NOT pending), 0) AS there,
                COALESCE(sum(remaining) FILTER (WHERE pending), 0) AS waiting
            FROM lots WHERE lots.member_id = wallets.member_id AND lots.wallet = wallets.wallet) AS of_lots ON true
        LEFT JOIN LATERAL (
            SELECT COALESCE(sum(points) FILTER (WHERE to_account = 'held'), 0)
                - COALESCE(sum(points) FILTER (WHERE from_account = 'held'), 0) AS reserved
            FROM transfers WHERE transfers.member_id = wallets.member_id AND transfers.wallet = wallets.wallet
        ) AS of_transfers ON true
        WHERE there <> balance OR waiting <> pending OR reserved <> held OR balance < 0 OR debt < 0 OR held < 0
        """,
    )
    assert not off
    for clearing in ("gift", "merge"):
        (sums,) = await rows(
            database,
            "SELECT COALESCE(sum(points) FILTER (WHERE to_account = :name), 0)"
            " - COALESCE(sum(points) FILTER (WHERE from_account = :name), 0) AS left FROM transfers",
            name=clearing,
        )
        assert sums.left == 0
    async with database.transaction() as tx:
        for row in await tx.fetch_all("SELECT DISTINCT member_id FROM wallets"):
            for chain in await ledger.verify(tx, row.member_id):
                assert not chain.breaks


def granting(signing_key: SigningKey) -> Callable[..., str]:
    """`grant(member_id, 500)`: what members gives for a PIN."""

    def make(member_id: UUID, max_points: int, *, purpose: str = "redeem", grant_id: str = "") -> str:
        now = datetime.now(UTC)
        grant = Grant(
            grant_id=grant_id or uuid4().hex,
            member_id=member_id,
            purpose=purpose,
            max_points=max_points,
            expires_at=now + timedelta(seconds=120),
        )
        return sign_grant(signing_key, grant, issuer=ISSUER, audience=AUDIENCE, now=now)

    return make


async def post(client: Client, path: str, body: dict[str, Any], status: int = 201, **headers: str) -> Any:
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def redeem(client: Client, member_id: UUID, points: int, status: int = 201, **more: Any) -> Any:
    return await post(client, "/v1/redemptions", {"member_id": str(member_id), "points": points, **more}, status)


async def hold(client: Client, member_id: UUID, points: int, status: int = 201, **more: Any) -> Any:
    return await post(client, "/v1/redemptions/holds", {"member_id": str(member_id), "points": points, **more}, status)


async def confirm(client: Client, redemption_id: str, status: int = 200, **body: Any) -> Any:
    return await post(client, f"/v1/redemptions/{redemption_id}/confirm", body, status)


async def cancel(client: Client, redemption_id: str, status: int = 200, **body: Any) -> Any:
    return await post(client, f"/v1/redemptions/{redemption_id}/cancel", body, status)
