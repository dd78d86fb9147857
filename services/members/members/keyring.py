"""What personal data is sealed, opened and recognised with: one per process, made from the settings first of all."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from fastapi import Depends

from common.security.cipher import Cipher
from members.identities.handlers import Recognition


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The cipher of this process, how identities are recognised with it, and how long tokens and their keys live."""

    cipher: Cipher
    recognition: Recognition
    token_lifetime_seconds: int
    signing_key_life_days: int

    @classmethod
    def of(cls, settings: Any) -> Self:
        """From the service's settings. Raises ValueError that names the wrong one."""
        cipher = Cipher.of(settings)
        return cls(
            cipher=cipher,
            recognition=Recognition(blind_index=cipher.blind_index, phone_region=settings.default_phone_region),
            token_lifetime_seconds=settings.token_lifetime_seconds,
            signing_key_life_days=settings.signing_key_life_days,
        )


_held: list[Keyring] = []


def prepare(settings: Any) -> None:
    """Make the keyring of this process. Raises ValueError that names the wrong setting."""
    _held[:] = [Keyring.of(settings)]


def current() -> Keyring:
    """The keyring of this process."""
    if not _held:
        raise RuntimeError("keyring.prepare was not called")
    return _held[0]


async def _current() -> Keyring:
    return current()


Keys = Annotated[Keyring, Depends(_current)]
"""The keyring for a route: `async def register(body: …, tx: Tx, keys: Keys)`."""
