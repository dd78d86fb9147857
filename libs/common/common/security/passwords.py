"""Pass phrases, PINs and client secrets: argon2id hashes, never the words themselves.

Hashing takes tens of milliseconds on purpose, so it runs in a thread: the event loop keeps answering.
"""

import asyncio
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


@cache
def _hash_of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


async def hash_password(password: str) -> str:
    """An argon2id hash with its parameters and salt, to be stored."""
    return await asyncio.to_thread(_hasher.hash, password)


async def password_matches(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one. `None` for an unknown account: takes as long and says no."""
    try:
        await asyncio.to_thread(lambda: _hasher.verify(stored or _hash_of_nobody(), password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's: hash again at the next good log-in."""
    try:
        return _hasher.check_needs_rehash(stored)
    except InvalidHashError:
        return True


def new_secret() -> str:
    """A client's secret: 256 random bits, shown once, stored only as a hash."""
    return secrets.token_urlsafe(32)
