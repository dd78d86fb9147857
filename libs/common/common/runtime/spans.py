"""Spans that have already happened, handed to the OpenTelemetry SDK under identifiers of our own."""

from collections.abc import Mapping, Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

EXPORT_TIMEOUT_SECONDS = 5
EXPORT_EVERY_MILLISECONDS = 1000
MAX_WAITING_SPANS = 8192

KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class _GivenIds(IdGenerator):
    """Gives the SDK the identifiers that already travelled with the message."""

    trace_id = 1
    span_id = 1

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class Exporter:
    """Sends spans to `<endpoint>/v1/traces` from a thread of its own; drops them when it falls behind."""

    def __init__(self, service: str, endpoint: str) -> None:
        self._ids = _GivenIds()
        resource = Resource.create({"service.name": service, "service.namespace": "loyalty"})
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter, max_queue_size=MAX_WAITING_SPANS, schedule_delay_millis=EXPORT_EVERY_MILLISECONDS
            )
        )
        self._tracer = self._provider.get_tracer("loyalty")

    def record(
        self,
        name: str,
        own: str,
        parent: str,
        lasted_ns: tuple[int, int],
        *,
        kind: str,
        attributes: Mapping[str, str | int] | None = None,
        links: Sequence[str] = (),
        error: BaseException | None = None,
    ) -> None:
        """Record one span. `own`, `parent` ("": none) and `links` are traceparents; `lasted_ns` is from and to."""
        self._ids.trace_id, self._ids.span_id = int(own[3:35], 16), int(own[36:52], 16)
        context = trace.set_span_in_context(NonRecordingSpan(_context(parent))) if parent else Context()
        span = self._tracer.start_span(
            name,
            context=context,
            kind=KINDS[kind],
            attributes=attributes,
            links=[Link(_context(link)) for link in links],
            start_time=lasted_ns[0],
        )
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        span.end(end_time=lasted_ns[1])

    def shutdown(self) -> None:
        self._provider.shutdown()


def _context(traceparent: str) -> SpanContext:
    return SpanContext(
        trace_id=int(traceparent[3:35], 16),
        span_id=int(traceparent[36:52], 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
