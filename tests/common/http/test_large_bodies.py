"""A body that is too large gets its answer over a real socket too: a hasty close would take the answer with it."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from tests.common.http.conformance import served

TEN_MEGABYTES = 10 * 1024 * 1024


@pytest.fixture
def address(app: FastAPI) -> Iterator[tuple[str, int]]:
    with served(app) as url:
        host, port = url.removeprefix("http://").split(":")
        yield host, int(port)


def head(length: int, *more: str) -> bytes:
    lines = ["POST /v1/things HTTP/1.1", "Host: things", f"Content-Length: {length}", *more, "", ""]
    return "\r\n".join(lines).encode()


async def test_who_sends_ten_megabytes_before_reading_gets_an_answer(address: tuple[str, int]) -> None:
    def send() -> bytes:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(head(TEN_MEGABYTES) + b"x" * TEN_MEGABYTES)
            return connection.recv(100)

    for _ in range(5):
        assert b" 413 " in await asyncio.to_thread(send)


async def test_who_asks_before_sending_is_answered_at_once(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head(TEN_MEGABYTES, "Expect: 100-continue"))
    first = await asyncio.wait_for(reader.readline(), 3)
    writer.close()
    assert b" 413 " in first


async def test_who_announces_much_and_sends_little_is_not_waited_for_long(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.http.envelope.DRAIN_SECONDS", 0.5)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(head(TEN_MEGABYTES) + b"abc")
    first = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert b" 413 " in first
