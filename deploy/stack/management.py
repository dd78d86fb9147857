"""RabbitMQ's management API, as far as the stack and the tests need it."""

import base64
import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote


class ManagementError(Exception):
    """The API refused (with its own words and its HTTP status) or did not answer (status 0)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Management:
    def __init__(self, url: str, user: str, password: str, *, timeout_seconds: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self.user = user
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._timeout_seconds = timeout_seconds

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def put(self, path: str, body: Any = None) -> None:
        self._call("PUT", path, {} if body is None else body)

    def post(self, path: str, body: Any) -> Any:
        return self._call("POST", path, body)

    def delete(self, path: str) -> None:
        """Deletes; what is not there is as good as deleted."""
        try:
            self._call("DELETE", path)
        except ManagementError as error:
            if error.status != 404:
                raise

    def wait(self, *, timeout_seconds: float) -> None:
        """Until it answers: it opens later than the AMQP listener. Raises ManagementError when it does not."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                self.get("/api/overview")
                return
            except ManagementError as error:
                if error.status == 401 or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def create_vhost(self, name: str) -> None:
        self.put(f"/api/vhosts/{quote(name, safe='')}")

    def delete_vhost(self, name: str) -> None:
        self.delete(f"/api/vhosts/{quote(name, safe='')}")

    def load(self, definitions: Any) -> None:
        """Users, vhosts, exchanges, queues, bindings, permissions: created or updated, never removed."""
        self.post("/api/definitions", definitions)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", self._authorization)
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=self._timeout_seconds) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")[:500]
            raise ManagementError(f"{method} {path}: {error.code} {reason}", error.code) from error
        except OSError as error:
            raise ManagementError(f"{method} {path}: {error}") from error
        return json.loads(content) if content else None
