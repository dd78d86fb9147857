"""The services' own processes of the native stack: migrate once, then an api and a worker each."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from loyalty.stackfile import Stack
from stack.paths import LOGS, PIDS, ROOT
from stack.plan import API, WORKER, environment_of
from stack.processes import Process, spawn
from stack.progress import StackError, step
from stack.provision import SERVICES
from stack.secrets import Secrets

_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of one service: its api or its worker."""

    service: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.service}-{self.kind}"

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return PIDS / f"{self.name}.json"

    def process(self) -> Process | None:
        found = Process.load(self.pid_file)
        return found if found is not None and found.alive() else None

    def health_url(self, stack: Stack) -> str:
        address = stack.services[self.service]
        return f"{address.api_url if self.kind == API else address.metrics_url}/health/ready"


PARTS = tuple(Part(service=service, kind=kind) for service in SERVICES for kind in (API, WORKER))


def stale(part: Part, stack: Stack, secrets: Secrets) -> bool:
    """Whether the part runs with code or settings that have changed since it started."""
    process = part.process()
    return process is not None and process.mark != _mark(part.service, stack, secrets)


def migrate(stack: Stack, secrets: Secrets) -> None:
    """Bring the four databases up to date, side by side."""
    with step("migrate the databases"):
        running = {
            service: subprocess.Popen(
                _command(service, "migrate"),
                env=_environment(service, stack, secrets),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=(LOGS / f"{service}-migrate.log").open("wb"),
                stderr=subprocess.STDOUT,
            )
            for service in SERVICES
        }
        failed = [service for service, process in running.items() if process.wait() != 0]
        if failed:
            raise StackError(f"The migration of {failed[0]} failed.", log=LOGS / f"{failed[0]}-migrate.log")


def launch(part: Part, stack: Stack, secrets: Secrets) -> None:
    """Start the process if it is not running."""
    if part.process() is None:
        environment = _environment(part.service, stack, secrets)
        process = spawn(
            _command(part.service, part.kind),
            log=part.log,
            environment=environment,
            folder=ROOT,
            mark=_mark(part.service, stack, secrets),
        )
        process.save(part.pid_file)


def wait(part: Part, stack: Stack) -> None:
    """Wait until it says that it is ready. Raises StackError with the reason it gives."""
    deadline, url = time.monotonic() + _READY_SECONDS, part.health_url(stack)
    port = urlsplit(url).port
    while (reason := unready(url)) is not None or not ((process := part.process()) and process.listens(port)):
        if part.process() is None:
            raise StackError(f"{part.name} ended instead of starting.", log=part.log)
        if time.monotonic() > deadline:
            raise StackError(f"{part.name} does not become ready: {reason}", log=part.log)
        time.sleep(0.1)


def unready(url: str) -> str | None:
    """Why the process behind this health address is not ready; None when it is."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return None
    except urllib.error.HTTPError as error:
        return error.read().decode("utf-8", "replace")[:300]
    except OSError as error:
        return str(error)


def stop(parts: tuple[Part, ...] = PARTS) -> None:
    """Ask all of them to end, then wait for each: they finish the batch in hand."""
    running = [(part, process) for part in parts if (process := Process.load(part.pid_file)) is not None]
    for _, process in running:
        process.send(signal.SIGTERM)
    for part, process in running:
        process.stop(timeout_seconds=40)
        part.pid_file.unlink(missing_ok=True)


def _command(service: str, command: str) -> list[str]:
    return [sys.executable, "-m", service, command]


def _environment(service: str, stack: Stack, secrets: Secrets) -> dict[str, str]:
    """Only what is meant for it: nothing of the person's own environment but where programs and temporary files are."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "TMPDIR", "OTEL_EXPORTER_OTLP_ENDPOINT")
        if name in os.environ
    }
    return {**kept, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **environment_of(service, stack, secrets)}


def _mark(service: str, stack: Stack, secrets: Secrets) -> str:
    """Changes with the settings, and with the code of the service or of what it shares."""
    seen = sha256(repr(sorted(environment_of(service, stack, secrets).items())).encode())
    for folder in (ROOT / "libs" / "common", ROOT / "services" / service):
        for file in sorted(folder.rglob("*.py")):
            status = file.stat()
            seen.update(f"{file}:{status.st_mtime_ns}:{status.st_size}\n".encode())
    return seen.hexdigest()[:16]
