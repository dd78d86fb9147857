"""Mail servers that refuse, vanish, hang or want something else; workers that end in the middle."""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from common.runtime.service import Context
from common.security.cipher import Cipher
from common.storage import Database
from notify.channels import handlers
from notify.channels.sender import PostOffice
from notify.channels.smtp import Connection
from notify.dispatch import settling
from notify.dispatch.handlers import points_earned
from notify.preferences import rotation
from tests.notify import events as story
from tests.notify.channels.mailserver import MailServer, hang_up, mail_server
from tests.notify.conftest import Office
from tests.notify.events import MASTER_KEYS, earned, handled, member, outcome_of, rows, told

ADDRESS = "li@example.com"


async def queued(database: Database, *addresses: str) -> None:
    members = [await member(database, email=address) for address in addresses or (ADDRESS,)]
    await handled(database, points_earned, *(earned(who) for who in members))


async def send(post: PostOffice) -> int:
    connection = Connection(post._server)
    try:
        return await post.round(connection, asyncio.Event())
    finally:
        await connection.close()


async def attempts(database: Database) -> list[tuple[str, int]]:
    return [(row["outcome"], row["code"]) for row in await rows(database, "SELECT * FROM attempts ORDER BY started_at")]


async def waiting(database: Database) -> list[tuple[int, int]]:
    """(tries, minutes until it is due) of each mail in the queue."""
    found = await rows(database, "SELECT tries, extract(epoch FROM due_at - now()) / 60 AS minutes FROM deliveries")
    return [(row["tries"], round(row["minutes"])) for row in found]


