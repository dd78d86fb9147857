"""What personal data is sealed and opened with: one per process, made from the settings first of all."""

from typing import Any

from common.security.cipher import Cipher
from points.errors import PersonalDataClosedError

_held: list[Cipher] = []


def prepare(settings: Any) -> None:
    """Make the cipher of this process, none without MASTER_KEYS. Raises ValueError that names the wrong key."""
    given = settings.master_keys.get_secret_value()
    _held[:] = [Cipher.of(settings)] if given else []


def current() -> Cipher:
    """The cipher of this process. Raises PersonalDataClosedError when it was given no master key."""
    if not _held:
        raise PersonalDataClosedError()
    return _held[0]


def given() -> bool:
    """Whether personal data can be opened here at all."""
    return bool(_held)
