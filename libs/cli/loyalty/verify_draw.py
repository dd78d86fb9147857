"""`loyalty verify-draw`: was a draw fair? Asks the service for the public list, or reads one from a file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from loyalty import fairness
from loyalty.clients.session import Session
from loyalty.screen import FAILED, WRONG, out, print_json, problems, say_problem

SHOWN = 20


def verify_draw(
    draw: Annotated[str, typer.Argument(help="Key of the draw, or a file that --save wrote.")],
    epoch: Annotated[int | None, typer.Option("--epoch", "-e", help="Default: the newest that is revealed.")] = None,
    member: Annotated[str | None, typer.Option("--member", "-m", help="Show the plays of this member id.")] = None,
    receipt: Annotated[
        Path | None, typer.Option("--receipt", "-r", help="What plays were answered, kept by a member: one, or a page.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep the list, to verify it without the service.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Play a revealed epoch again from its seed and compare every play. Exit code 1: something does not hold.

    The list comes from the service. Whoever kept what a play was answered (--receipt) need not trust it: the promise
    made then, and that play, must be the same now.
    """
    document = _read(Path(draw)) if Path(draw).is_file() else _fetch(draw, epoch)
    if save is not None:
        save.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    try:
        kept = [] if receipt is None else _receipts(receipt, document)
        wrong = fairness.verify(document) + fairness.verify_receipts(document, kept)
        plays = list(document["plays"])
        mine = _mine(document, plays, member)
    except (KeyError, ValueError, TypeError, AttributeError, StopIteration) as error:
        say_problem(f"This is no list of a draw's plays: {type(error).__name__} {error}")
        raise typer.Exit(WRONG) from None
    if as_json:
        print_json({"holds": not wrong, "plays": len(plays), "problems": wrong, "mine": mine})
    else:
        for play in mine:
            out.print(f"play {play['number']}: ticket {play['ticket']}, {play['prize']}", markup=False)
        for problem in wrong[:SHOWN]:
            say_problem(problem)
        verdict = f"{len(wrong)} problems" if wrong else "it holds: every play is as the committed seed says"
        out.print(f"{document['draw']}, epoch {document['epoch']}: {len(plays)} plays, {verdict}.", markup=False)
    if wrong:
        raise typer.Exit(FAILED)


def _receipts(path: Path, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the document's epoch; without one there would be nothing to compare with."""
    found, epoch = _read(path), (document["draw"], document["epoch"])
    kept = [one for one in found.get("items", [found]) if (one["draw"], one["epoch"]) == epoch]
    if not kept:
        say_problem(f"{path} has no play of {epoch[0]}, epoch {epoch[1]}.")
        raise typer.Exit(WRONG)
    return kept


def _mine(document: dict[str, Any], plays: list[Any], member: str | None) -> list[Any]:
    if member is None:
        return []
    name = fairness.pseudonym(document["draw"], document["epoch"], member)
    return [play for play in plays if play["pseudonym"] == name]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        say_problem(f"{path} cannot be read: {error}")
        raise typer.Exit(WRONG) from None
    return found if isinstance(found, dict) else {}


def _fetch(draw: str, epoch: int | None) -> dict[str, Any]:
    with problems(), Session() as session:
        api, path = session.api("points"), f"/v1/draws/{draw}/epochs"
        if epoch is None:
            revealed = [one["epoch"] for one in api.items(path) if one["seed"] is not None]
            if not revealed:
                say_problem(f"No epoch of {draw} is revealed yet.")
                raise typer.Exit(FAILED)
            epoch = max(revealed)
        document: dict[str, Any] = api.get(f"{path}/{epoch}")
        if document["seed"] is None:
            say_problem(f"Epoch {epoch} of {draw} is still open; its seed is revealed when it is closed.")
            raise typer.Exit(FAILED)
        told, document["plays"] = document["plays"], list(api.items(f"{path}/{epoch}/plays"))
        if len(document["plays"]) != told:
            say_problem(f"The list has {len(document['plays'])} plays, the epoch {told}.")
            raise typer.Exit(FAILED)
    return document
