"""Clients: make, change, give a new secret, let in."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.security.audit import audit
from common.security.callers import Caller
from common.security.oauth import ClientCredentials, OAuthError
from common.security.passwords import new_secret
from common.security.roles import permissions_of
from common.storage import Transaction
from members.clients import domain, store
from members.clients.domain import Client, ClientExistsError, ClientNotFoundError, ClientStaleError

SUBJECT = "client:"


async def make(tx: Transaction, caller: Caller, client_id: str, fields: Mapping[str, Any]) -> tuple[Client, str]:
    """A new client and its secret, which is shown this once. Raises ClientExistsError, ClientInvalidError."""
    secret = new_secret()
    client = Client(
        client_id=client_id,
        revision=1,
        active=True,
        secret_hash=domain.hash_of(secret),
        previous_secret_hash=None,
        previous_valid_until=None,
        **fields,
    )
    domain.check(client)
    if not await store.add(tx, client):
        raise ClientExistsError(client_id)
    await audit(tx, caller, "client.made", client_id, roles=client.roles, source=client.source)
    return client, secret


async def change(
    tx: Transaction, caller: Caller, client_id: str, fields: Mapping[str, Any], *, seen: int | None
) -> Client:
    """Raises ClientNotFoundError, ClientStaleError, ClientInvalidError."""
    before = await _locked(tx, client_id, seen)
    after = replace(before, **fields)
    if after == before:
        return before
    after = replace(after, revision=before.revision + 1)
    domain.check(after)
    await store.change(tx, after)
    await audit(tx, caller, "client.changed", client_id, fields=sorted(fields))
    return after


async def renew_secret(tx: Transaction, caller: Caller, client_id: str, *, keep_previous: bool) -> tuple[Client, str]:
    """A new secret, shown this once; the one before opens for another day unless it leaked.

    Raises ClientNotFoundError.
    """
    before = await _locked(tx, client_id, None)
    secret = new_secret()
    after = replace(
        before,
        revision=before.revision + 1,
        secret_hash=domain.hash_of(secret),
        previous_secret_hash=before.secret_hash if keep_previous else None,
        previous_valid_until=tx.now + domain.OVERLAP if keep_previous else None,
    )
    await store.change(tx, after)
    await audit(tx, caller, "client.secret_renewed", client_id, previous_kept=keep_previous)
    return after, secret


async def find(tx: Transaction, client_id: str) -> Client:
    """Raises ClientNotFoundError."""
    client = await store.find(tx, client_id)
    if client is None:
        raise ClientNotFoundError(client_id)
    return client


async def listed(tx: Transaction, *, after: str, limit: int) -> list[Client]:
    return await store.listed(tx, after=after, limit=limit)


async def let_in(tx: Transaction, credentials: ClientCredentials) -> tuple[Client, str | None]:
    """The client of these credentials and the scope of its token. Raises OAuthError."""
    client = await store.find(tx, credentials.client_id)
    if client is None or not domain.opens(client, credentials.client_secret, tx.now):
        raise OAuthError("invalid_client", "The client is not known, or its secret is another.")
    scope = domain.scope_of(client, credentials.scope)
    if scope == "" or (scope is not None and not _granted(client, scope)):
        raise OAuthError("invalid_scope", "The client may do nothing of what is asked for.")
    return client, scope


async def source_of(tx: Transaction, caller: Caller) -> str | None:
    """The source this caller hands in for; None for staff and for clients without one."""
    if caller.kind != "client" or not caller.subject.startswith(SUBJECT):
        return None
    return await store.source(tx, caller.subject.removeprefix(SUBJECT))


async def _locked(tx: Transaction, client_id: str, seen: int | None) -> Client:
    client = await store.find(tx, client_id, lock=True)
    if client is None:
        raise ClientNotFoundError(client_id)
    if seen is not None and seen != client.revision:
        raise ClientStaleError(seen=seen, revision=client.revision)
    return client


def _granted(client: Client, scope: str) -> frozenset[str]:
    return permissions_of(client.roles, scope)
