"""A letter is what a mail program can read, whatever stands in the facts; answers mean what SMTP says."""

import email
import email.policy
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from notify.channels.domain import (
    AddressRefusedError,
    Attempt,
    Letter,
    blames_provider,
    compose,
    envelope_address,
    next_step,
    outcome_of,
    pause_seconds,
    sender_of,
)
from notify.settings import Settings
from notify.templates.domain import Wording

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENDER = sender_of("茶友会, Ltd. <members@tea.example>")
printable = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


def letter(
    *, subject: str = "Hello", text: str = "Hello", html: str = "", name: str = "Li", to: str = "li@x.cn"
) -> Letter:
    wording = Wording(subject=subject, text=text, html=html)
    return compose(
        notice_id=UUID(int=7),
        member_id=uuid4(),
        sender=SENDER,
        address=to,
        name=name,
        wording=wording,
        locale="en",
        at=NOW,
    )


def read(made: Letter) -> EmailMessage:
    message = email.message_from_bytes(made.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@given(subject=printable, text=printable, html=printable, name=printable)
def test_any_text_arrives_as_it_was_and_adds_no_header(subject: str, text: str, html: str, name: str) -> None:
    message = read(letter(subject=subject, text=text, html=html, name=name))
    assert list(message.keys()) == [
        *("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "Auto-Submitted"),
        *("Content-Language", "MIME-Version", "Content-Type"),
        *([] if html else ["Content-Transfer-Encoding"]),
    ]
    plain = message.get_body(("plain",))
    assert plain is not None
    assert plain.get_payload(decode=True) == text.encode()
    page = message.get_body(("html",))
    assert (page is not None) == bool(html)
    if page is not None:
        assert page.get_payload(decode=True) == html.encode()
    assert message["To"].addresses[0].addr_spec == "li@x.cn"


@given(subject=st.text(alphabet="茶友会积分 abc+=?{}", max_size=200))
def test_a_subject_is_read_as_it_was_written(subject: str) -> None:
    made = letter(subject=subject)
    assert str(read(made)["Subject"]) == subject.strip()
    lines = made.content.partition(b"Subject: ")[2].partition(b"\r\nDate: ")[0].split(b"\r\n")
    assert all(len(line) <= 76 for line in lines)


def test_lines_end_as_smtp_wants_and_all_is_ascii() -> None:
    made = letter(text="一行\n二行\r\n三行", html="<p>茶</p>" * 100)
    assert made.content.isascii()
    assert made.content.count(b"\n") == made.content.count(b"\r\n")
    assert max(len(line) for line in made.content.split(b"\r\n")) <= 140


def test_the_message_id_is_the_notices_own() -> None:
    assert read(letter())["Message-ID"] == read(letter(text="again"))["Message-ID"] == f"<{UUID(int=7)}@tea.example>"


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("li@example.com", "li@example.com"),
        (" li+tea@Example.COM ", "li+tea@example.com"),
        ("li@茶.cn", "li@xn--cl1a.cn"),
    ],
)
def test_addresses_are_written_as_smtp_wants(address: str, written: str) -> None:
    assert envelope_address(address) == written


@pytest.mark.parametrize(
    "address",
    ["", "li", "@x.cn", "li@", "li@x..cn", "li@-x.cn", "l i@x.cn", "<li@x.cn>", "li@x.cn\r\nRCPT TO:<a@b>",
     "a@b@c", "李@x.cn", "li@[127.0.0.1]", "x" * 65 + "@x.cn", "li@" + "x." * 130 + "cn", "li;drop@x cn"],
)  # fmt: skip
def test_addresses_that_could_harm_are_refused(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        envelope_address(address)


@given(st.text())
def test_no_address_smuggles_a_command(address: str) -> None:
    try:
        written = envelope_address(address)
    except AddressRefusedError:
        return
    assert written.isascii()
    assert not set(written) & set(" \r\n<>\x00")


def attempt(outcome: str) -> Attempt:
    return Attempt(outcome=outcome, code=0, answer="", started_at=NOW, duration_ms=1)  # type: ignore[arg-type]


def test_waits_grow_and_end() -> None:
    steps = [next_step(attempt("temporary"), tries, NOW) for tries in range(1, 6)]
    waits = [step.due_at - NOW if step.due_at else None for step in steps]
    assert waits == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), None]
    assert [step.state for step in steps] == ["queued"] * 4 + ["failed"]
    assert next_step(attempt("permanent"), 1, NOW).state == "failed"
    assert next_step(attempt("sent"), 5, NOW).state == "sent"
    assert next_step(attempt("unknown"), 1, NOW).state == "queued"


def test_answers_mean_what_their_first_digit_says() -> None:
    assert [outcome_of(code) for code in (250, 251, 450, 452, 550, 554)] == [
        *("sent", "sent", "temporary", "temporary", "permanent", "permanent")
    ]
    assert blames_provider("sender", 550)
    assert blames_provider("sender", 421)
    assert not blames_provider("recipient", 421)
    assert not blames_provider("sender", 552)
    assert not blames_provider("recipient", 550)


def test_pauses_double_up_to_a_minute() -> None:
    assert [pause_seconds(failures) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"mail_from": "nobody"}, "mail_from"),
        ({"unsubscribe_url": "https://x/<y>"}, "unsubscribe_url"),
        ({"smtp_starttls": True, "smtp_tls": True}, "SMTP_STARTTLS"),
        ({"mail_lease_seconds": 10, "smtp_timeout_seconds": 20}, "MAIL_LEASE_SECONDS"),
        ({"notice_stale_after_hours": -1}, "notice_stale_after_hours"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Settings(database_url=SecretStr("postgresql://x"), **wrong)  # type: ignore[arg-type]
