"""`loyalty trace ORDER`: what every service did about one purchase, in the order of time."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from loyalty.clients.session import NotConfiguredError
from loyalty.screen import FAILED, WRONG, out, print_json, say_problem
from loyalty.stackfile import StackMissingError, find_stack_file, load_stack
from loyalty.trace_logs import Logs, LogsMissingError, in_docker, in_folder, story_of, traces_of

TRACE_ID = re.compile(r"[0-9a-f]{32}")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
BAD = {"retry": "yellow", "dead": "red", "error": "red", "critical": "red", "warning": "yellow", "duplicate": "dim"}
SHOWN_APART = {"time", "level", "service", "event", "trace_id", "component", "type", "outcome", "subject", "lag_ms"}


def trace(
    what: Annotated[str, typer.Argument(help="An order id, a trace id (32 hex digits) or a traceparent.")],
    logs: Annotated[
        Path | None, typer.Option(help="Folder of *.log files.", show_default="the running stack's")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The log lines as they are, for programs.")] = False,
) -> None:
    """Print the log lines of all services about one purchase, in the order of time.

    Exit status: 0 shown, 1 nothing was found, 2 there are no logs to look into.
    """
    try:
        where = _logs(logs)
        traces = _traces(where, what)
        story = story_of(where, traces) if traces else []
    except (LogsMissingError, NotConfiguredError) as error:
        say_problem(str(error))
        raise typer.Exit(WRONG) from None
    if not story:
        say_problem(f"No service has written anything about {what}.")
        raise typer.Exit(FAILED)
    if as_json:
        print_json(story)
        return
    _print(story)


def _logs(folder: Path | None) -> Logs:
    if folder is not None:
        return in_folder(folder)
    try:
        file = find_stack_file()
        stack = load_stack(file)
    except (StackMissingError, OSError, ValueError) as error:
        raise NotConfiguredError(f"{error} Or name a folder of log files: --logs.") from error
    return in_docker(file) if stack.logs is None else in_folder(stack.logs)


def _traces(logs: Logs, what: str) -> set[str]:
    if parent := TRACEPARENT.fullmatch(what):
        return {parent[1]}
    found = traces_of(logs, what)
    return found or ({what} if TRACE_ID.fullmatch(what) else set())


def _print(story: list[dict[str, Any]]) -> None:
    for trace_id in dict.fromkeys(line["trace_id"] for line in story):
        lines = [line for line in story if line["trace_id"] == trace_id]
        table = Table(title=f"trace {trace_id}", title_justify="left", box=None, pad_edge=False)
        for name in ("time (UTC)", "+ ms", "service", "what", "subject", "outcome", "late ms", ""):
            table.add_column(name, justify="right" if name in ("+ ms", "late ms") else "left")
        first = _moment(lines[0])
        for line in lines:
            table.add_row(*_cells(line, first))
        out.print(table)
        services = sorted({str(line.get("service")) for line in lines})
        out.print(f"{len(lines)} lines of {', '.join(services)}\n")


def _cells(line: dict[str, Any], first: datetime | None) -> list[Text]:
    moment = _moment(line)
    since = "" if moment is None or first is None else f"{(moment - first).total_seconds() * 1000:,.0f}"
    word = str(line.get("outcome") or line.get("level", ""))
    event = str(line.get("event", ""))
    what = (
        str(line["type"])
        if event == "handled" and "type" in line
        else " ".join(filter(None, (event, line.get("type"))))
    )
    late = line.get("lag_ms")
    rest = {name: value for name, value in line.items() if name not in SHOWN_APART and value not in ("", None)}
    if rest.get("attempt") == 1:
        del rest["attempt"]
    return [
        Text(str(line.get("time", ""))[11:23]),
        Text(since),
        Text(str(line.get("service", "")), style="bold"),
        Text(what),
        Text(str(line.get("subject", ""))),
        Text(word, style=BAD.get(word, "green" if word == "done" else "")),
        Text("" if late is None else f"{late:,}"),
        Text(" ".join(f"{name}={value}" for name, value in rest.items()), style="dim", overflow="fold"),
    ]


def _moment(line: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(line.get("time")))
    except ValueError:
        return None
