"""The mail sink keeps what it is sent and shows it."""

import smtplib
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from stack.paths import ROOT
from stack.ports import Ports
from stack.processes import spawn
from stack.services import unready


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """Its SMTP port and the URL of its window."""
    folder: Path = tmp_path_factory.mktemp("mailsink")
    ports = Ports()
    smtp, http = ports.pick(), ports.pick()
    command = [sys.executable, str(ROOT / "deploy" / "mailsink" / "mailsink.py")]
    command += ["--smtp-port", str(smtp), "--http-port", str(http), "--file", str(folder / "mail.db")]
    process = spawn(command, log=folder / "log", environment={"LANG": "C.UTF-8"}, folder=folder)
    while unready(f"http://127.0.0.1:{http}/health/live") is not None:
        assert process.alive(), (folder / "log").read_text()
    yield smtp, f"http://127.0.0.1:{http}"
    process.stop()


def send(port: int, to: str, subject: str, text: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "programme@example.com", to, subject
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", port) as connection:
        connection.send_message(message)


def test_message_can_be_read_by_its_recipient_alone(sink: tuple[int, str]) -> None:
    send(sink[0], "wang@example.com", "您的积分", "您获得了 100 积分。")
    send(sink[0], "li@example.com", "Points", "You earned 7 points.")
    found = httpx.get(f"{sink[1]}/messages", params={"to": "Wang@example.com"}).json()
    assert found["total"] == 1
    assert found["items"][0]["subject"] == "您的积分"
    assert found["items"][0]["text"].strip() == "您获得了 100 积分。"
    whole = httpx.get(f"{sink[1]}/messages/{found['items'][0]['id']}").json()
    assert "To: wang@example.com" in whole["raw"]


def test_pages_follow_one_another(sink: tuple[int, str]) -> None:
    for number in range(3):
        send(sink[0], "pages@example.com", f"no. {number}", "text")
    first = httpx.get(f"{sink[1]}/messages", params={"to": "pages@example.com", "limit": 2}).json()
    rest = httpx.get(
        f"{sink[1]}/messages", params={"to": "pages@example.com", "after": first["items"][-1]["id"]}
    ).json()
    assert [item["subject"] for item in first["items"] + rest["items"]] == ["no. 0", "no. 1", "no. 2"]
    assert first["total"] == 3


def test_senseless_questions_are_refused(sink: tuple[int, str]) -> None:
    assert httpx.get(f"{sink[1]}/messages", params={"limit": "many"}).status_code == 400
    assert httpx.get(f"{sink[1]}/messages/none").status_code == 404
