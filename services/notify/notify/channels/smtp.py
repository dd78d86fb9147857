"""One connection to the mail server, used for many messages."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from notify.channels.domain import MAX_ANSWER_CHARACTERS, Attempt, Letter, Outcome, blames_provider, outcome_of

_ADDRESS = re.compile(r"[^\s<>(),;:]+@[^\s<>(),;:]+")
_LOCAL_NAME = "localhost"
Stage = Literal["sender", "recipient", "data"]


class ProviderDownError(Exception):
    """The mail server cannot be reached or wants nothing from us: no message was tried, none is to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where and how to connect. `starttls` and `tls` are demands, not wishes."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False
    verify_certificates: bool = True
    timeout_seconds: float = 20.0

    @property
    def name(self) -> str:
        return f"smtp://{self.host}:{self.port}"


class Connection:
    """Opened when the first message comes, opened again when the server has closed it. One message at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client: SMTP | None = None

    async def send(self, letter: Letter) -> Attempt:
        """Hand over one message; an answer that speaks of the message is an attempt, good or bad.

        Raises ProviderDownError when the message was not tried.
        """
        reused = self._client is not None and self._client.is_connected
        try:
            return await self._attempt(letter, may_be_closed=reused)
        except _ClosedMeanwhileError:
            self._drop()
            return await self._attempt(letter, may_be_closed=False)

    async def close(self) -> None:
        """Say good-bye if there is still somebody."""
        client, self._client = self._client, None
        if client is not None and client.is_connected:
            try:
                await client.quit()
            except (SMTPException, OSError):
                client.close()

    def abandon(self) -> None:
        """Leave without a word."""
        self._drop()

    async def _attempt(self, letter: Letter, *, may_be_closed: bool) -> Attempt:
        client = self._client if self._client is not None and self._client.is_connected else await self._connect()
        began, started_at = time.perf_counter(), datetime.now(UTC)
        stage: Stage = "sender"
        try:
            await client.mail(letter.sender, options=self._size_of(client, letter))
            stage = "recipient"
            await client.rcpt(letter.recipient)
            stage = "data"
            response = await client.data(letter.content)
            outcome, code, answer = outcome_of(response.code), response.code, response.message
        except SMTPResponseException as error:
            outcome, code, answer = outcome_of(error.code), error.code, error.message
            await self._reset(client, code)
            if blames_provider(stage, code):
                raise ProviderDownError(f"{code} {_scrubbed(answer)}") from None
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
            self._drop()
            outcome, code, answer = self._broken(stage, error, may_be_closed=may_be_closed)
        except (SMTPException, ValueError) as error:
            self._drop()
            outcome, code, answer = "permanent", 0, f"{type(error).__name__}: {error}"
        return Attempt(
            outcome=outcome,
            code=code,
            answer=_scrubbed(answer),
            started_at=started_at,
            duration_ms=round((time.perf_counter() - began) * 1000),
        )

    def _broken(self, stage: Stage, error: Exception, *, may_be_closed: bool) -> tuple[Outcome, int, str]:
        """Before the recipient nothing was tried; once the text is on its way nobody knows whether it arrived."""
        if stage == "sender":
            if may_be_closed and isinstance(error, (SMTPServerDisconnected, ConnectionError)):
                raise _ClosedMeanwhileError
            raise ProviderDownError(f"{type(error).__name__}: {error}") from None
        answer = "no answer in time" if isinstance(error, TimeoutError) else "the connection broke"
        return ("unknown", 0, f"{answer} after the text was sent") if stage == "data" else ("temporary", 0, answer)

    async def _connect(self) -> SMTP:
        self._drop()
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            local_hostname=_LOCAL_NAME,
            timeout=server.timeout_seconds,
            use_tls=server.tls,
            start_tls=server.starttls,
            validate_certs=server.verify_certificates,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise ProviderDownError(_scrubbed(f"{type(error).__name__}: {error}")) from None
        self._client = client
        return client

    async def _reset(self, client: SMTP, code: int) -> None:
        """Forget the refused message; a server that closes or does not answer is left."""
        if code == 421:
            self._drop()
            return
        try:
            await client.rset()
        except (SMTPException, OSError):
            self._drop()

    def _size_of(self, client: SMTP, letter: Letter) -> list[str]:
        return [f"SIZE={len(letter.content)}"] if client.supports_extension("size") else []

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class _ClosedMeanwhileError(Exception):
    """An idle connection was closed by the server, which says nothing about the message."""


def _scrubbed(answer: str) -> str:
    """Servers like to repeat the address, which is personal data and must not be kept in clear."""
    return _ADDRESS.sub("<address>", " ".join(answer.split()))[:MAX_ANSWER_CHARACTERS]
