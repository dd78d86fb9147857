"""SQL of staff accounts."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.storage import Transaction
from members.staff.domain import LOCKED_FOR, Staff

LOCK_KEY = 0x57AF  # changes of who is admin, one at a time

_FIELDS = "staff_id, revision, email, name, role, active, password_hash, created_at, last_login_at"
_LOCK = "SELECT pg_advisory_xact_lock(:key)"
_FIND = f"SELECT {_FIELDS} FROM staff_accounts WHERE staff_id = :staff_id"
_BY_EMAIL = f"SELECT {_FIELDS} FROM staff_accounts WHERE email = :email"
_LIST = f"SELECT {_FIELDS} FROM staff_accounts WHERE email > :after ORDER BY email LIMIT :limit"
_ADD = """
    INSERT INTO staff_accounts (staff_id, revision, email, name, role, active, password_hash, created_at, updated_at)
    VALUES (:staff_id, :revision, :email, :name, :role, :active, :password_hash, :now, :now)
    ON CONFLICT (email) DO NOTHING
"""
_CHANGE = """
    UPDATE staff_accounts SET revision = :revision, name = :name, role = :role, active = :active,
        password_hash = :password_hash, updated_at = :now
    WHERE staff_id = :staff_id
"""
_SEEN = "UPDATE staff_accounts SET last_login_at = :now WHERE staff_id = :staff_id"
_ADMINS = "SELECT count(*) FROM staff_accounts WHERE role = 'admin' AND active AND staff_id <> :but"
_ANY = "SELECT EXISTS (SELECT 1 FROM staff_accounts)"
_TRY = """
    INSERT INTO login_attempts (digest, failures, expires_at) VALUES (:digest, 1, :expires_at)
    ON CONFLICT (digest) DO UPDATE SET
        failures = CASE WHEN login_attempts.expires_at <= :now THEN 1 ELSE login_attempts.failures + 1 END,
        expires_at = CASE WHEN login_attempts.expires_at <= :now THEN :expires_at ELSE login_attempts.expires_at END
    RETURNING failures, expires_at
"""
_FORGIVE = "DELETE FROM login_attempts WHERE digest = :digest"
_FORGET_OLD = "DELETE FROM login_attempts WHERE expires_at <= :now"


async def lock(tx: Transaction) -> None:
    await tx.execute(_LOCK, {"key": LOCK_KEY})


async def find(tx: Transaction, staff_id: UUID) -> Staff | None:
    return _staff(await tx.fetch_one(_FIND, {"staff_id": staff_id}))


async def by_email(tx: Transaction, email: str) -> Staff | None:
    return _staff(await tx.fetch_one(_BY_EMAIL, {"email": email}))


async def listed(tx: Transaction, *, after: str, limit: int) -> list[Staff]:
    rows = await tx.fetch_all(_LIST, {"after": after, "limit": limit})
    return [found for row in rows if (found := _staff(row)) is not None]


async def add(tx: Transaction, staff: Staff) -> bool:
    """Whether the e-mail address was free."""
    return await tx.execute(_ADD, _params(tx, staff)) == 1


async def change(tx: Transaction, staff: Staff) -> None:
    await tx.execute(_CHANGE, _params(tx, staff))


async def seen(tx: Transaction, staff_id: UUID) -> None:
    await tx.execute(_SEEN, {"staff_id": staff_id, "now": tx.now})


async def other_admins(tx: Transaction, staff_id: UUID) -> int:
    return int(await tx.fetch_value(_ADMINS, {"but": staff_id}))


async def any_account(tx: Transaction) -> bool:
    return bool(await tx.fetch_value(_ANY))


async def try_login(tx: Transaction, email: str) -> tuple[int, datetime]:
    """Count a try before it is made; returns how many there were since the last good one, and until when they count."""
    params = {"digest": _digest(email), "now": tx.now, "expires_at": tx.now + LOCKED_FOR}
    row = await tx.fetch_one(_TRY, params)
    assert row is not None
    return row.failures, row.expires_at


async def forgive(tx: Transaction, email: str) -> None:
    await tx.execute(_FORGIVE, {"digest": _digest(email)})


async def forget_old_tries(tx: Transaction) -> int:
    return await tx.execute(_FORGET_OLD, {"now": tx.now})


def _digest(email: str) -> bytes:
    return hashlib.sha256(email.encode()).digest()


def _params(tx: Transaction, staff: Staff) -> dict[str, Any]:
    return {
        "now": tx.now,
        "staff_id": staff.staff_id,
        "revision": staff.revision,
        "email": staff.email,
        "name": staff.name,
        "role": staff.role,
        "active": staff.active,
        "password_hash": staff.password_hash,
    }


def _staff(row: Row[Any] | None) -> Staff | None:
    return None if row is None else Staff(**row._mapping)
