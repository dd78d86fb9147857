"""Reads a CSV file record by record, each with the number of its first line, and never gives up at a bad one.

Excel's byte-order mark, GBK / GB 18030, tabs and semicolons, quoted line breaks, files without a header: all are read.
A byte that is not of the encoding, or a quote that is never closed, spoils its own record only.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DELIMITERS = ",;\t|"
MOST_CELLS = 500
LONGEST_CELL = 64 * 1024
UNDECODABLE = "\N{REPLACEMENT CHARACTER}"
ENCODINGS = {"utf-8": "utf-8-sig", "utf8": "utf-8-sig", "gbk": "gb18030", "gb2312": "gb18030"}


class FileError(Exception):
    """The file as a whole cannot be published; the text is for the person who has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the file is written. `delimiter` "" looks at the first lines; without `header` columns are called #1, #2 …"""

    encoding: str = "utf-8"
    delimiter: str = ""
    header: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record; `line` is that of its beginning, from 1. `problem` is "" unless it could not be read."""

    line: int
    cells: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a first look through the whole file told: its SHA-256, its number of lines, its columns, its delimiter."""

    sha256: str
    lines: int
    columns: tuple[str, ...]
    delimiter: str


def survey(path: Path, layout: Layout) -> Survey:
    """Looks through the file once; FileError when it is missing, empty, or has no usable header."""
    digest, lines, last = hashlib.sha256(), 0, b""
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                lines += block.count(b"\n")
                last = block[-1:]
        with path.open(encoding=codec_of(layout), errors="replace", newline="") as text:
            head = text.read(LONGEST_CELL)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    except UnicodeError as error:
        raise FileError(f"{path} is not written in {layout.encoding} (see --encoding)") from error
    if not head.strip():
        raise FileError(f"{path} is empty")
    delimiter = layout.delimiter or _delimiter_of(head)
    return Survey(
        sha256=digest.hexdigest(),
        lines=lines + (last != b"\n"),
        columns=_columns_of(path, head, delimiter, header=layout.header),
        delimiter=delimiter,
    )


def records(path: Path, layout: Layout, found: Survey) -> Iterator[Record]:
    """All records after the header; blank lines are left out."""
    codec, width = codec_of(layout), len(found.columns)
    with path.open(encoding=codec, errors="replace", newline="") as text:
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.reader(text, delimiter=found.delimiter)
        skip_header, line = layout.header, 1
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Record(line=line, cells=(), problem=_reason(error, line, reader.line_num))
                continue
            if not any(cells):
                continue
            if skip_header:
                skip_header = False
                continue
            yield Record(line=line, cells=tuple(cells), problem=_problem(cells, width, layout))


def codec_of(layout: Layout) -> str:
    """Python's name of the encoding: UTF-8 with or without a byte-order mark, GBK as the wider GB 18030."""
    name = layout.encoding.lower()
    codec = ENCODINGS.get(name, name)
    try:
        "".encode(codec)
    except LookupError as error:
        raise FileError(f"there is no encoding {layout.encoding!r}") from error
    return codec


def _problem(cells: list[str], width: int, layout: Layout) -> str:
    if len(cells) != width:
        return f"has {len(cells)} cells where the file has {width} columns"
    for cell in cells:
        if UNDECODABLE in cell:
            return f"holds bytes that are not {layout.encoding} (see --encoding)"
        if "\x00" in cell:
            return "holds a NUL character"
    return ""


def _reason(error: csv.Error, first: int, last: int) -> str:
    if "field larger" in str(error):
        return f"a quote is not closed, or a cell is longer than {LONGEST_CELL} characters (lines {first}–{last})"
    return f"cannot be read: {error}"


def _delimiter_of(head: str) -> str:
    """The sign that cuts the first lines into the same number of cells, most cells first."""
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    if head.count("\n") > len(lines):
        lines = lines[:-1] or lines
    best, most = ",", 1
    for sign in DELIMITERS:
        counts = {len(row) for row in csv.reader(lines[:10], delimiter=sign)}
        if len(counts) == 1 and (width := counts.pop()) > most:
            best, most = sign, width
    if most == 1:
        widths = {sign: len(next(csv.reader(lines[:1], delimiter=sign))) for sign in DELIMITERS}
        best = max(widths, key=lambda sign: widths[sign])
    return best


def _columns_of(path: Path, head: str, delimiter: str, *, header: bool) -> tuple[str, ...]:
    first = next((row for row in csv.reader(head.splitlines(), delimiter=delimiter) if any(row)), [])
    if not 1 <= len(first) <= MOST_CELLS:
        raise FileError(f"{path} has {len(first)} columns; 1 to {MOST_CELLS} can be read")
    if not header:
        return tuple(f"#{number}" for number in range(1, len(first) + 1))
    names = tuple(name.strip() for name in first)
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise FileError(f"{path} has the column {twice[0]!r} twice")
    return names
