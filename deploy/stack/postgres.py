"""A private PostgreSQL server: own data, own port on loopback, no socket file, answers only to a password."""

import asyncio
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from stack.account import Account, Place
from stack.packages import postgres_programs
from stack.processes import Process, spawn
from stack.progress import StackError

ADMIN = "postgres"
_READY_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class Postgres:
    """`folder` holds the data at rest, `pids` the pid file.

    `fsync` False is for tests: a killed server (-9) still loses nothing that was committed, a lost machine would.
    """

    folder: Path
    pids: Path
    log: Path
    port: int
    password: str
    fsync: bool = True
    settings: dict[str, str] = field(default_factory=dict)

    def url(self, database: str = "postgres", *, user: str = ADMIN, password: str | None = None) -> str:
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def process(self) -> Process | None:
        found = Process.load(self._pid_file)
        return found if found is not None and found.alive() else None

    @property
    def _pid_file(self) -> Path:
        return self.pids / "postgres.json"

    def launch(self) -> None:
        """Start the server if it is not running; does not wait for it."""
        if self.process is not None:
            return
        programs = postgres_programs()
        if programs is None:
            raise StackError("PostgreSQL is not installed.")
        account = Account.for_postgres()
        data = Place(self.folder, account).enter() / "data"
        if not (data / "PG_VERSION").exists():
            self._create(programs, account, data)
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",  # its path would be too long in a deep checkout
            "max_connections": "300",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self.fsync else {"fsync": "off", "full_page_writes": "off"}),
            **self.settings,
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        process = spawn(
            [*account.prefix, str(programs / "postgres"), "-D", str(data), *flags],
            log=self.log,
            environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            folder=Path("/"),
        )
        process.save(self._pid_file)

    def wait(self) -> str:
        """Wait until it answers a query; returns its version."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                return asyncio.run(_version(self.url()))
            except asyncpg.InvalidPasswordError as error:
                reason = "PostgreSQL's data have another password than .run/secrets.json; `make clean` deletes both."
                raise StackError(reason) from error
            except (OSError, asyncpg.PostgresError, TimeoutError) as error:
                if self.process is None:
                    raise StackError("PostgreSQL ended instead of starting.", log=self.log) from error
                if time.monotonic() > deadline:
                    raise StackError(f"PostgreSQL does not answer: {error}", log=self.log) from error
            time.sleep(0.05)

    def stop(self) -> None:
        """Fast shutdown: sessions are cut, everything committed is kept."""
        process = Process.load(self._pid_file)
        if process is not None:
            process.stop(number=signal.SIGINT)
            self._pid_file.unlink()
        Place(self.folder, Account.for_postgres()).leave()

    def kill(self) -> None:
        """End it as a power cut would (-9, with all its children); `launch` recovers it."""
        process = self.process
        if process is None:
            return
        children = _children(process.pid)
        process.send(signal.SIGKILL)
        process.gone_within(10)
        for child in children:
            child.send(signal.SIGKILL)
        for child in children:
            child.gone_within(10)

    def remove(self) -> None:
        self.stop()
        Place(self.folder, Account.for_postgres()).remove()

    def _create(self, programs: Path, account: Account, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted initdb left
        secret = data.with_name("password")
        secret.touch(mode=0o600)
        secret.write_text(self.password, encoding="utf-8")
        account.give(secret)
        command = [*account.prefix, str(programs / "initdb"), "-D", str(data), "-U", ADMIN, f"--pwfile={secret}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        secret.unlink()
        with self.log.open("a", encoding="utf-8") as out:
            out.write(result.stdout + result.stderr)
        if result.returncode != 0:
            raise StackError("PostgreSQL's data folder could not be created.", log=self.log)


async def _version(url: str) -> str:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return str(await connection.fetchval("SHOW server_version")).split(" ")[0]
    finally:
        await connection.close()


def _children(pid: int) -> list[Process]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    found = (Process.of(int(child), log=Path("/dev/null")) for child in listed)
    return [process for process in found if process is not None]
