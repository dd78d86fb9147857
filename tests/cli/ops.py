"""What the tests of the operators' commands share: a served application, and the command run beside it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from typer.testing import CliRunner, Result

from common.runtime.health import serve
from loyalty.main import app


@asynccontextmanager
async def served(asgi: Any) -> AsyncIterator[str]:
    """The application over HTTP on loopback; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = int(found.getsockname()[1])
    stop = asyncio.Event()
    task = asyncio.create_task(serve(asgi, host="127.0.0.1", port=port, stop=stop, grace_seconds=1))
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    break
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await task


async def loyalty(*arguments: str, environment: Mapping[str, str] | None = None, stdin: str = "") -> Result:
    """Run the command in a thread, so that the applications it calls can answer."""
    told = {"COLUMNS": "300", "LOYALTY_STACK": "/nowhere/stack.json", **(environment or {})}

    def run() -> Result:
        return CliRunner().invoke(app, list(arguments), env=told, input=stdin)

    return await asyncio.to_thread(run)
