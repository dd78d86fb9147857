"""A mail server that delivers nothing: it keeps what it is sent and shows it over HTTP.

    python mailsink.py --smtp-port 2525 --http-port 8025 [--host 127.0.0.1] [--file messages.db]

    GET    /messages?to=someone@example.com&limit=50&after=0   {"total": 2, "items": [...]}
    GET    /messages/<id>       one of them with "raw", the message as it came
    DELETE /messages            forget them all
    GET    /health/live

An item is {"id", "received_at", "sender", "to", "subject", "text", "headers"}. `items` are the oldest first, those with
an id above `after`; `total` counts all that match `to`. Times are ISO 8601 UTC.
"""

import argparse
import asyncio
import json
import signal
import sqlite3
import threading
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_MESSAGE_BYTES = 10_000_000
MAX_PAGE = 1000


class Mailbox:
    """Messages in SQLite: a row for each recipient. May be used from several threads."""

    def __init__(self, file: str) -> None:
        self._lock = threading.Lock()
        self._rows = sqlite3.connect(file, check_same_thread=False)
        self._rows.row_factory = sqlite3.Row
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.execute("PRAGMA synchronous = OFF")
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS messages"
            "(id INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT, sender TEXT, recipient TEXT, raw BLOB)"
        )
        self._rows.execute("CREATE INDEX IF NOT EXISTS by_recipient ON messages (recipient, id)")

    def keep(self, sender: str, recipients: list[str], raw: bytes) -> None:
        now = datetime.now(UTC).isoformat()
        with self._lock, self._rows:
            self._rows.executemany(
                "INSERT INTO messages (received_at, sender, recipient, raw) VALUES (?, ?, ?, ?)",
                [(now, sender, recipient.lower(), raw) for recipient in recipients],
            )

    def page(self, *, to: str | None, after: int, limit: int) -> dict[str, Any]:
        where, values = ("recipient = ?", [to.lower()]) if to else ("1", [])
        with self._lock:
            total = self._rows.execute(f"SELECT count(*) FROM messages WHERE {where}", values).fetchone()[0]
            found = self._rows.execute(
                f"SELECT * FROM messages WHERE {where} AND id > ? ORDER BY id LIMIT ?", [*values, after, limit]
            ).fetchall()
        return {"total": total, "items": [_shown(row) for row in found]}

    def one(self, number: int) -> dict[str, Any] | None:
        with self._lock:
            row = self._rows.execute("SELECT * FROM messages WHERE id = ?", [number]).fetchone()
        return None if row is None else {**_shown(row), "raw": row["raw"].decode("utf-8", "replace")}

    def forget(self) -> None:
        with self._lock, self._rows:
            self._rows.execute("DELETE FROM messages")


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    message = message_from_bytes(row["raw"], policy=policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain", "html"))
    return {
        "id": row["id"],
        "received_at": row["received_at"],
        "sender": row["sender"],
        "to": row["recipient"],
        "subject": str(message["Subject"] or ""),
        "text": "" if body is None else body.get_content(),
        "headers": {name: str(value) for name, value in message.items()},
    }


class Receiver:
    """What aiosmtpd calls with each message."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self._mailbox.keep(envelope.mail_from or "", list(envelope.rcpt_tos), content)
        return "250 kept"


class Window(BaseHTTPRequestHandler):
    """The HTTP side; `mailbox` is set on a subclass by `_window`."""

    mailbox: Mailbox
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        if address.path == "/health/live":
            return self._answer(200, {"status": "ok"})
        if address.path == "/messages":
            try:
                after, limit = int(query.get("after", "0")), int(query.get("limit", "50"))
            except ValueError:
                return self._answer(400, {"error": "after and limit are whole numbers"})
            return self._answer(
                200, self.mailbox.page(to=query.get("to"), after=after, limit=max(0, min(limit, MAX_PAGE)))
            )
        number = address.path.removeprefix("/messages/")
        message = self.mailbox.one(int(number)) if number.isdigit() else None
        return self._answer(404, {"error": "there is no such thing"}) if message is None else self._answer(200, message)

    def do_DELETE(self) -> None:
        if urlsplit(self.path).path != "/messages":
            return self._answer(404, {"error": "there is no such thing"})
        self.mailbox.forget()
        return self._answer(200, {"total": 0})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the sink is asked often, and nobody reads that."""

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


async def serve(host: str, smtp_port: int, http_port: int, file: str) -> None:
    """Run both servers until the process is told to end."""
    mailbox = Mailbox(file)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    receiver = Receiver(mailbox)
    server = await loop.create_server(
        lambda: SMTP(receiver, hostname="mailsink", enable_SMTPUTF8=True, data_size_limit=MAX_MESSAGE_BYTES, loop=loop),
        host,
        smtp_port,
    )
    # HTTP last: who sees /health/live may send.
    window = ThreadingHTTPServer((host, http_port), type("MailboxWindow", (Window,), {"mailbox": mailbox}))
    threading.Thread(target=window.serve_forever, daemon=True).start()
    print(f"mail sink: SMTP on {host}:{smtp_port}, HTTP on {host}:{http_port}", flush=True)
    async with server:
        await ended.wait()
    window.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description="A mail server that keeps and shows what it is sent.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp-port", type=int, default=2525)
    parser.add_argument("--http-port", type=int, default=8025)
    parser.add_argument("--file", default=":memory:", help="where messages are kept (SQLite)")
    asked = parser.parse_args()
    asyncio.run(serve(asked.host, asked.smtp_port, asked.http_port, asked.file))


if __name__ == "__main__":
    main()
