"""Remembers how far a file was published, in a small file beside it, and keeps the lines that were not taken.

Written first to a new file which then takes the old one's place, so that a kill at any moment leaves a true account:
either the earlier or the later one. What it says is done was confirmed by the broker, without a gap.
"""

import csv
import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`records` of the file are done: confirmed by the broker, or rejected. `key` names file, mapping and target."""

    key: str
    records: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    finished: bool = False

    @property
    def published(self) -> int:
        return self.records - self.rejected


def key_of(*parts: object) -> str:
    """One word for the file's hash, mapping, source and target: when one changes, it is another publication."""
    return hashlib.sha256("\x00".join(str(part) for part in parts).encode()).hexdigest()[:32]


def load(path: Path, key: str) -> Progress:
    """What is known of this publication; nothing done when the file is missing, damaged, or about another one."""
    try:
        known = Progress(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Progress(key=key)
    return known if known.key == key else Progress(key=key)


def save(path: Path, progress: Progress) -> None:
    partial = path.with_name(path.name + ".new")
    partial.write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
    os.replace(partial, path)


class Rejects:
    """The file of lines that were not taken: their cells, then line, column and reason; no file when there are none.

    It is written in the original's encoding and delimiter, to be repaired and published with the same mapping.
    `columns` is empty when the original has no header.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, encoding: str, delimiter: str, since: Progress) -> None:
        self.count = since.rejected
        self.path = path
        self._columns = columns
        self._encoding = encoding
        self._delimiter = delimiter
        self._size = since.rejected_bytes
        self._marks: deque[tuple[int, int, int]] = deque([(0, since.rejected, since.rejected_bytes)])
        if self._size == 0:
            path.unlink(missing_ok=True)
        elif path.exists():
            os.truncate(path, self._size)  # lines behind the last account come again
        self._file: io.BufferedWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, position: int, line: int, cells: Sequence[str], column: str, reason: str) -> None:
        """`position` is the record's place in the file, growing from call to call."""
        if self._file is None:
            self._file = self.path.open("ab")
            if self._size == 0 and self._columns:
                self._write((*self._columns, "rejected_line", "rejected_column", "rejected_reason"))
        padded = [*cells, *[""] * (len(self._columns) - len(cells))]
        self._write((*padded, line, column, reason))
        self.count += 1
        self._marks.append((position, self.count, self._size))

    def until(self, position: int) -> tuple[int, int]:
        """How many lines and bytes belong to records up to `position`; earlier positions cannot be asked again."""
        while len(self._marks) > 1 and self._marks[1][0] <= position:
            self._marks.popleft()
        if self._file is not None:
            self._file.flush()
        return self._marks[0][1:]

    def _write(self, cells: Sequence[object]) -> None:
        assert self._file is not None
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        codec = self._encoding if self._size == 0 else self._encoding.removesuffix("-sig")
        self._size += self._file.write(text.getvalue().encode(codec, errors="replace"))
