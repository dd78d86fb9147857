"""`/v1/jobs`: the timed jobs of a service: when they ran, what went wrong, and run one now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from common.http.fields import ResponseBody
from common.http.openapi import may_answer
from common.http.problems import ProblemError, problem
from common.http.route import Router
from common.http.transaction import Tx
from common.security.audit import audit
from common.security.permissions import CurrentCaller, allow

router = Router(tags=["jobs"])

_NOT_FOUND = problem(404, "job_not_found", "No such timed job")
_RUNNING = problem(409, "job_running", "The job is running at this moment", retry_after_seconds=5)

_COLUMNS = "name, due_at, last_started_at, last_finished_at, last_error, runs"
_LIST = f"SELECT {_COLUMNS} FROM schedule ORDER BY name"
_GET = f"SELECT {_COLUMNS} FROM schedule WHERE name = :name"
_RUN_NOW = """
    UPDATE schedule SET due_at = :now
    WHERE name = (SELECT name FROM schedule WHERE name = :name FOR UPDATE SKIP LOCKED)
"""

Name = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.<>-]+$")]


class JobState(ResponseBody):
    """A timed job. `last_error` is null after a run that went well."""

    name: str
    due_at: datetime
    last_started_at: datetime | None
    last_finished_at: datetime | None
    last_error: str | None
    runs: int = Field(description="How often it ran, failures included.")


class Jobs(ResponseBody):
    items: Sequence[JobState]


@router.get("/v1/jobs", dependencies=[allow("jobs:read")])
async def jobs(tx: Tx) -> Jobs:
    """All timed jobs that a worker of this service has entered, by name."""
    return Jobs(items=[JobState.model_validate(dict(row._mapping)) for row in await tx.fetch_all(_LIST)])


@router.post("/v1/jobs/{name}/run", dependencies=[allow("jobs:write")], status_code=202, responses=may_answer(404, 409))
async def run_job(tx: Tx, caller: CurrentCaller, name: Name) -> JobState:
    """Make the job due now: a worker begins it within about a second."""
    changed = await tx.execute(_RUN_NOW, {"name": name, "now": tx.now})
    row = await tx.fetch_one(_GET, {"name": name})
    if row is None:
        raise ProblemError(_NOT_FOUND, f"There is no timed job {name}.")
    if not changed:
        raise ProblemError(_RUNNING)
    await audit(tx, caller, "job.run", name)
    return JobState.model_validate(dict(row._mapping))
