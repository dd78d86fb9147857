"""Whose process PostgreSQL is: it refuses root, so root lends it to the account `postgres`."""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stack.progress import StackError

_NAME = "postgres"  # Debian's package creates it


@dataclass(frozen=True, slots=True)
class Account:
    """`prefix` goes before a command that must run as this account; empty for an ordinary user."""

    prefix: tuple[str, ...]

    @classmethod
    def for_postgres(cls) -> "Account":
        if os.geteuid() != 0:
            return cls(())
        try:
            pwd.getpwnam(_NAME)
        except KeyError:
            raise StackError(
                f"PostgreSQL does not run as root, and there is no account {_NAME} to run it as."
            ) from None
        return cls(("setpriv", f"--reuid={_NAME}", f"--regid={_NAME}", "--init-groups"))

    @property
    def lent(self) -> bool:
        return bool(self.prefix)

    def can_enter(self, folder: Path) -> bool:
        command = [*self.prefix, "sh", "-c", 'cd "$1"', "sh", str(folder)]
        return subprocess.run(command, capture_output=True, check=False, cwd="/").returncode == 0

    def give(self, path: Path) -> None:
        if self.lent:
            shutil.chown(path, _NAME, _NAME)


class Place:
    """A folder that the account can enter, whatever the folder above it allows.

    At rest the data are at `home`. If the account cannot enter there (a checkout in root's home), they are moved to a
    private folder under /var/tmp while the server runs and come back when it stops, so that nothing is left outside.
    """

    def __init__(self, home: Path, account: Account) -> None:
        self.home = home
        self._account = account
        self._note = home.with_name(f"{home.name}.place")

    def enter(self) -> Path:
        """Where the data are for as long as the server runs; owned by the account, closed to others."""
        if self._note.exists() and Path(self._note.read_text(encoding="utf-8")).is_dir():
            return Path(self._note.read_text(encoding="utf-8"))
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        self._account.give(self.home)
        if self._account.can_enter(self.home):
            return self.home
        outside = Path(tempfile.mkdtemp(prefix="loyalty-", dir="/var/tmp"))
        self._account.give(outside)
        moved = outside / self.home.name
        self._note.write_text(str(moved), encoding="utf-8")
        _move(self.home, moved)
        return moved

    def leave(self) -> None:
        """Bring the data home; the server has stopped."""
        if not self._note.exists():
            return
        outside = Path(self._note.read_text(encoding="utf-8"))
        if outside.is_dir():
            shutil.rmtree(self.home, ignore_errors=True)
            _move(outside, self.home)
            outside.parent.rmdir()
        self._note.unlink()

    def remove(self) -> None:
        self.leave()
        shutil.rmtree(self.home, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """As `mv`: keeps the owner even when it has to copy to another file system, which shutil.move does not."""
    subprocess.run(["mv", str(source), str(target)], check=True)
