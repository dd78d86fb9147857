"""Schemathesis over a service's OpenAPI document, against the real application on a real socket.

findings = conformance(app, token=token(role="admin"))
assert findings == "", findings
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence

import uvicorn
from fastapi import FastAPI

SECONDS = 300
# not unsupported_method: where a fixed path lies beside `{id}`, another method on it is a wrong id, 422
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "negative_data_rejection",
)


@contextlib.contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application in a thread with an event loop of its own; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def conformance(
    app: FastAPI,
    *,
    token: str,
    max_examples: int = 20,
    exclude: str = "^/metrics$",
    checks: Sequence[str] = CHECKS,
) -> str:
    """What schemathesis found, in its own words; "" when nothing. The application must have its own database pool."""
    with served(app) as url, tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
        command += ["--header", f"Authorization: Bearer {token}", "--checks", ",".join(checks)]
        command += ["--exclude-path-regex", exclude, "--max-examples", str(max_examples), "--seed", "1"]
        command += ["--phases", "examples,coverage,fuzzing", "--request-timeout", "15", "--no-color"]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
        return "" if done.returncode == 0 else done.stdout[-20_000:] + done.stderr[-2_000:]
