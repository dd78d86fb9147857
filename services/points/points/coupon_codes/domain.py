"""What a code looks like, how it is read, and how many wrong ones may be tried. Pure.

An own code is a prefix, 19 random characters (94 bits) and a check character, all of an alphabet without look-alikes:
neither 0 and O nor 1, I and L. The alphabet has 31 characters, a prime: the check finds every single wrong character
and every two that were swapped.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
RANDOM_CHARACTERS = 19
CODE_CHARACTERS = RANDOM_CHARACTERS + 1
MAX_PREFIX = 8
GROUP = 5
MIN_IMPORTED, MAX_IMPORTED = 6, 64

_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_BASE = len(ALPHABET)
_SECOND = 1_000_000
"""In microseconds."""
_PASSED_OVER = ("Pd", "Cf", "Cc")


def check_character(body: str) -> str:
    """Weights 1, 2, 3 … by place, so that no two places (up to 29) count the same."""
    return ALPHABET[sum(place * _VALUE[character] for place, character in enumerate(body, start=1)) % _BASE]


def written(prefix: str, normal: str) -> str:
    """As people see it: PREFIX-AAAAA-BBBBB-CCCCC-DDDDD."""
    rest = normal[len(prefix) :]
    groups = [rest[place : place + GROUP] for place in range(0, len(rest), GROUP)]
    return "-".join([prefix, *groups] if prefix else groups)


def normal(text: str) -> str:
    """How a code is compared: full-width and small letters, spaces and hyphens make no difference."""
    while True:  # taking something out can let what is left compose: until nothing changes
        wide = unicodedata.normalize("NFKC", text.upper())
        kept = "".join(one for one in wide if not one.isspace() and unicodedata.category(one) not in _PASSED_OVER)
        if kept == text:
            return kept
        text = kept


def mistyped(text: str) -> bool:
    """Whether a normal text has the length of an own code but is none: somebody made a typing error.

    It cannot be any code that was made here, so saying so tells nothing to one who guesses.
    """
    if not CODE_CHARACTERS <= len(text) <= CODE_CHARACTERS + MAX_PREFIX or not (text.isascii() and text.isalnum()):
        return False
    return not all(one in _VALUE for one in text) or check_character(text[:-1]) != text[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLimit:
    """How many wrong codes may be tried in any `window_seconds`."""

    times: int
    window_seconds: int


PER_MEMBER = TryLimit(times=10, window_seconds=900)
PER_DEVICE = TryLimit(times=10, window_seconds=900)
PER_CALLER = TryLimit(times=500, window_seconds=900)
"""A caller is a shop's server that speaks for many customers: this is for those of them that are no members."""


def window_start(now: datetime, window_seconds: int) -> datetime:
    """Windows begin at whole multiples since 1970."""
    seconds = int(now.timestamp()) // window_seconds * window_seconds
    return datetime.fromtimestamp(seconds, UTC)


def wait_seconds(limit: TryLimit, now: datetime, *, before: int, current: int) -> int:
    """How long to wait until another code may be tried; 0 when it may be now.

    The window slides: of the window `before`, the part counts that lies within the last `window_seconds`.
    """
    window = limit.window_seconds * _SECOND
    elapsed = (now - window_start(now, limit.window_seconds)) // timedelta(microseconds=1)
    if current * window + before * (window - elapsed) < limit.times * window:
        return 0
    if current < limit.times:  # enough of the window before slides out within this window
        free_at = (before - limit.times + current) * window // before + 1
    else:  # this window must slide out too, in the next one
        free_at = window + (current - limit.times) * window // current + 1
    return -(-(free_at - elapsed) // _SECOND)


class TooManyWrongCodesError(Exception):
    """Too many wrong codes were tried: `who` is `member`, `device` or `caller`. Wait `retry_after_seconds`."""

    def __init__(self, who: str, limit: int, window_seconds: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"More than {limit} wrong coupon codes of this {who} within {window_seconds} s: "
            f"wait {retry_after_seconds} s."
        )
        self.who = who
        self.limit = limit
        self.window_seconds = window_seconds
        self.retry_after_seconds = retry_after_seconds
