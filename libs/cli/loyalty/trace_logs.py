"""Log lines of all services, from the native stack's files or from Docker's containers."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

PROJECT_LABEL = "com.docker.compose.project"
MAX_TRACES = 1000


class LogsMissingError(Exception):
    """There are no logs to read; the text says where they were looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Where the lines come from: files of a folder, or the containers of a compose project."""

    files: tuple[Path, ...] = ()
    containers: tuple[str, ...] = ()

    def matching(self, words: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Every JSON line that contains one of the words, source by source."""
        needles = [word.encode() for word in words]
        for lines in (*map(_lines_of_file, self.files), *map(_lines_of_container, self.containers)):
            for line in lines:
                if line.startswith(b"{") and any(needle in line for needle in needles):
                    try:
                        found = orjson.loads(line)
                    except orjson.JSONDecodeError:
                        continue  # cut off by a kill
                    if isinstance(found, dict):
                        yield found


def in_folder(folder: Path) -> Logs:
    """The log files of a folder. Raises LogsMissingError when there are none."""
    files = tuple(sorted(folder.glob("*.log")))
    if not files:
        raise LogsMissingError(f"There are no log files in {folder}.")
    return Logs(files=files)


def in_docker(stack_file: Path) -> Logs:
    """The containers of the stack whose file this is. Raises LogsMissingError when none are there."""
    settings = stack_file.parent / "compose.env"
    try:
        lines = settings.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise LogsMissingError(f"{settings} cannot be read: {error}") from None
    project = next((line.partition("=")[2] for line in lines if line.startswith("COMPOSE_PROJECT_NAME=")), "")
    try:
        answer = subprocess.run(
            ["docker", "ps", "-aq", "--filter", f"label={PROJECT_LABEL}={project}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except subprocess.CalledProcessError as error:
        raise LogsMissingError(f"Docker does not answer: {error.stderr.strip()}") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise LogsMissingError(f"Docker does not answer: {error}") from None
    containers = tuple(answer.stdout.split())
    if not containers:
        raise LogsMissingError(f"There are no containers of project {project}.")
    return Logs(containers=containers)


def _lines_of_file(file: Path) -> Iterator[bytes]:
    with file.open("rb") as lines:
        yield from lines


def _lines_of_container(container: str) -> Iterator[bytes]:
    with subprocess.Popen(["docker", "logs", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        yield from process.stdout


def traces_of(logs: Logs, subject: str) -> set[str]:
    """The traces in which somebody handled this subject (an order id). LogsMissingError: too many."""
    found = {
        str(line["trace_id"])
        for line in logs.matching([orjson.dumps(subject).decode()])
        if line.get("subject") == subject and line.get("trace_id")
    }
    if len(found) > MAX_TRACES:
        raise LogsMissingError(f"{subject} occurs in {len(found)} traces: too many to be one order.")
    return found


def story_of(logs: Logs, traces: set[str]) -> list[dict[str, Any]]:
    """All lines of these traces in the order of time."""
    lines = [line for line in logs.matching(sorted(traces)) if line.get("trace_id") in traces]
    return sorted(lines, key=lambda line: str(line.get("time", "")))
