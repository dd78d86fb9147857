"""`loyalty dead-letters`: read, repair, replay and give up what could not be handled."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from loyalty.clients.api import ApiError
from loyalty.clients.session import Session
from loyalty.jobs import services_of
from loyalty.screen import FAILED, WRONG, local, out, plain_table, print_json, problems, say_problem

dead_letters = typer.Typer(
    help="Messages that could not be handled: look, repair, replay, give up.", no_args_is_help=True
)

Service = Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")]
States = Annotated[
    list[str] | None, typer.Option("--state", help="new, parked, replayed, discarded; several by repeating.")
]
Type = Annotated[str | None, typer.Option("--type", help="Event type, like purchase.completed.v1.")]
Error = Annotated[str | None, typer.Option("--error", help="Code of the error, like unknown_member.")]
Source = Annotated[str | None, typer.Option("--source", help="Sender of the events.")]
Since = Annotated[str | None, typer.Option("--from", help="Received at or after, like 2026-01-31T00:00:00Z.")]
Until = Annotated[str | None, typer.Option("--to", help="Received before.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Letter = Annotated[str, typer.Argument(help="Id of the letter, or its first characters.")]
OPEN = ["new", "parked"]
WIDE = 140
"""Columns of a terminal from which on messages are shown beside the rest."""


@dead_letters.command("list")
def list_letters(
    service: Service = None,
    state: States = None,
    type: Type = None,
    error: Error = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many of each service.")] = 50,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first; the open ones unless --state says otherwise."""
    wanted = _filter(type, error, source, since, until) | {"state": state or OPEN}
    found: list[dict[str, Any]] = []
    with problems(), Session() as session:
        for name in services_of(service):
            items = session.api(name).items("/v1/dead-letters", **wanted, limit=min(limit, 200))
            found += [{"service": name, **item} for item, _ in zip(items, range(limit), strict=False)]
    if as_json:
        print_json(found)
        return
    wide = out.width >= WIDE
    table = plain_table(
        "id", "service", "state", "received", "type", "subject", "error", *(["message"] if wide else [])
    )
    for letter in found:
        cells = [letter["id"][:8], letter["service"], letter["state"], local(letter["received_at"]), letter["type"]]
        cells += [letter["subject"], f"{letter['error_type']} ({letter['attempts']}×)", letter["error_message"]]
        table.add_row(*map(Text, cells[: len(table.columns)]))
    out.print(table if found else "No dead letters.")


@dead_letters.command("groups")
def groups(service: Service = None, state: States = None, as_json: Json = False) -> None:
    """Count them by error: what to look at first."""
    found: list[dict[str, Any]] = []
    with problems(), Session() as session:
        for name in services_of(service):
            answer = session.api(name).get("/v1/dead-letters/groups", state=state or OPEN)
            found += [{"service": name, **group} for group in answer["items"]]
    if as_json:
        print_json(found)
        return
    names = ["count", "service", "error", "type", "state", "last", "for example"]
    table = plain_table(*names, *(["message"] if out.width >= WIDE else []))
    for group in sorted(found, key=lambda group: -group["count"]):
        cells = [f"{group['count']:,}", group["service"], group["error_type"], group["type"], group["state"]]
        cells += [local(group["last_at"]), group["sample_id"][:8], group["sample_message"]]
        table.add_row(*map(Text, cells[: len(table.columns)]))
    out.print(table if found else "No dead letters.")


@dead_letters.command("show")
def show(letter: Letter, service: Service = None) -> None:
    """Show one with its message, headers and history, as JSON. Personal data as far as you may see it."""
    with problems(), Session() as session:
        name, letter_id = _find(session, letter, service)
        print_json({"service": name, **session.api(name).get(f"/v1/dead-letters/{letter_id}")})


@dead_letters.command("edit")
def edit(
    letter: Letter,
    service: Service = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="The new body as JSON; - is standard input.")
    ] = None,
    restore: Annotated[bool, typer.Option("--restore", help="Go back to the original.")] = False,
) -> None:
    """Keep a repaired body beside the original, for a replay. Without --file your editor opens ($EDITOR)."""
    with problems(), Session() as session:
        name, letter_id = _find(session, letter, service)
        api, path = session.api(name), f"/v1/dead-letters/{letter_id}/body"
        if restore:
            api.call("DELETE", path)
            out.print(f"{letter_id}: a replay sends the original again.")
            return
        body = _new_body(api.get(f"/v1/dead-letters/{letter_id}"), file)
        api.call("PUT", path, json={"body": body})
    out.print(f"{letter_id}: kept. `loyalty dead-letters replay {letter_id}` sends it.")


