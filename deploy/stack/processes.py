"""Background processes that outlive the command which started them.

A process is remembered by its pid *and* its start time: a pid alone may by now belong to somebody else, and nothing is
ever ended that was not started here.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from stack.progress import StackError


def _start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None if there is none or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in brackets may contain anything
    return None if fields[0] in ("Z", "X") else int(fields[19])


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """`mark` tells what it was started from (a version of the code, say), so that a stale one can be replaced."""

    pid: int
    start_ticks: int
    log: str
    mark: str = ""

    @classmethod
    def of(cls, pid: int, *, log: Path, mark: str = "") -> Self | None:
        """A process that something else started for us (epmd)."""
        ticks = _start_ticks(pid)
        return None if ticks is None else cls(pid=pid, start_ticks=ticks, log=str(log), mark=mark)

    @classmethod
    def load(cls, file: Path) -> Self | None:
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def alive(self) -> bool:
        return _start_ticks(self.pid) == self.start_ticks

    def listens(self, port: int | None) -> bool:
        """Whether it is this process that listens there, not another program which took the port first."""
        try:
            connections = psutil.Process(self.pid).net_connections(kind="tcp") if self.alive() else []
        except psutil.Error:
            return False
        return any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in connections)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; as another user's process may need root, the error is the caller's to see."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def stop(self, *, number: signal.Signals = signal.SIGTERM, timeout_seconds: float = 30) -> None:
        """Ask it to end, wait, and end it the hard way if it does not."""
        self.send(number)
        if not self.gone_within(timeout_seconds):
            self.send(signal.SIGKILL)
            self.gone_within(5)

    def gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            _reap(self.pid)
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        _reap(self.pid)  # as a zombie it would still answer to those who ask whether its pid is taken (PostgreSQL does)
        return True


def _reap(pid: int) -> None:
    """Collect our own child, so that it does not stay as a zombie while a test session goes on."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    folder: Path,
    mark: str = "",
) -> Process:
    """Start a process of its own session; its output is appended to `log`. It may already be dead when this returns."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise StackError(f"{command[0]} could not be started: {error}", log=log) from error
    child.returncode = 0  # it is meant to outlive us: or Python would complain that nobody waited for it
    ticks = _start_ticks(child.pid)
    if ticks is None:
        raise StackError(f"{command[0]} ended at once", log=log)
    return Process(pid=child.pid, start_ticks=ticks, log=str(log), mark=mark)
