"""The sender: takes mails out of the queue, judges them once more, hands them over, keeps what was answered.

Towards SMTP this is at least once. A message that the server accepted is written down a moment later, at the latest
when the claimed batch is through: a worker killed in between leaves up to `mail_batch_size` × `smtp_connections` mails
that are sent again when their lease ends, with the same Message-ID and an attempt marked `unknown`.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from prometheus_client import Counter, Gauge
from sqlalchemy.exc import SQLAlchemyError

from common.runtime import logs
from common.runtime.metrics import REGISTRY
from common.runtime.service import WorkerContext
from common.security.cipher import Cipher
from common.storage import Database, Transaction
from notify.channels import domain, handlers
from notify.channels.domain import Attempt, Letter, Sender
from notify.channels.gate import Gate, either, sleep
from notify.channels.handlers import Delivery, Tried
from notify.channels.smtp import Connection, ProviderDownError, Server
from notify.dispatch import settling
from notify.dispatch.domain import FAILED, NO_CONTACT, SUPPRESSED
from notify.preferences import handlers as preferences
from notify.preferences.handlers import ContactUnreadableError
from notify.settings import Settings

IDLE_SECONDS = 0.5
UNREADABLE_SECONDS = 600
RECORD_TRIES_WHEN_STOPPING = 5
STOP_PATIENCE_SECONDS = 10
DATABASE_DOWN = (SQLAlchemyError, OSError, TimeoutError)

ATTEMPTS = Counter(
    "loyalty_mail_attempts_total", "Mails handed to the mail server, by what came of it", ["outcome"], registry=REGISTRY
)
WAITING = Gauge("loyalty_mails_waiting", "Mails in the queue", registry=REGISTRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    delivery: Delivery
    letter: Letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one connection has taken: under which lease, how much, and what of it is to be sent."""

    lease: UUID
    taken: int
    mails: Sequence[Mail]
    began: float


async def run(context: WorkerContext, stop: asyncio.Event) -> None:
    """A worker's loop: send until `stop`."""
    settings: Settings = context.settings
    if not settings.smtp_host:
        logs.logger("sender").warning("SMTP_HOST is empty: mails are queued and wait")
        await stop.wait()
        return
    await PostOffice(context.database, Cipher.of(settings), settings).run(stop)


