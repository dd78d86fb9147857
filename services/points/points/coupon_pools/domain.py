"""Lists of codes that are imported: what may be in them. Pure."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from points.coupon_codes.domain import MAX_IMPORTED, MIN_IMPORTED, normal

FREE, GIVEN, WITHDRAWN = "free", "given", "withdrawn"
MAX_CODES = 10_000
MAX_SHOWN = 200


class PoolExistsError(Exception):
    """A pool with this key is there."""

    def __init__(self, pool: str) -> None:
        super().__init__(f"Pool {pool} exists.")
        self.pool = pool


class PoolUnknownError(Exception):
    """No pool has this key."""

    def __init__(self, pool: str) -> None:
        super().__init__(f"No pool is called {pool}.")
        self.pool = pool


class BatchReusedError(Exception):
    """This batch of the pool was imported before with other codes."""

    def __init__(self, pool: str, batch: str, codes: int) -> None:
        super().__init__(f"Batch {batch} of pool {pool} was imported before, with {codes} other codes.")
        self.pool = pool
        self.batch = batch
        self.codes = codes


class CsvError(ValueError):
    """The CSV cannot be read."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class BadCode:
    """A code that cannot be taken in: its place in the list (from 1), and why: too_short, too_long, twice_in_batch,
    in_use. The code itself is not repeated.
    """

    position: int
    reason: str


class BadCodesError(Exception):
    """Some codes of the batch cannot be taken in, so none was. `bad` names the first of them, `count` all."""

    def __init__(self, pool: str, batch: str, bad: Sequence[BadCode]) -> None:
        super().__init__(f"{len(bad)} codes of batch {batch} cannot be imported into pool {pool}; none was.")
        self.pool = pool
        self.batch = batch
        self.count = len(bad)
        self.bad = [{"position": one.position, "reason": one.reason} for one in bad[:MAX_SHOWN]]


def bad_codes(codes: Sequence[str]) -> list[BadCode]:
    """What is wrong with codes by themselves. Two that differ only in how they are written are the same."""
    found: list[BadCode] = []
    seen: set[str] = set()
    for position, code in enumerate(codes, start=1):
        text = normal(code)
        if len(text) < MIN_IMPORTED:
            found.append(BadCode(position=position, reason="too_short"))
        elif len(text) > MAX_IMPORTED:
            found.append(BadCode(position=position, reason="too_long"))
        elif text in seen:
            found.append(BadCode(position=position, reason="twice_in_batch"))
        seen.add(text)
    return found


def codes_of_csv(text: str, column: str) -> list[str]:
    """The column `column` of a CSV with a head line, or the first column of one without when it is empty.

    Empty lines are passed over. Raises CsvError, also when there is no code in it.
    """
    try:
        lines = [line for line in csv.reader(text.lstrip("\ufeff").splitlines(), strict=True) if any(line)]
    except csv.Error as error:
        raise CsvError(f"The CSV cannot be read: {error}.") from None
    place = 0
    if column:
        head = [name.strip() for name in lines[0]] if lines else []
        if column not in head:
            raise CsvError(f"The CSV has no column {column}.")
        place, lines = head.index(column), lines[1:]
    if any(len(line) <= place for line in lines):
        raise CsvError("A line of the CSV has too few columns.")
    if not lines:
        raise CsvError("The CSV has no codes.")
    if len(lines) > MAX_CODES:
        raise CsvError(f"The CSV has {len(lines)} codes, a batch has at most {MAX_CODES}.")
    return [line[place].strip() for line in lines]
