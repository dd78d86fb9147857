"""OpenTelemetry spans, where somebody collects them. Trace ids travel regardless: `common.trace_context` makes them.

Spans are recorded after the fact, under the identifiers that travelled with the messages, and only when
`OTEL_EXPORTER_OTLP_ENDPOINT` is set and the trace is among the sampled ones. Which traces are sampled follows from the
trace id alone, so all services keep the same ones:

    publish (relay) → process (consumer, one per service) → publish (relay) → process …
"""

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

from common.trace_context import child_of, current, new_traceparent, trace_id_of, valid

if TYPE_CHECKING:
    from common.runtime.spans import Exporter

__all__ = [
    "batch_span",
    "child_of",
    "configure",
    "current",
    "new_traceparent",
    "published",
    "shutdown",
    "span",
    "trace_id_of",
    "valid",
]

MAX_SPANS_PER_BATCH = 64
MAX_REMEMBERED = 20_000

_exporter: "Exporter | None" = None
_sampled_below = 0
_parents: OrderedDict[str, str] = OrderedDict()


def configure(service: str, *, endpoint: str, sample_ratio: float) -> None:
    """Start exporting spans of `service` to the OTLP/HTTP receiver at `endpoint`; "" exports nothing.

    `sample_ratio` (0–1) is the share of traces that is kept.
    """
    global _exporter, _sampled_below
    shutdown()
    if endpoint:
        from common.runtime.spans import Exporter  # the SDK is paid for only by those who export

        _exporter, _sampled_below = Exporter(service, endpoint), int(sample_ratio * (1 << 56))


def shutdown() -> None:
    """Send what is still waiting (a few seconds at most) and stop exporting."""
    global _exporter
    exporter, _exporter = _exporter, None
    _parents.clear()
    if exporter is not None:
        exporter.shutdown()


def sampled(traceparent: str | None) -> bool:
    """Whether spans of this trace are exported by this process."""
    if _exporter is None or not traceparent or not valid(traceparent):
        return False
    return traceparent[54] in "13579bdf" and int(traceparent[21:35], 16) < _sampled_below


def process_span_of(traceparent: str, service: str) -> str:
    """The span under which `service` handles the message that carries `traceparent`.

    Derived, not drawn, so that what a handler emits can name its parent without anything being handed around.
    """
    span_id = blake2b(f"{traceparent[36:52]}{service}".encode(), digest_size=8).hexdigest()
    return f"{traceparent[:36]}{span_id}{traceparent[52:]}"


def exporting() -> bool:
    """Whether anybody collects spans; where not, nothing needs to be gathered for them."""
    return _exporter is not None


def emitted(own: str, *, cause: str, service: str) -> None:
    """Remember that the event with traceparent `own` was emitted because of `cause`, for its publish span."""
    if sampled(own):
        above = process_span_of(cause, service) if cause else current.get()
        _parents[own] = above if valid(above) else ""
        if len(_parents) > MAX_REMEMBERED:
            _parents.popitem(last=False)


@contextmanager
def batch_span(service: str, queue: str, messages: Sequence[tuple[str, str]] = ()) -> Iterator[list[tuple[str, str]]]:
    """One span around the handling of a batch, and a `process` span for each sampled message (64 of them at most).

    Yields the list of (traceparent, event type) that these are made from, to be added to once the messages are
    decoded; with nothing exported whatever is in it costs nothing more.
    """
    seen = list(messages)
    if _exporter is None:
        yield seen
        return
    started, error = time.time_ns(), None
    try:
        yield seen
    except BaseException as raised:
        error = raised
        raise
    finally:
        wanted = [message for message in seen if sampled(message[0])][:MAX_SPANS_PER_BATCH]
        if wanted:
            _record_batch(service, queue, wanted, len(seen), started, error)


def _record_batch(
    service: str, queue: str, wanted: Sequence[tuple[str, str]], size: int, started: int, error: BaseException | None
) -> None:
    exporter, ended = _exporter, time.time_ns()
    if exporter is None:
        return
    described: dict[str, str | int] = {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "process",
        "messaging.destination.name": queue,
    }
    batch = new_traceparent()
    exporter.record(
        f"batch {queue}",
        batch,
        "",
        (started, ended),
        kind="consumer",
        attributes=described | {"messaging.batch.message_count": size},
        links=[traceparent for traceparent, _ in wanted],
        error=error,
    )
    for traceparent, event_type in wanted:
        exporter.record(
            f"process {event_type}",
            process_span_of(traceparent, service),
            traceparent,
            (started, ended),
            kind="consumer",
            attributes=described | {"loyalty.event.type": event_type},
            links=[batch],
            error=error,
        )


def published(traceparent: str, *, exchange: str, event_type: str, started_ns: int) -> None:
    """Record that the relay published an event, confirmed now; `started_ns` as of `time.time_ns()`."""
    if _exporter is None or not sampled(traceparent):
        return
    _exporter.record(
        f"publish {event_type}",
        traceparent,
        _parents.pop(traceparent, ""),
        (started_ns, time.time_ns()),
        kind="producer",
        attributes={
            "messaging.system": "rabbitmq",
            "messaging.operation.type": "send",
            "messaging.destination.name": exchange,
            "messaging.rabbitmq.destination.routing_key": event_type,
        },
    )


@contextmanager
def span(name: str, *, parent: str = "", kind: str = "internal") -> Iterator[dict[str, str | int]]:
    """A span around a request (kind "server") or a job, current for the task while it lasts.

    `parent` is the caller's traceparent. Yields the attributes, to be added to; "name" among them renames the span. An
    exception is recorded and passes through.
    """
    above = parent if valid(parent) else current.get()
    own = child_of(above)
    token = current.set(own)
    attributes: dict[str, str | int] = {}
    started, error = time.time_ns(), None
    try:
        yield attributes
    except BaseException as raised:
        error = raised
        raise
    finally:
        current.reset(token)
        if sampled(own):
            _record(str(attributes.pop("name", name)), own, above, started, kind, attributes, error)


def _record(
    name: str,
    own: str,
    above: str,
    started: int,
    kind: str,
    attributes: Mapping[str, str | int],
    error: BaseException | None,
) -> None:
    if _exporter is not None:
        _exporter.record(name, own, above, (started, time.time_ns()), kind=kind, attributes=attributes, error=error)
