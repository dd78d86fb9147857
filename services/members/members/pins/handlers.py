"""Set, change, reset and ask for payment PINs; a right one becomes a grant.

A try is counted in a commit of its own before it is made, and the PIN is compared outside of any transaction: argon2
takes its time.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from common.events import new_id
from common.security.audit import audit
from common.security.callers import Caller
from common.security.grants import Grant, sign_grant
from common.security.passwords import hash_password, password_matches
from common.storage import Database, Transaction
from members.keyring import Keyring
from members.pins import domain, store
from members.pins.domain import MemberNotActiveError, Pin, PinNeededError, PinNotSetError, PinWrongError
from members.registry import handlers as registry
from members.registry.domain import ACTIVE
from members.signing import handlers as signing
from members.signing.handlers import Terms

GRANT_SECONDS = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a member is asked to agree to by the PIN."""

    member_id: UUID
    purpose: str
    max_points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    grant: Grant
    token: str


async def state(tx: Transaction, keys: Keyring, member_id: UUID) -> Pin | None:
    """None when there is no PIN. Raises MemberNotFoundError."""
    await registry.read(tx, keys, member_id)
    return await store.find(tx, member_id)


async def write(
    database: Database, caller: Caller, keys: Keyring, member_id: UUID, pin: str, *, current: str | None
) -> None:
    """The first PIN, or another one in place of `current`.

    Raises MemberNotFoundError, PinWeakError, PinNeededError, PinNotSetError, PinWrongError, PinLockedError.
    """
    async with database.transaction() as tx:
        member = await registry.read(tx, keys, member_id)
        before = await store.find(tx, member_id)
    if before is not None and current is None:
        raise PinNeededError
    known = await _tried(database, member_id, current) if current is not None else None
    domain.check_pin(pin, member.personal)
    hashed = await hash_password(pin)
    async with database.transaction() as tx:
        done = await store.add(tx, member_id, hashed) if known is None else await store.change(tx, known, hashed)
        if not done:
            raise PinNeededError  # somebody else was quicker
        await audit(tx, caller, "pin.changed" if known else "pin.set", member_id)


async def reset(tx: Transaction, caller: Caller, keys: Keyring, member_id: UUID) -> None:
    """Take the PIN away, whatever was tried: the member sets another. Raises MemberNotFoundError."""
    await registry.read(tx, keys, member_id)
    if await store.drop(tx, member_id):
        await audit(tx, caller, "pin.reset", member_id)


async def grant(database: Database, caller: Caller, keys: Keyring, terms: Terms, asked: Asked, pin: str) -> Granted:
    """A grant that says the member agreed.

    Raises MemberNotFoundError, MemberNotActiveError, PinNotSetError, PinWrongError, PinLockedError, NoSigningKeyError.
    """
    async with database.transaction() as tx:
        member = await registry.read(tx, keys, asked.member_id)
    if member.status != ACTIVE:
        raise MemberNotActiveError(member.status)
    known = await _tried(database, asked.member_id, pin)
    async with database.transaction() as tx:
        if not await store.right(tx, known):
            raise PinNotSetError(asked.member_id)  # reset or changed in this very moment
        made = Grant(
            grant_id=str(new_id()),
            member_id=asked.member_id,
            purpose=asked.purpose,
            max_points=asked.max_points,
            expires_at=tx.now.replace(microsecond=0) + timedelta(seconds=GRANT_SECONDS),
        )
        key = await signing.current_key(tx, keys.cipher.masters)
        token = sign_grant(key, made, issuer=terms.issuer, audience=terms.audience, now=tx.now)
        facts = {"grant_id": made.grant_id, "purpose": made.purpose, "max_points": made.max_points}
        await audit(tx, caller, "pin.granted", asked.member_id, **facts)
    return Granted(grant=made, token=token)


async def _tried(database: Database, member_id: UUID, pin: str) -> Pin:
    """The PIN, if this is it. Raises PinNotSetError, PinWrongError, PinLockedError."""
    async with database.transaction() as tx:
        known = await store.find(tx, member_id, lock=True)
        if known is None:
            raise PinNotSetError(member_id)
        counted = domain.counted(known, tx.now)
        await store.count(tx, member_id, counted)
    if await password_matches(known.hash, pin):
        return known
    if counted.locked_until is not None:
        raise domain.PinLockedError(counted.locked_until)
    raise PinWrongError(domain.TRIES - counted.tries)
