"""Answers that say no: RFC 9457 problem details, from one table of exceptions.

`{"type": "urn:loyalty:problem:<code>", "title": …, "status": …, "detail": …, "code": …, "errors": […], "trace_id": …}`

A service's table maps its domain errors: `PROBLEMS = {InsufficientPointsError: problem(409, "insufficient_points",
"Not enough points")}`. `str(error)` becomes the detail, the error's public attributes become members of the problem: a
domain error's attributes are facts that may be shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_jsonable_python

from common.trace_context import current, trace_id_of

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One kind of problem: HTTP status, a code for machines that never changes, a title for people."""

    status: int
    code: str
    title: str
    headers: Mapping[str, str] = field(default_factory=dict)


Problems = Mapping[type[Exception], Problem]


def problem(status: int, code: str, title: str, *, retry_after_seconds: int | None = None) -> Problem:
    """A row of a service's table. `retry_after_seconds`: the same request may succeed after that time."""
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return Problem(status=status, code=code, title=title, headers=headers)


class ProblemError(Exception):
    """A problem raised by HTTP code itself, where there is no domain error behind it."""

    def __init__(
        self,
        kind: Problem,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(detail or kind.title)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.facts = facts


def invalid(field_name: str, reason: str) -> ProblemError:
    """A 422 about one field: `invalid("body.phone", "is not a telephone number")`."""
    return ProblemError(INVALID, f"{field_name}: {reason}", errors=[{"field": field_name, "reason": reason}])


INVALID = problem(422, "invalid_request", "The request is not valid")
MALFORMED = problem(400, "malformed_body", "The body cannot be read")
INTERNAL = problem(500, "internal_error", "Something went wrong on our side")

BY_STATUS: dict[int, Problem] = {
    400: MALFORMED,
    401: problem(401, "not_authenticated", "Not authenticated"),
    403: problem(403, "forbidden", "Not allowed"),
    404: problem(404, "not_found", "Not found"),
    405: problem(405, "method_not_allowed", "This address does not take this method"),
    406: problem(406, "not_acceptable", "Not acceptable"),
    409: problem(409, "conflict", "Conflict with what is there"),
    412: problem(412, "stale", "Changed by somebody else in the meantime"),
    413: problem(413, "body_too_large", "The body is too large"),
    415: problem(415, "unsupported_media_type", "The body has a media type that is not read here"),
    422: INVALID,
    429: problem(429, "too_many_requests", "Too many requests"),
    500: INTERNAL,
    503: problem(503, "unavailable", "Not available now", retry_after_seconds=5),
}


class FieldError(BaseModel):
    """One thing that is wrong with one field, for example `body.lines.0.amount`."""

    field: str
    reason: str


class ProblemBody(BaseModel):
    """Problem details (RFC 9457). Some kinds have further members that carry facts."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(examples=["urn:loyalty:problem:not_found"])
    title: str
    status: int
    detail: str
    code: str = Field(description="What kind of problem this is, for machines; it never changes.")
    errors: list[FieldError] = Field(description="Every field that is wrong; empty where none is.")
    trace_id: str = Field(description="Finds the log lines of this request.")


RESERVED = frozenset(ProblemBody.model_fields)


def problem_response(
    kind: Problem,
    detail: str = "",
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """The answer that tells of a problem."""
    body: dict[str, Any] = {
        "type": f"urn:loyalty:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.title,
        "code": kind.code,
        "errors": list(errors),
        "trace_id": trace_id_of(current.get()),
    }
    shown = to_jsonable_python(dict(facts or {}), fallback=str, serialize_unknown=True)
    body.update({name: value for name, value in shown.items() if name not in RESERVED})
    return JSONResponse(
        body, status_code=kind.status, headers={**kind.headers, **(headers or {})}, media_type=MEDIA_TYPE
    )


def facts_of(error: Exception) -> dict[str, Any]:
    """The public attributes of a domain error, from its `__dict__` and `__slots__`."""
    names = [*vars(error)] if hasattr(error, "__dict__") else []
    for kind in type(error).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return {name: getattr(error, name) for name in names if not name.startswith("_") and hasattr(error, name)}
