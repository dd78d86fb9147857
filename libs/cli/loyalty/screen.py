"""What all sub-commands print the same way: tables, problems with their exit codes, JSON for programs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from loyalty.clients.api import ApiError
from loyalty.clients.session import NotConfiguredError

FAILED, WRONG = 1, 2
"""Exit codes: something could not be done; the command was used wrongly or is not configured."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def problems() -> Iterator[None]:
    """Whatever goes wrong in a way people can do something about is one line in red and an exit code."""
    try:
        yield
    except NotConfiguredError as error:
        say_problem(str(error))
        raise typer.Exit(WRONG) from None
    except ApiError as error:
        say_problem(str(error))
        raise typer.Exit(FAILED) from None


def say_problem(text: str) -> None:
    err.print(text, style="red", markup=False)


def plain_table(*columns: str) -> Table:
    """A table with a line under its head and none else."""
    made = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    return made


def print_json(value: Any) -> None:
    """For programs: one JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def local(moment: str | None) -> str:
    """An RFC 3339 instant to the second, as it is (UTC)."""
    return "" if moment is None else moment[:19].replace("T", " ")
