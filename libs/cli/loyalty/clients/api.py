"""One service's HTTP API, as a program calls it: JSON in and out, refusals as an exception with the service's words."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import httpx


class ApiError(Exception):
    """The service refused (RFC 9457) or did not answer. `status` 0 when there was no answer, `code` "" when no code."""

    def __init__(self, where: str, status: int, code: str, detail: str) -> None:
        super().__init__(f"{where}: {detail}" if detail else f"{where}: HTTP {status}")
        self.status = status
        self.code = code


class Api:
    """`token` is asked for before each request, so that it may be renewed."""

    def __init__(self, url: str, token: Callable[[], str], *, timeout_seconds: float = 60) -> None:
        self.url = url
        self._token = token
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, params={name: value for name, value in params.items() if value is not None})

    def post(self, path: str, body: Any, *, key: str = "") -> Any:
        """`key` is the Idempotency-Key: the same request again gets the first answer again."""
        return self.call("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    def items(self, path: str, **params: Any) -> Iterator[Any]:
        """Everything in a list of pages."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, **{"limit": 200, **params})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The decoded answer (None when it is empty); ApiError when the service refuses or cannot be reached."""
        headers = {"Authorization": f"Bearer {self._token()}", **options.pop("headers", {})}
        try:
            answer = self._http.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise ApiError(f"{method} {self.url}{path}", 0, "", str(error) or type(error).__name__) from error
        if answer.is_error:
            raise _refusal(f"{method} {self.url}{path}", answer)
        return answer.json() if answer.content else None


def _refusal(where: str, answer: httpx.Response) -> ApiError:
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return ApiError(where, answer.status_code, "", answer.text[:300])
    fields = "; ".join(f"{one.get('field')}: {one.get('reason')}" for one in problem.get("errors", ()))
    told = " — ".join(part for part in (problem.get("title"), problem.get("detail"), fields) if part)
    return ApiError(where, answer.status_code, str(problem.get("code", "")), told)
