"""`loyalty trace ORDER`: what every service did about one purchase, in the order of time."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
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
    long: Annotated[bool, typer.Option("--long", "-l", help="With event ids and sources.")] = False,
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
    _print(story, long=long)


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


def _print(story: list[dict[str, Any]], *, long: bool) -> None:
    for trace_id in dict.fromkeys(line["trace_id"] for line in story):
        lines = [line for line in story if line["trace_id"] == trace_id]
        first = lines[0]
        about = " from ".join(str(first[name]) for name in ("subject", "source") if first.get(name))
        out.print(Text.assemble((f"trace {trace_id}", "bold"), f"  {about}"), soft_wrap=True)
        for line in lines:
            out.print(_line(line, first, long=long), soft_wrap=True)
        services = sorted({str(line.get("service")) for line in lines})
        out.print(f"  {len(lines)} lines of {', '.join(services)}\n", style="dim")


def _line(line: dict[str, Any], first: dict[str, Any], *, long: bool) -> Text:
    """Time, milliseconds since the first line, service, what, its outcome, how late; then whatever is unusual."""
    moment, began = _moment(line), _moment(first)
    since = "" if moment is None or began is None else f"+{(moment - began).total_seconds() * 1000:,.0f} ms"
    handled = line.get("event") == "handled" and "type" in line
    what = line["type"] if handled else " ".join(str(line[name]) for name in ("event", "type") if line.get(name))
    word = str(line.get("outcome") or line.get("level", ""))
    late = f"{line['lag_ms']:,} ms late" if "lag_ms" in line else ""
    usual = SHOWN_APART if long or not handled else SHOWN_APART | {"event_id", "source"}
    rest = {name: value for name, value in line.items() if name not in usual and value not in ("", None)}
    if rest.get("attempt") == 1:
        del rest["attempt"]
    if line.get("subject") not in (None, "", first.get("subject")):
        rest = {"subject": line["subject"], **rest}
    return Text.assemble(
        f"  {str(line.get('time', ''))[11:23]} {since:>10}  ",
        (f"{line.get('service', '')!s:<10}", "bold"),
        f"{what!s:<24} ",
        (f"{word:<10}", BAD.get(word, "green" if word == "done" else "")),
        f"{late:>15}  ",
        (" ".join(f"{name}={value}" for name, value in rest.items()), "dim"),
    )


def _moment(line: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(line.get("time")))
    except ValueError:
        return None
