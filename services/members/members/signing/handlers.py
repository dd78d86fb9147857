"""Sign tokens, and change the key that does: the new one is published first, the old one believed to the end."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from uuid import uuid4

from joserfc.jwk import Key

from common.security.audit import audit
from common.security.callers import Caller, Kind
from common.security.keysets import FixedKeys
from common.security.masterkeys import MasterKeys
from common.security.signing import SigningKey, new_signing_key, open_signing_key, seal_signing_key
from common.security.tokens import sign_token
from common.storage import Database, Transaction
from members.signing import store

PUBLISHED_AHEAD = timedelta(minutes=1)
"""A key is published so long before it signs: verifiers ask for unknown keys at most once in ten seconds."""
BELIEVED_LONGER = timedelta(hours=1)
"""How much longer than the last token an old key is published."""
REMEMBERED_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is written into tokens."""

    issuer: str
    audience: str
    lifetime_seconds: int

    @classmethod
    def of(cls, settings: Any) -> Self:
        return cls(
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            lifetime_seconds=settings.token_lifetime_seconds,
        )


class NoSigningKeyError(Exception):
    """The database was not seeded: `migrate` does it."""

    def __init__(self) -> None:
        super().__init__("There is no key to sign tokens with: run migrate.")


async def issue(
    tx: Transaction,
    masters: MasterKeys,
    terms: Terms,
    *,
    subject: str,
    kind: Kind,
    roles: frozenset[str],
    scope: str | None = None,
) -> str:
    """A signed access token. Raises NoSigningKeyError."""
    return sign_token(
        await current_key(tx, masters),
        issuer=terms.issuer,
        audience=terms.audience,
        subject=subject,
        kind=kind,
        roles=roles,
        token_id=uuid4().hex,
        now=tx.now,
        lifetime_seconds=terms.lifetime_seconds,
        scope=scope,
    )


async def current_key(tx: Transaction, masters: MasterKeys) -> SigningKey:
    """The key that signs now. Raises NoSigningKeyError."""
    row = await store.signing(tx)
    if row is None:
        raise NoSigningKeyError
    return open_signing_key(row.kid, bytes(row.sealed), masters)


async def ensure(tx: Transaction, masters: MasterKeys) -> None:
    """The first key, unless there is one."""
    await store.lock(tx)
    if not await store.published(tx):  # one that another process made meanwhile may sign only from a moment later on
        key = new_signing_key()
        sealed = seal_signing_key(key, masters)
        await store.add(tx, kid=key.kid, public=key.public, sealed=sealed, signs_from=tx.now)


async def rotate(tx: Transaction, caller: Caller, masters: MasterKeys, *, lifetime_seconds: int) -> str:
    """A new key that signs from a minute on; the others are believed until their last token has expired."""
    await store.lock(tx)
    key = new_signing_key()
    signs_from = tx.now + PUBLISHED_AHEAD
    await store.add(tx, kid=key.kid, public=key.public, sealed=seal_signing_key(key, masters), signs_from=signs_from)
    await store.retire_others(tx, key.kid, signs_from + timedelta(seconds=lifetime_seconds) + BELIEVED_LONGER)
    await audit(tx, caller, "signing_key.rotated", key.kid)
    return key.kid


async def tend(tx: Transaction, caller: Caller, masters: MasterKeys, *, lifetime_seconds: int, life_days: int) -> None:
    """Timed: rotate when the newest key is old, forget retired ones, seal all with the current master key."""
    await store.lock(tx)
    await store.drop_retired(tx)
    for row in await store.sealed(tx):
        if masters.key_id_of(bytes(row.sealed)) != masters.current_id:
            key = open_signing_key(row.kid, bytes(row.sealed), masters)
            await store.reseal(tx, row.kid, seal_signing_key(key, masters))
    newest = next(iter(await store.published(tx)), None)
    if newest is not None and newest.created_at + timedelta(days=life_days) <= tx.now:
        await rotate(tx, caller, masters, lifetime_seconds=lifetime_seconds)


async def public_keys(tx: Transaction) -> list[dict[str, Any]]:
    """The public keys of the JWKS document."""
    return [row.public for row in await store.published(tx)]


class StoredKeys:
    """The keys of this very service, for verifying its own tokens without asking itself over HTTP."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = FixedKeys()
        self._read_at = -REMEMBERED_SECONDS

    async def find(self, kid: str | None) -> Key | None:
        if time.monotonic() - self._read_at >= REMEMBERED_SECONDS:
            async with self._database.transaction() as tx:
                self._keys = FixedKeys(*await public_keys(tx))
            self._read_at = time.monotonic()
        return await self._keys.find(kid)
