"""A mail server on loopback that can be kind, refuse, break off, or say nothing at all."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

Answer = Callable[[str], str]
ACCEPT = "250 OK"


def _kind(_: str) -> str:
    return ACCEPT


@dataclass(slots=True)
class MailServer:
    """`on_sender`, `on_recipient`, `on_text` answer by address; "drop" breaks the connection, "hang" never answers."""

    port: int = 0
    on_sender: Answer = _kind
    on_recipient: Answer = _kind
    on_text: Answer = _kind
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    connections: int = 0
    users: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    transports: list[asyncio.BaseTransport] = field(default_factory=list)

    async def _say(self, server: SMTP, answer: str) -> str:
        if answer == "hang":
            await asyncio.sleep(3600)
        if answer == "drop":
            server.transport.abort()
        return answer

    async def handle_MAIL(self, server: SMTP, _: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        answer = await self._say(server, self.on_sender(address))
        if answer.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer

    async def handle_RCPT(self, server: SMTP, _: Session, envelope: Envelope, address: str, __: list[str]) -> str:
        answer = await self._say(server, self.on_recipient(address))
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        address = envelope.rcpt_tos[0]
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        answer = await self._say(server, self.on_text(address))
        self.encrypted.append(session.ssl is not None)
        if answer.startswith("250"):
            self.received.append((address, message))
        return answer

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.received]

    def authenticate(self, *_: Any) -> AuthResult:
        login = _[-1]
        self.users.append(login.login.decode())
        return AuthResult(success=login.password == b"secret", auth_data=login.login)


@asynccontextmanager
async def mail_server(port: int = 0, server: MailServer | None = None, **options: Any) -> AsyncIterator[MailServer]:
    """Listens until the block ends, then everybody is hung up on."""
    kind = server or MailServer()

    def protocol() -> SMTP:
        kind.connections += 1
        made = SMTP(
            kind, loop=asyncio.get_running_loop(), enable_SMTPUTF8=False, authenticator=kind.authenticate, **options
        )
        started = made.connection_made

        def connection_made(transport: asyncio.BaseTransport) -> None:
            kind.transports.append(transport)
            started(transport)

        made.connection_made = connection_made
        return made

    listener = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    kind.port = listener.sockets[0].getsockname()[1]
    try:
        yield kind
    finally:
        listener.close()
        hang_up(kind)
        await asyncio.sleep(0.01)


def hang_up(server: MailServer) -> None:
    """Break every connection off."""
    for transport in server.transports:
        if isinstance(transport, asyncio.Transport):
            transport.abort()
    server.transports.clear()
