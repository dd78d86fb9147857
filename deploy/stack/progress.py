"""What the person at the terminal sees: one line for each step, and a plain message when one fails."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SHOWN = 400  # characters of a log line


class StackError(Exception):
    """Something failed that the person can act on. `log` is the file whose last lines explain it."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.log = log

    def report(self, lines: int = 15) -> str:
        """The message, followed by the last lines of the log (their beginnings: a line may hold a whole traceback)."""
        if self.log is None or not self.log.exists():
            return self.message
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join([self.message, f"--- the last lines of {self.log} ---", *(line[:_SHOWN] for line in tail)])


class Step:
    """One line under way; `note` is what is said about it when it ends."""

    def __init__(self) -> None:
        self.note = "ok"


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Print `title`, run the body, then print how it went and how long it took."""
    current, started = Step(), time.monotonic()
    print(f"  {title:<48}", end="", flush=True)
    try:
        yield current
    except BaseException:
        print("FAILED", flush=True)
        raise
    print(f"{current.note} ({time.monotonic() - started:.1f} s)", flush=True)


def say(text: str) -> None:
    print(text, flush=True)


def fail(error: StackError) -> int:
    """Print the error for the person; returns the exit code."""
    sys.stdout.flush()
    print(f"\n{error.report()}", file=sys.stderr, flush=True)
    return 1
