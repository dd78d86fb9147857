"""`loyalty verify-receipt FILE`: checks a member's receipt without asking anybody."""

from pathlib import Path
from typing import Annotated

import typer

from loyalty.receipts import NoReceiptError, Receipt, problems_between, problems_of, read
from loyalty.screen import FAILED, WRONG, out, say_problem

MAX_SHOWN = 20


def verify_receipt(
    file: Annotated[Path, typer.Argument(help="What GET /v1/members/{id}/receipt of points answered.")],
    previous: Annotated[
        Path | None, typer.Option(help="An earlier receipt of the same wallet: the new one must go on from it.")
    ] = None,
) -> None:
    """Check every hash and balance of a receipt, offline.

    Exit status: 0 it holds, 1 it does not (each problem is one line), 2 the file cannot be read as a receipt.
    """
    receipt = _read(file)
    found = list(problems_of(receipt))
    if previous is not None:
        older = _read(previous)
        found += [f"Earlier receipt: {problem}" for problem in problems_of(older)]
        found += list(problems_between(older, receipt))
    for problem in found[:MAX_SHOWN]:
        say_problem(problem)
    if len(found) > MAX_SHOWN:
        say_problem(f"… and {len(found) - MAX_SHOWN} more problems.")
    if found:
        raise typer.Exit(FAILED)
    out.print(_said(receipt), markup=False, soft_wrap=True)


def _read(file: Path) -> Receipt:
    try:
        return read(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        say_problem(f"{file} cannot be read: {error}")
    except NoReceiptError as error:
        say_problem(f"{file}: {error}")
    raise typer.Exit(WRONG)


def _said(receipt: Receipt) -> str:
    last = receipt.last
    said = (
        f"The receipt holds: {len(receipt.transfers)} transfers of wallet {receipt.wallet}, the last is {last.sequence}"
    )
    if receipt.transfers:
        newest = receipt.transfers[-1]
        said += f" with balance {newest['balance']}, pending {newest['pending']}, held {newest['held']}"
        said += f" and debt {newest['debt']}"
    said += f", hash {last.hash}."
    if not receipt.complete:
        said += f" It is not complete: ask for the rest with sequence={last.sequence}&hash={last.hash}."
    return said