class PostOffice:
    """Several connections, each with its own share of the queue; other workers may do the same."""

    def __init__(self, database: Database, cipher: Cipher, settings: Settings) -> None:
        self._database = database
        self._cipher = cipher
        self._settings = settings
        self._sender: Sender = domain.sender_of(settings.mail_from, settings.unsubscribe_url)
        self._server = Server(
            host=settings.smtp_host,
            port=settings.smtp_port,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value(),
            starttls=settings.smtp_starttls,
            tls=settings.smtp_tls,
            verify_certificates=settings.smtp_verify_certificates,
            timeout_seconds=settings.smtp_timeout_seconds,
        )
        self._gate = Gate()
        self._busy = asyncio.Event()
        self._log = logs.logger("sender")

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self._settings.smtp_connections):
                group.create_task(self._lane(number, stop), name=f"mail connection {number}")

    async def _lane(self, number: int, stop: asyncio.Event) -> None:
        """The first one watches the queue; the others help while it is full."""
        connection = Connection(self._server)
        try:
            while not stop.is_set():
                await self._gate.wait(stop)
                if number and not self._busy.is_set():
                    await either(self._busy, stop)
                    continue
                try:
                    taken = await self.round(connection, stop)
                except DATABASE_DOWN as error:
                    self._log.warning("the queue of mails cannot be read", error=type(error).__name__)
                    taken = 0
                if taken == self._settings.mail_batch_size:
                    self._busy.set()
                elif number == 0:
                    self._busy.clear()
                    await sleep(stop, IDLE_SECONDS)
                else:
                    self._busy.clear()
        finally:
            await connection.close()

    async def round(self, connection: Connection, stop: asyncio.Event) -> int:
        """Take some mails, send them, write down what came of it; returns how many were taken."""
        async with self._database.transaction() as tx:
            work = await self._take(tx)
        if work.mails:
            await self._record(work, await self._send(work, connection, stop), stop)
        return work.taken

    async def _take(self, tx: Transaction) -> Round:
        lease, settings = uuid4(), self._settings
        began = time.monotonic()
        deliveries = await handlers.claim(
            tx, lease, lease_seconds=settings.mail_lease_seconds, limit=settings.mail_batch_size
        )
        if not deliveries:
            WAITING.set((await handlers.waiting(tx)).waiting)
            return Round(lease=lease, taken=0, mails=(), began=began)
        await handlers.note_interrupted(tx, self._server.name, [one for one in deliveries if one.interrupted])
        mails = await self._prepare(tx, lease, {one.notice_id: one for one in deliveries})
        return Round(lease=lease, taken=len(deliveries), mails=mails, began=began)

    async def _prepare(self, tx: Transaction, lease: UUID, deliveries: dict[UUID, Delivery]) -> list[Mail]:
        """Letters for the notices that may still go out; the others are settled here."""
        judged = await settling.judge(tx, sorted(deliveries), stale_after_hours=self._settings.notice_stale_after_hours)
        going = [one for one in judged if not one.reason]
        contacts = await preferences.open_contacts(tx, self._cipher, {one.member_id for one in going})
        settled = [
            settling.Settled(notice_id=one.notice_id, state=SUPPRESSED, reason=one.reason)
            for one in judged
            if one.reason
        ]
        mails, unreadable = [], []
        for one in going:
            contact = contacts.get(one.member_id, {})
            if isinstance(contact, ContactUnreadableError):
                if contact.for_now:
                    self._log.error("a contact cannot be read", reason=str(contact))
                    unreadable.append(deliveries[one.notice_id])
                else:
                    settled.append(
                        settling.Settled(notice_id=one.notice_id, state=FAILED, reason=f"contact: {contact}")
                    )
                continue
            if not contact.get("email"):
                settled.append(settling.Settled(notice_id=one.notice_id, state=SUPPRESSED, reason=NO_CONTACT))
                continue
            if deliveries[one.notice_id].tries > len(domain.RETRY_AFTER):
                settled.append(settling.Settled(notice_id=one.notice_id, state=FAILED, reason="interrupted too often"))
                continue
            try:
                mails.append(Mail(delivery=deliveries[one.notice_id], letter=self._letter(one, contact, tx)))
            except domain.AddressRefusedError as error:
                settled.append(settling.Settled(notice_id=one.notice_id, state=FAILED, reason=f"address: {error}"))
            except Exception as error:  # one notice that cannot be written must not hold up the others
                self._log.error("a mail cannot be written", notice_id=str(one.notice_id), exc_info=error)
                settled.append(
                    settling.Settled(notice_id=one.notice_id, state=FAILED, reason=f"letter: {type(error).__name__}")
                )
        await settling.settle(tx, settled)
        kept = {mail.delivery.notice_id for mail in mails} | {one.notice_id for one in unreadable}
        await handlers.drop(tx, [one for notice_id, one in deliveries.items() if notice_id not in kept])
        await handlers.postpone(tx, lease, unreadable, seconds=UNREADABLE_SECONDS)
        return mails

    def _letter(self, one: settling.Judged, contact: dict[str, str], tx: Transaction) -> Letter:
        return domain.compose(
            notice_id=one.notice_id,
            member_id=one.member_id,
            sender=self._sender,
            address=contact["email"],
            name=contact.get("name", ""),
            wording=one.word(domain.personal_words(contact)),
            locale=one.template.place.locale if one.template else "",
            at=tx.now,
        )

    async def _send(self, work: Round, connection: Connection, stop: asyncio.Event) -> list[Tried]:
        """One after the other, while there is a mail server, time left on the lease, and nobody wants to stop."""
        tried: list[Tried] = []
        patience = self._settings.mail_lease_seconds - self._settings.smtp_timeout_seconds * 3
        for mail in work.mails:
            late = tried and time.monotonic() - work.began > patience
            if stop.is_set() or late:
                break
            try:
                attempt = await _send_one(connection, mail.letter, stop)
            except ProviderDownError as error:
                self._gate.close(str(error))
                break
            self._gate.open()
            ATTEMPTS.labels(attempt.outcome).inc()
            tried.append(Tried(delivery=mail.delivery, attempt=attempt))
        return tried

    async def _record(self, work: Round, tried: Sequence[Tried], stop: asyncio.Event) -> None:
        """Until it is written: what was sent and not written down would be sent again."""
        untried = [mail.delivery for mail in work.mails[len(tried) :]]
        failures = 0
        while True:
            try:
                async with self._database.transaction() as tx:
                    results = await handlers.record(tx, work.lease, self._server.name, tried)
                    await settling.settle(
                        tx,
                        [
                            settling.Settled(notice_id=one.notice_id, state=one.state, reason=one.reason, tried=1)
                            for one in results
                        ],
                    )
                    await handlers.release(tx, work.lease, untried)
                return
            except DATABASE_DOWN as error:
                failures += 1
                self._log.error("what was sent cannot be written down", mails=len(tried), error=type(error).__name__)
                if stop.is_set() and failures >= RECORD_TRIES_WHEN_STOPPING:
                    raise
                await asyncio.sleep(min(failures, 10))


async def _send_one(connection: Connection, letter: Letter, stop: asyncio.Event) -> Attempt:
    """Wait for the answer; when the worker is to stop only a little longer, and then nobody knows."""
    began, started_at = time.perf_counter(), datetime.now(UTC)
    sending, stopping = asyncio.ensure_future(connection.send(letter)), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            await asyncio.wait({sending}, timeout=STOP_PATIENCE_SECONDS)
    finally:
        stopping.cancel()
        if not sending.done():
            sending.cancel()
    if sending.done():
        return sending.result()
    connection.abandon()
    return Attempt(
        outcome="unknown",
        code=0,
        answer="stopped before the server answered",
        started_at=started_at,
        duration_ms=round((time.perf_counter() - began) * 1000),
    )
