"""From exception to answer: the framework's own table, then the service's, then 500 with nothing internal in it."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from common.http import database_errors
from common.http.problems import (
    BY_STATUS,
    INTERNAL,
    INVALID,
    MALFORMED,
    Problem,
    ProblemError,
    Problems,
    facts_of,
    problem,
    problem_response,
)
from common.security.keysets import KeysUnavailableError
from common.security.permissions import PermissionMissingError
from common.security.tokens import TokenError

MAX_ERRORS = 50
KEYS_UNAVAILABLE = problem(
    503, "token_keys_unavailable", "Tokens cannot be checked: their issuer does not answer", retry_after_seconds=5
)


class Answers:
    """Knows one service's problems. `answer` gives None for exceptions that nobody foresaw."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def answer(self, error: Exception) -> Response | None:
        known = self._known(error)
        if known is not None:
            return problem_response(known, str(error), facts=facts_of(error))
        if isinstance(error, ProblemError):
            return problem_response(
                error.kind, error.detail, errors=error.errors, headers=error.headers, facts=error.facts
            )
        if isinstance(error, RequestValidationError):
            return _invalid(error)
        if isinstance(error, HTTPException):
            return _of_http_exception(error)
        if isinstance(error, (TokenError, PermissionMissingError)):
            return _refused(error)
        if isinstance(error, KeysUnavailableError):
            return problem_response(KEYS_UNAVAILABLE)
        of_database = database_errors.problem_of(error)
        return None if of_database is None else problem_response(of_database)

    def _known(self, error: Exception) -> Problem | None:
        return next((self._problems[kind] for kind in type(error).__mro__ if kind in self._problems), None)


def internal_error() -> Response:
    """500: the trace id finds the log line, and nothing else is told."""
    return problem_response(INTERNAL, "It was logged; tell us the trace id.")


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """FastAPI's own refusals (404, 405, unreadable bodies, validation) in our form."""
    answers: Answers = request.app.state.answers
    return answers.answer(error) or internal_error()


def _refused(error: TokenError | PermissionMissingError) -> Response:
    if isinstance(error, PermissionMissingError):
        challenge = f'Bearer realm="loyalty", error="insufficient_scope", scope="{error.permission}"'
        kind = problem(403, "permission_missing", "Not allowed")
        return problem_response(
            kind, str(error), headers={"WWW-Authenticate": challenge}, facts={"permission": error.permission}
        )
    if error.reason == "missing":
        return problem_response(BY_STATUS[401], error.detail, headers={"WWW-Authenticate": 'Bearer realm="loyalty"'})
    challenge = f'Bearer realm="loyalty", error="invalid_token", error_description="{_ascii(error.detail)}"'
    kind = problem(401, f"token_{error.reason}", "The token is not accepted")
    return problem_response(kind, error.detail, headers={"WWW-Authenticate": challenge})


def _ascii(text: str) -> str:
    """Header text: RFC 6750 allows printable ASCII without quotes and backslashes."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "'" for c in text)


def _of_http_exception(error: HTTPException) -> Response:
    kind = BY_STATUS.get(error.status_code) or Problem(
        status=error.status_code, code=f"http_{error.status_code}", title="Refused"
    )
    return problem_response(kind, str(error.detail or ""), headers=error.headers)


def _invalid(error: RequestValidationError) -> Response:
    found: Sequence[Any] = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        entry = found[0]
        return problem_response(MALFORMED, f"Not JSON at character {entry['loc'][-1]}: {entry['ctx']['error']}")
    errors = [{"field": ".".join(str(part) for part in entry["loc"]), "reason": entry["msg"]} for entry in found]
    shown = errors[:MAX_ERRORS]
    more = "" if len(errors) <= MAX_ERRORS else f" The first {MAX_ERRORS} are named."
    detail = f"{len(errors)} field{'s are' if len(errors) > 1 else ' is'} wrong.{more}"
    return problem_response(INVALID, detail, errors=shown)
