"""Staff: accounts, and letting them in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from common.events import new_id
from common.security.audit import audit
from common.security.callers import SYSTEM, Caller
from common.security.passwords import hash_password, needs_rehash, password_matches
from common.storage import Database, Transaction
from members.staff import domain, store
from members.staff.domain import (
    ADMIN,
    TRIES,
    AccountLockedError,
    LastAdminError,
    LoginRefusedError,
    Staff,
    StaffExistsError,
    StaffNotFoundError,
    StaffStaleError,
)

SUBJECT = "staff:"


async def log_in(database: Database, email: str, password: str) -> Staff:
    """Who this is. A try is counted before it is made, in a commit of its own: guessing in parallel gains nothing.

    Raises LoginRefusedError, AccountLockedError.
    """
    address = written(email)
    async with database.transaction() as tx:
        tries, until = await store.try_login(tx, address)
        staff = await store.by_email(tx, address)
    if tries > TRIES:
        raise AccountLockedError(until)
    right = await password_matches(staff.password_hash if staff else None, password)
    if staff is None or not right or not staff.active:
        raise LoginRefusedError
    fresh = await hash_password(password) if needs_rehash(staff.password_hash) else None
    async with database.transaction() as tx:
        await store.forgive(tx, address)
        await store.seen(tx, staff.staff_id)
        if fresh is not None:
            await store.change(tx, replace(staff, password_hash=fresh))
        await audit(tx, caller_for(staff), "staff.logged_in", staff.staff_id)
    return staff


async def change_password(database: Database, email: str, old: str, new: str) -> Staff:
    """Raises LoginRefusedError, AccountLockedError, PasswordWeakError."""
    staff = await log_in(database, email, old)
    domain.check_password(new, staff.email)
    changed = replace(staff, revision=staff.revision + 1, password_hash=await hash_password(new))
    async with database.transaction() as tx:
        await store.change(tx, changed)
        await audit(tx, caller_for(staff), "staff.password_changed", staff.staff_id)
    return changed


async def make(tx: Transaction, caller: Caller, *, email: str, name: str, role: str, password: str) -> Staff:
    """Raises StaffExistsError, PasswordWeakError."""
    domain.check_password(password, email)
    staff = Staff(
        staff_id=new_id(),
        revision=1,
        email=written(email),
        name=name,
        role=role,
        active=True,
        password_hash=await hash_password(password),
        created_at=tx.now,
        last_login_at=None,
    )
    if not await store.add(tx, staff):
        raise StaffExistsError
    await audit(tx, caller, "staff.made", staff.staff_id, role=role)
    return staff


async def change(
    tx: Transaction, caller: Caller, staff_id: UUID, fields: Mapping[str, Any], *, seen: int | None
) -> Staff:
    """Change `name`, `role`, `active` or `password`; a new password also unlocks.

    Raises StaffNotFoundError, StaffStaleError, LastAdminError, PasswordWeakError.
    """
    await store.lock(tx)
    before = await find(tx, staff_id)
    if seen is not None and seen != before.revision:
        raise StaffStaleError(seen=seen, revision=before.revision)
    wanted = {name: value for name, value in fields.items() if name != "password"}
    after = replace(before, **wanted)
    if password := fields.get("password"):
        domain.check_password(password, before.email)
        after = replace(after, password_hash=await hash_password(password))
        await store.forgive(tx, before.email)
    if after == before:
        return before
    was_admin = before.active and before.role == ADMIN
    if was_admin and not (after.active and after.role == ADMIN) and not await store.other_admins(tx, staff_id):
        raise LastAdminError
    after = replace(after, revision=before.revision + 1)
    await store.change(tx, after)
    await audit(tx, caller, "staff.changed", staff_id, fields=sorted(fields))
    return after


async def find(tx: Transaction, staff_id: UUID) -> Staff:
    """Raises StaffNotFoundError."""
    staff = await store.find(tx, staff_id)
    if staff is None:
        raise StaffNotFoundError(staff_id)
    return staff


async def listed(tx: Transaction, *, after: str, limit: int) -> list[Staff]:
    return await store.listed(tx, after=after, limit=limit)


async def seed(tx: Transaction, *, email: str, password: str) -> bool:
    """The first admin, when there is nobody and both are given; whether one was made."""
    await store.lock(tx)
    if not email or not password or await store.any_account(tx):
        return False
    await make(tx, SYSTEM, email=email, name="Administrator", role=ADMIN, password=password)
    return True


async def tries_forgotten(tx: Transaction) -> None:
    """Timed job: tries that count no more."""
    await store.forget_old_tries(tx)


def written(email: str) -> str:
    """The one written form of an e-mail address here."""
    return email.strip().lower()


def caller_for(staff: Staff) -> Caller:
    return Caller(
        subject=f"{SUBJECT}{staff.staff_id}", kind="staff", roles=frozenset({staff.role}), permissions=frozenset()
    )
