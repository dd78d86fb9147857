"""SQL of clients."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from common.storage import Transaction
from members.clients.domain import Client

_FIELDS = """client_id, revision, name, roles, permissions, source, active, secret_hash, previous_secret_hash,
    previous_valid_until"""
_FIND = f"SELECT {_FIELDS} FROM clients WHERE client_id = :client_id"
_LOCK = f"{_FIND} FOR UPDATE"
_LIST = f"SELECT {_FIELDS} FROM clients WHERE client_id > :after ORDER BY client_id LIMIT :limit"
_ADD = """
    INSERT INTO clients (client_id, revision, name, roles, permissions, source, active, secret_hash, created_at,
        updated_at)
    VALUES (:client_id, :revision, :name, CAST(:roles AS text[]), CAST(:permissions AS text[]), :source, :active,
        :secret_hash, :now, :now)
    ON CONFLICT (client_id) DO NOTHING
"""
_CHANGE = """
    UPDATE clients SET revision = :revision, name = :name, roles = CAST(:roles AS text[]),
        permissions = CAST(:permissions AS text[]), source = :source, active = :active, secret_hash = :secret_hash,
        previous_secret_hash = :previous_secret_hash, previous_valid_until = :previous_valid_until, updated_at = :now
    WHERE client_id = :client_id
"""
_SOURCE = "SELECT source FROM clients WHERE client_id = :client_id AND active"


async def find(tx: Transaction, client_id: str, *, lock: bool = False) -> Client | None:
    row = await tx.fetch_one(_LOCK if lock else _FIND, {"client_id": client_id})
    return None if row is None else _client(row)


async def listed(tx: Transaction, *, after: str, limit: int) -> list[Client]:
    return [_client(row) for row in await tx.fetch_all(_LIST, {"after": after, "limit": limit})]


async def add(tx: Transaction, client: Client) -> bool:
    """Whether the id was free."""
    return await tx.execute(_ADD, _params(tx, client)) == 1


async def change(tx: Transaction, client: Client) -> None:
    previous = {
        "previous_secret_hash": client.previous_secret_hash,
        "previous_valid_until": client.previous_valid_until,
    }
    await tx.execute(_CHANGE, {**_params(tx, client), **previous})


async def source(tx: Transaction, client_id: str) -> str | None:
    found = await tx.fetch_value(_SOURCE, {"client_id": client_id})
    return None if found is None else str(found)


def _params(tx: Transaction, client: Client) -> dict[str, Any]:
    permissions: Sequence[str] | None = client.permissions
    return {
        "now": tx.now,
        "client_id": client.client_id,
        "revision": client.revision,
        "name": client.name,
        "roles": list(client.roles),
        "permissions": None if permissions is None else list(permissions),
        "source": client.source,
        "active": client.active,
        "secret_hash": client.secret_hash,
    }


def _client(row: Row[Any]) -> Client:
    return Client(
        client_id=row.client_id,
        revision=row.revision,
        name=row.name,
        roles=tuple(row.roles),
        permissions=None if row.permissions is None else tuple(row.permissions),
        source=row.source,
        active=row.active,
        secret_hash=bytes(row.secret_hash),
        previous_secret_hash=None if row.previous_secret_hash is None else bytes(row.previous_secret_hash),
        previous_valid_until=row.previous_valid_until,
    )