def _new_body(letter: dict[str, Any], file: Path | None) -> Any:
    if file is not None:
        text = sys.stdin.read() if str(file) == "-" else _read(file)
    else:
        before = letter["body"] if letter["body_edited"] is None else letter["body_edited"]
        shown = json.dumps(before, ensure_ascii=False, indent=2) + "\n"
        text = _in_editor(shown)
        if text == shown:
            say_problem("Nothing was changed.")
            raise typer.Exit(FAILED)
    try:
        return json.loads(text)
    except ValueError as error:
        say_problem(f"The new body is not JSON: {error}")
        raise typer.Exit(WRONG) from None


def _in_editor(text: str) -> str:
    """What a person makes of the text. The file in between is for their eyes only, and is deleted."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="loyalty-") as folder:
        file = Path(folder) / "body.json"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            say_problem(f"The editor failed ({error}). Set EDITOR, or use --file.")
            raise typer.Exit(FAILED) from None
        return file.read_text(encoding="utf-8")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        say_problem(f"{file} cannot be read: {error}")
        raise typer.Exit(WRONG) from None


@dead_letters.command("replay")
def replay(
    letter: Annotated[
        list[str] | None, typer.Argument(help="Ids, or their first characters; or filters below.")
    ] = None,
    service: Service = None,
    type: Type = None,
    error: Error = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the audit log.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Really do it; without, filters only count.")] = False,
) -> None:
    """Send letters to their service again. Each takes effect once, however often it is replayed.

    With ids they are replayed at once; with filters it is a dry run unless --yes is given.
    """
    wanted = _filter(type, error, source, since, until)
    _decide("replay", letter or [], service, wanted, reason, yes)


@dead_letters.command("discard")
def discard(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; kept with the letter.")],
    letter: Annotated[
        list[str] | None, typer.Argument(help="Ids, or their first characters; or filters below.")
    ] = None,
    service: Service = None,
    type: Type = None,
    error: Error = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    yes: Annotated[bool, typer.Option("--yes", help="Really do it; without, filters only count.")] = False,
) -> None:
    """Give letters up, for a reason. They stay readable.

    With ids they are discarded at once; with filters it is a dry run unless --yes is given.
    """
    wanted = _filter(type, error, source, since, until)
    _decide("discard", letter or [], service, wanted, reason, yes)


def _decide(verb: str, ids: list[str], service: str | None, wanted: dict[str, str], reason: str, yes: bool) -> None:
    if ids and wanted:
        say_problem("Give ids or filters, not both.")
        raise typer.Exit(WRONG)
    with problems(), Session() as session:
        for one in ids:
            name, letter_id = _find(session, one, service)
            after = session.api(name).post(f"/v1/dead-letters/{letter_id}/{verb}", {"reason": reason})
            out.print(f"{name} {letter_id}: {after['state']}")
        if not ids:
            _decide_many(session, verb, services_of(service), wanted, reason, yes)


def _decide_many(
    session: Session, verb: str, names: tuple[str, ...], wanted: dict[str, str], reason: str, yes: bool
) -> None:
    renamed = {{"from": "since", "to": "until"}.get(name, name): value for name, value in wanted.items()}
    matched = 0
    for name in names:
        api, path = session.api(name), f"/v1/dead-letters/{verb}"
        found = int(api.post(path, renamed | {"dry_run": True})["matched"])
        matched += found
        if not yes:
            out.print(f"{name}: {found:,} would be {verb}ed")
            continue
        done = 0
        while done < found:
            changed = int(api.post(path, renamed | {"dry_run": False, "reason": reason})["changed"])
            done += changed
            if not changed:
                break
        out.print(f"{name}: {done:,} {verb}ed")
    if not yes and matched:
        out.print("Nothing was changed. Add --yes to do it.")


def _filter(
    type: str | None, error: str | None, source: str | None, since: str | None, until: str | None
) -> dict[str, str]:
    named = {"type": type, "error_type": error, "source": source, "from": since, "to": until}
    return {name: value for name, value in named.items() if value is not None}


def _find(session: Session, letter: str, service: str | None) -> tuple[str, str]:
    """The service and the whole id of a letter. Raises ApiError when none or several fit."""
    found: list[tuple[str, str]] = []
    for name in services_of(service):
        if len(letter) == 36:
            try:
                session.api(name).get(f"/v1/dead-letters/{letter}")
            except ApiError as error:
                if error.status != 404:
                    raise
            else:
                found.append((name, letter))
        else:
            ids = (item["id"] for item in session.api(name).items("/v1/dead-letters"))
            found += [(name, one) for one in ids if one.startswith(letter)]
    if not found:
        raise ApiError(f"letter {letter}", 404, "", "there is none in " + ", ".join(services_of(service)))
    if len(found) > 1:
        raise ApiError(
            f"letter {letter}", 409, "", "several letters begin so: " + ", ".join(one for _, one in found[:5])
        )
    return found[0]
