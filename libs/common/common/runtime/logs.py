"""Logs: one JSON object per line on standard output.

Every line has `time` (RFC 3339, UTC), `level`, `service`, `event` (what happened, in words), and `trace_id` when there
is one. The standard library's logging comes out the same way. Personal data and secrets do not come out at all.
"""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, Protocol, cast

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from common.trace_context import current, trace_id_of

MASKED = "***"
PRIVATE = frozenset(
    {
        *(
            "phone",
            "mobile",
            "email",
            "e_mail",
            "mail_to",
            "recipient",
            "address",
            "birthday",
            "id_number",
            "card_number",
        ),
        *(
            "openid",
            "unionid",
            "password",
            "passphrase",
            "pin",
            "authorization",
            "token",
            "access_token",
            "refresh_token",
        ),
        *("client_secret", "secret", "master_key", "master_keys", "cookie", "api_key", "private_key"),
    }
)
MAX_DEPTH = 6
MAX_TEXT = 20_000

_CREDENTIALS = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_BEARER = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]+")
_DATABASE_VALUES = re.compile(r"\[parameters: .*?\](?=\s*(?:\(Background|\n|$))|(?<=DETAIL:)[^\n]*", re.DOTALL)
_PHONE = re.compile(r"(?<![\w-])(\+?86)?1[3-9]\d{9}(?![\w-])")
_QUIET = {
    "aio_pika": "warning",
    "aiormq": "warning",
    "httpx": "warning",
    "httpcore": "warning",
    "uvicorn.error": "warning",
    "uvicorn.access": "error",
}


class Handled(Protocol):
    """What a log line says of an event: `common.events.Event` has it."""

    @property
    def type(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def traceparent(self) -> str: ...
    @property
    def time(self) -> datetime: ...
    @property
    def attempt(self) -> int: ...


_out: BinaryIO | None = None
_service = ""
_level = logging.INFO


def configure(service: str, *, level: str = "info", out: BinaryIO | None = None) -> None:
    """Send all logs of this process to `out` (standard output), naming `service` in each line."""
    global _out, _service, _level
    _out, _service = out or cast(BinaryIO, sys.stdout.buffer), service
    _level = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            _say_when_who_and_trace,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            mask,
            _to_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level),
        logger_factory=structlog.BytesLoggerFactory(_out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_IntoStructlog()]
    root.setLevel(_level)
    for name, at_least in _QUIET.items():
        logging.getLogger(name).setLevel(max(_level, logging.getLevelNamesMapping()[at_least.upper()]))
    logging.captureWarnings(True)


def logger(component: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that says which part of the process speaks: `log.info("queue is empty", queue=…)`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(component=component))


def log_events(events: Iterable[tuple[Handled, str]], *, now: datetime, service: str = "") -> None:
    """One `handled` line per (event, outcome) of a batch, all in one write; `now` is when the batch was committed.

    This is on the hot path: it does not pass through structlog and carries nothing that would need masking.
    """
    if _level > logging.INFO:
        return
    when, name, until = _rfc3339(now), service or _service, now.timestamp()
    dumps, newline = orjson.dumps, orjson.OPT_APPEND_NEWLINE
    lines = [
        dumps(
            {
                "time": when,
                "level": "info",
                "service": name,
                "event": "handled",
                "trace_id": event.traceparent[3:35],
                "type": event.type,
                "event_id": event.id,
                "source": event.source,
                "subject": event.subject,
                "outcome": outcome,
                "attempt": event.attempt,
                "lag_ms": int((until - event.time.timestamp()) * 1000),
            },
            None,
            newline,
        )
        for event, outcome in events
    ]
    if lines:
        out = _out or sys.stdout.buffer
        out.write(b"".join(lines))
        out.flush()


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _say_when_who_and_trace(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    head: dict[str, Any] = {
        "time": _rfc3339(datetime.now(UTC)),
        "level": line.pop("level", "info"),
        "service": _service,
        "event": line.pop("event", ""),
    }
    if trace_id := line.pop("trace_id", "") or trace_id_of(current.get()):
        head["trace_id"] = trace_id
    return head | dict(line)


def mask(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    """Hide what is personal or secret: by the name of the field at any depth, in free text by its form."""
    return cast(EventDict, _masked(line, 0))


def _masked(value: object, depth: int) -> object:
    if isinstance(value, str):
        return scrub(value) if len(value) >= 7 else value
    if depth >= MAX_DEPTH:
        return MASKED if isinstance(value, (Mapping, list, tuple, set)) else value
    if isinstance(value, Mapping):
        return {
            str(key): MASKED if str(key).lower().replace("-", "_") in PRIVATE else _masked(inner, depth + 1)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(inner, depth + 1) for inner in value]
    return value


def scrub(text: str) -> str:
    """Free text without credentials, e-mail addresses, bearer tokens, mobile numbers and a statement's values."""
    text = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"
    if "@" in text:
        text = _MAIL.sub(MASKED, _CREDENTIALS.sub(rf"\1{MASKED}@", text))
    if "[parameters: " in text or "DETAIL:" in text:
        text = _DATABASE_VALUES.sub(MASKED, text)
    return _PHONE.sub(MASKED, _BEARER.sub(rf"\1{MASKED}", text))


def _to_line(_: WrappedLogger, __: str, line: EventDict) -> bytes:
    return orjson.dumps(line, default=_plain, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)[:-1]


def _plain(value: object) -> str:
    return scrub(value.decode("utf-8", "replace")) if isinstance(value, bytes) else scrub(str(value))


class _IntoStructlog(logging.Handler):
    """Records of the standard library, as lines like all others."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line: dict[str, Any] = {
                "event": record.getMessage(),
                "level": record.levelname.lower(),
                "component": record.name,
            }
            if record.exc_info and record.exc_info[0] is not None:
                line["exc_info"] = record.exc_info
            line = dict(structlog.contextvars.merge_contextvars(None, "", line))
            line = dict(_say_when_who_and_trace(None, "", line))
            line = dict(structlog.processors.format_exc_info(None, "", line))
            out = _out or sys.stdout.buffer
            out.write(_to_line(None, "", mask(None, "", line)) + b"\n")
            out.flush()
        except Exception:  # a log line must never be the reason why something fails
            self.handleError(record)