async def make_due(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("UPDATE deliveries SET due_at = now() - interval '1 second'")


async def test_a_refusal_for_now_is_tried_again_with_growing_waits_and_then_fails(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    mails.on_text = lambda _: "451 4.7.1 greylisted, try again"
    await queued(notify_database)
    post, waits = office(), []
    for _ in range(5):
        await send(post)
        waits += await waiting(notify_database)
        await make_due(notify_database)
    assert waits == [(1, 1), (2, 5), (3, 30), (4, 120)]
    assert await attempts(notify_database) == [("temporary", 451)] * 5
    assert await outcome_of(notify_database, "email") == [("failed", "4.7.1 greylisted, try again")]
    assert (await told(notify_database))[-1] == ("notice.failed.v1", "email")
    assert await send(post) == 0


async def test_a_refusal_for_now_that_ends_is_sent(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    mails.on_recipient = lambda _: "450 mailbox busy"
    await queued(notify_database)
    await send(office())
    mails.on_recipient = lambda _: "250 OK"
    await make_due(notify_database)
    await send(office())
    assert await attempts(notify_database) == [("temporary", 450), ("sent", 250)]
    notice = (await story.notices(notify_database, "email"))[0]
    assert (notice["state"], notice["reason"], notice["attempts"]) == ("sent", "", 2)


@pytest.mark.parametrize("stage", ["on_recipient", "on_text"])
async def test_a_refusal_for_good_fails_at_once_and_spares_the_others(
    notify_database: Database, mails: MailServer, office: Office, stage: str
) -> None:
    setattr(mails, stage, lambda address: "550 no such user" if address == ADDRESS else "250 OK")
    await queued(notify_database, ADDRESS, "ok@example.com")
    await send(office())
    assert mails.addresses == ["ok@example.com"]
    assert sorted(await outcome_of(notify_database, "email")) == [("failed", "no such user"), ("sent", "")]
    assert mails.connections == 1


async def test_a_failed_notice_is_sent_again_when_somebody_asks(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    mails.on_text = lambda _: "554 no"
    await queued(notify_database)
    await send(office())
    notice = (await story.notices(notify_database, "email"))[0]
    mails.on_text = lambda _: "250 OK"
    async with notify_database.transaction() as tx:
        await settling.resend(tx, story.STAFF, notice["notice_id"])
    await send(office())
    assert await attempts(notify_database) == [("permanent", 554), ("sent", 250)]
    assert await outcome_of(notify_database, "email") == [("sent", "")]


async def run_until(post: PostOffice, done: Any, seconds: float = 15) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(post.run(stop))
    try:
        async with asyncio.timeout(seconds):
            while not await done():
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await running


async def test_a_server_that_is_away_costs_no_attempt(notify_database: Database, office: Office) -> None:
    async with mail_server() as gone:
        port = gone.port
    await queued(notify_database, ADDRESS, "ok@example.com")
    post, server = office(smtp_port=port), MailServer()

    async def come_back() -> None:
        await asyncio.sleep(1.5)
        assert await attempts(notify_database) == []
        assert {tries for tries, _ in await waiting(notify_database)} == {0}
        async with mail_server(port, server):
            await asyncio.sleep(6)

    async def sent() -> bool:
        return len(server.received) == 2 and not await waiting(notify_database)

    back = asyncio.create_task(come_back())
    await run_until(post, sent)
    back.cancel()
    with suppress(asyncio.CancelledError):
        await back
    assert await attempts(notify_database) == [("sent", 250)] * 2


@pytest.mark.parametrize("answer", ["421 closing", "550 sender not welcome", "451 not today", "drop", "hang"])
async def test_what_is_said_of_us_is_not_held_against_the_mail(
    notify_database: Database, mails: MailServer, office: Office, answer: str
) -> None:
    mails.on_sender = lambda _: answer
    await queued(notify_database)
    await send(office(smtp_timeout_seconds=0.3))
    assert await attempts(notify_database) == []
    assert await waiting(notify_database) == [(0, 0)]
    mails.on_sender = lambda _: "250 OK"
    await send(office())
    assert mails.addresses == [ADDRESS]


async def test_a_mail_too_big_for_the_server_fails_alone(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    mails.on_sender = lambda _: "552 message size exceeds fixed limit"
    await queued(notify_database)
    await send(office())
    assert await outcome_of(notify_database, "email") == [("failed", "message size exceeds fixed limit")]


@pytest.mark.parametrize("answer", ["drop", "hang"])
async def test_a_connection_that_breaks_after_the_text_leaves_an_unknown_attempt(
    notify_database: Database, mails: MailServer, office: Office, answer: str
) -> None:
    mails.on_text = lambda address: answer if address == ADDRESS else "250 OK"
    await queued(notify_database, ADDRESS, "ok@example.com")
    await send(office(smtp_timeout_seconds=0.3))
    assert mails.addresses == ["ok@example.com"]
    assert sorted(await attempts(notify_database)) == [("sent", 250), ("unknown", 0)]
    assert await waiting(notify_database) == [(1, 1)]


@pytest.mark.parametrize("answer", ["drop", "hang"])
async def test_a_connection_that_breaks_at_the_recipient_is_tried_again_later(
    notify_database: Database, mails: MailServer, office: Office, answer: str
) -> None:
    mails.on_recipient = lambda address: answer if address == ADDRESS else "250 OK"
    await queued(notify_database, ADDRESS, "ok@example.com")
    await send(office(smtp_timeout_seconds=0.3))
    assert mails.addresses == ["ok@example.com"]
    assert sorted(await attempts(notify_database)) == [("sent", 250), ("temporary", 0)]


async def test_a_server_that_closes_over_one_mail_takes_the_others(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    mails.on_recipient = lambda address: "421 closing" if address == ADDRESS else "250 OK"
    await queued(notify_database, ADDRESS, "ok@example.com")
    await send(office())
    assert mails.addresses == ["ok@example.com"]
    assert sorted(await attempts(notify_database)) == [("sent", 250), ("temporary", 421)]


async def test_an_idle_connection_that_was_closed_is_opened_again(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    post = office()
    connection = Connection(post._server)
    for address in ("one@example.com", "two@example.com"):
        await queued(notify_database, address)
        await post.round(connection, asyncio.Event())
        hang_up(mails)
    assert mails.addresses == ["one@example.com", "two@example.com"]
    assert await attempts(notify_database) == [("sent", 250)] * 2
    assert mails.connections == 2
    await connection.close()


async def test_a_killed_worker_leaves_its_mails_to_the_next_with_the_same_message_id(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    await queued(notify_database)
    post = office()
    async with notify_database.transaction() as tx:
        work = await post._take(tx)
    connection = Connection(post._server)
    await connection.send(work.mails[0].letter)  # and then the power went
    await connection.close()
    assert await send(post) == 0
    await make_due(notify_database)
    await send(post)
    assert len(mails.received) == 2
    assert len({message["Message-ID"] for _, message in mails.received}) == 1
    assert await attempts(notify_database) == [("unknown", 0), ("sent", 250)]
    assert await outcome_of(notify_database, "email") == [("sent", "")]


async def test_a_mail_that_kills_every_worker_is_given_up(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    await queued(notify_database)
    post = office()
    for _ in range(7):
        async with notify_database.transaction() as tx:
            await post._take(tx)
        await make_due(notify_database)
    assert await outcome_of(notify_database, "email") == [("failed", "interrupted too often")]
    assert await waiting(notify_database) == []


async def test_what_was_sent_is_written_down_though_the_database_stumbles(
    notify_database: Database, mails: MailServer, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(notify_database)
    real, failures = handlers.record, [OperationalError("INSERT", {}, OSError("gone"))]

    async def record(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return await real(*arguments)

    monkeypatch.setattr(handlers, "record", record)
    await send(office())
    assert await attempts(notify_database) == [("sent", 250)]
    assert await outcome_of(notify_database, "email") == [("sent", "")]


async def test_a_worker_that_is_asked_to_stop_gives_back_what_it_did_not_send(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    stop = asyncio.Event()

    def answer(_: str) -> str:
        if len(mails.received) == 2:
            stop.set()
        return "250 OK"

    mails.on_text = answer
    await queued(notify_database, *(f"m{number}@example.com" for number in range(10)))
    await asyncio.wait_for(office(smtp_connections=1).run(stop), 5)
    assert len(mails.received) == 3
    assert await waiting(notify_database) == [(0, 0)] * 7
    assert await attempts(notify_database) == [("sent", 250)] * 3


async def test_encryption_that_is_demanded_and_not_offered_means_no_mail(
    notify_database: Database, mails: MailServer, office: Office
) -> None:
    await queued(notify_database)
    await send(office(smtp_starttls=True))
    assert mails.received == []
    assert await waiting(notify_database) == [(0, 0)]
    assert await attempts(notify_database) == []


def certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize(
    ("password", "verify", "sent"), [("secret", False, 1), ("wrong", False, 0), ("secret", True, 0)]
)
async def test_log_in_happens_over_an_encrypted_and_verified_connection(
    notify_database: Database, office: Office, tmp_path: Path, password: str, verify: bool, sent: int
) -> None:
    await queued(notify_database)
    async with mail_server(tls_context=certificate(tmp_path), require_starttls=True, auth_required=True) as server:
        post = office(
            smtp_port=server.port,
            smtp_starttls=True,
            smtp_user="notify",
            smtp_password=SecretStr(password),
            smtp_verify_certificates=verify,
        )
        await send(post)
    assert len(server.received) == sent
    assert server.encrypted == [True] * sent
    assert await attempts(notify_database) == [("sent", 250)] * sent
    assert server.users[:1] == ([] if verify else ["notify"])


async def test_data_keys_follow_a_new_master_key(notify_database: Database, mails: MailServer, office: Office) -> None:
    await queued(notify_database)
    keys = SecretStr(f"k2:{'A' * 43},{MASTER_KEYS}")
    post = office(master_keys=keys)
    stop, context = asyncio.Event(), Context(service="notify", settings=post._settings, database=notify_database)
    running = asyncio.create_task(rotation.run(context, stop))
    async with asyncio.timeout(5):
        while await rows(notify_database, "SELECT key_id FROM data_keys") != [{"key_id": "k2"}]:
            await asyncio.sleep(0.02)
    stop.set()
    await running
    await send(PostOffice(notify_database, Cipher.of(post._settings), post._settings))
    assert mails.addresses == [ADDRESS]
