"""`loyalty jobs`: the timed jobs of the services, and one now."""

from typing import Annotated

import typer
from rich.text import Text

from loyalty.clients.session import SERVICES, Session
from loyalty.screen import WRONG, local, out, plain_table, print_json, problems, say_problem

jobs = typer.Typer(help="Timed jobs of the services.", no_args_is_help=True)


@jobs.command("list")
def list_jobs(
    service: Annotated[str | None, typer.Option("--service", "-s", help="Only of this service.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show when jobs ran, when they are due, and what went wrong (times are UTC)."""
    with problems(), Session() as session:
        found = [
            {"service": name, **job}
            for name in services_of(service)
            for job in session.api(name).get("/v1/jobs")["items"]
        ]
    if as_json:
        print_json(found)
        return
    table = plain_table("service", "job", "due", "last finished", "runs", "last error")
    for job in found:
        error = Text(job["last_error"] or "", style="red")
        table.add_row(
            job["service"], job["name"], local(job["due_at"]), local(job["last_finished_at"]), str(job["runs"]), error
        )
    out.print(table)


@jobs.command("run")
def run_job(
    service: Annotated[str, typer.Argument(help="members, points, notify or analytics.")],
    name: Annotated[str, typer.Argument(help="As `loyalty jobs list` names it.")],
) -> None:
    """Make a job due now; a worker begins it within about a second."""
    with problems(), Session() as session:
        job = session.api(services_of(service)[0]).post(f"/v1/jobs/{name}/run", None)
    out.print(f"{service}: {job['name']} is due now.")


def services_of(service: str | None) -> tuple[str, ...]:
    """The one named, or all. Ends with exit code 2 for a name that is no service."""
    if service is None:
        return SERVICES
    if service not in SERVICES:
        say_problem(f"There is no service {service}; there are {', '.join(SERVICES)}.")
        raise typer.Exit(WRONG)
    return (service,)
