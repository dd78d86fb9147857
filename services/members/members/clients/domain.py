"""What a client may be, and whether a secret is its own."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

HAND_IN = frozenset({"publisher", "checkout"})
"""Roles that hand in purchases."""
OVERLAP = timedelta(hours=24)
"""How long the secret before still opens, so that a client can change over without a gap."""


class ClientNotFoundError(Exception):
    def __init__(self, client_id: str) -> None:
        super().__init__(f"There is no client {client_id!r}.")
        self.client_id = client_id


class ClientExistsError(Exception):
    def __init__(self, client_id: str) -> None:
        super().__init__(f"A client {client_id!r} exists already.")
        self.client_id = client_id


class ClientStaleError(Exception):
    """Somebody else changed the client in the meantime."""

    def __init__(self, *, seen: int, revision: int) -> None:
        super().__init__(f"The client is at revision {revision}, you have seen {seen}: read it again.")
        self.seen = seen
        self.revision = revision


class ClientInvalidError(Exception):
    """A combination that would let a client do too much, or nothing."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`permissions` None: everything its roles may do."""

    client_id: str
    revision: int
    name: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...] | None
    source: str | None
    active: bool
    secret_hash: bytes
    previous_secret_hash: bytes | None
    previous_valid_until: datetime | None


def check(client: Client) -> None:
    """Raises ClientInvalidError: a publisher or a checkout without a source could speak for every shop."""
    if not client.roles:
        raise ClientInvalidError("roles", "a client has at least one role")
    if HAND_IN.intersection(client.roles) and not client.source:
        raise ClientInvalidError("source", "a publisher or checkout hands in for a source of its own: name it")
    if client.source and client.source.startswith("//loyalty/"):
        raise ClientInvalidError("source", "is a source of the platform itself")


def hash_of(secret: str) -> bytes:
    """Secrets are 256 random bits: nobody tries them all, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def opens(client: Client, secret: str, now: datetime) -> bool:
    """Whether the client may have a token for this secret."""
    given = hash_of(secret)
    previous = client.previous_secret_hash
    still = client.previous_valid_until is not None and now < client.previous_valid_until
    right = hmac.compare_digest(given, client.secret_hash)
    was_right = previous is not None and still and hmac.compare_digest(given, previous)
    return client.active and (right or was_right)


def scope_of(client: Client, asked: str | None) -> str | None:
    """The scope of its token: what was asked for, within what it was narrowed to; None where nothing narrows."""
    if client.permissions is None:
        return asked
    if asked is None:
        return " ".join(sorted(client.permissions))
    return " ".join(sorted(set(asked.split()) & set(client.permissions)))
