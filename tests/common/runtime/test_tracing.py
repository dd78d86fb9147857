"""Spans reach an OTLP/HTTP receiver under the identifiers that travel with the messages."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from common.runtime import tracing
from common.runtime.web import Observed
from common.storage import Database
from common.trace_context import current, new_traceparent, trace_id_of
from tests.common.messaging.conftest import SHORT, Bench, envelope_of, purchase, until
from tests.servers import Vhost


class Receiver:
    """A real OTLP/HTTP receiver on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        kept = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["content-length"]))
                kept.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def spans(self) -> dict[str, Any]:
        """Everything received, by span name; sends what is waiting first."""
        tracing.shutdown()
        return {
            span.name: span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    tracing.shutdown()
    made.close()


def span_id(traceparent: str) -> str:
    return traceparent[36:52]


def test_one_purchase_is_one_tree_from_publisher_to_receiver(receiver: Receiver) -> None:
    tracing.configure("points", endpoint=receiver.endpoint, sample_ratio=1)
    purchase = new_traceparent()
    with tracing.batch_span("points", "points.main", [(purchase, "purchase.completed.v1")]):
        earned = tracing.child_of(purchase)
        tracing.emitted(earned, cause=purchase, service="points")
    tracing.published(earned, exchange="loyalty.events", event_type="points.earned.v1", started_ns=time.time_ns())
    spans = receiver.spans()
    process, publish = spans["process purchase.completed.v1"], spans["publish points.earned.v1"]
    assert process.trace_id.hex() == publish.trace_id.hex() == trace_id_of(purchase)
    assert process.parent_span_id.hex() == span_id(purchase)
    assert publish.parent_span_id == process.span_id
    assert publish.span_id.hex() == span_id(earned), "whoever handles points.earned is its child"
    assert spans["batch points.main"].links[0].span_id.hex() == span_id(purchase)


def test_the_service_is_named_and_times_make_sense(receiver: Receiver) -> None:
    tracing.configure("notify", endpoint=receiver.endpoint, sample_ratio=1)
    with tracing.span("job ledger.check") as attributes:
        attributes["rows"] = 3
    span = receiver.spans()["job ledger.check"]
    assert 0 <= span.end_time_unix_nano - span.start_time_unix_nano < 1_000_000_000
    assert [(pair.key, pair.value.int_value) for pair in span.attributes] == [("rows", 3)]
    resource = receiver.requests[0].resource_spans[0].resource
    assert {pair.key: pair.value.string_value for pair in resource.attributes}["service.name"] == "notify"


def test_a_failed_batch_marks_its_spans(receiver: Receiver) -> None:
    tracing.configure("points", endpoint=receiver.endpoint, sample_ratio=1)
    with pytest.raises(ZeroDivisionError), tracing.batch_span("points", "points.main", [(new_traceparent(), "a.b.v1")]):
        raise ZeroDivisionError
    assert receiver.spans()["process a.b.v1"].status.message == "ZeroDivisionError"


def test_all_services_keep_the_same_traces(receiver: Receiver) -> None:
    kept: list[set[str]] = []
    traces = [new_traceparent() for _ in range(2000)]
    for service in ("points", "notify"):
        tracing.configure(service, endpoint=receiver.endpoint, sample_ratio=0.1)
        kept.append({trace for trace in traces if tracing.sampled(tracing.child_of(trace))})
    assert kept[0] == kept[1]
    assert 100 < len(kept[0]) < 320


def test_a_trace_its_sender_did_not_sample_is_not_exported(receiver: Receiver) -> None:
    tracing.configure("points", endpoint=receiver.endpoint, sample_ratio=1)
    assert not tracing.sampled(new_traceparent()[:-2] + "00")


def test_without_a_receiver_ids_travel_and_nothing_is_recorded() -> None:
    tracing.shutdown()
    purchase = new_traceparent()
    with tracing.batch_span("points", "points.main", [(purchase, "a.b.v1")]), tracing.span("job") as attributes:
        attributes["x"] = 1
        assert trace_id_of(current.get())
    assert trace_id_of(tracing.child_of(purchase)) == trace_id_of(purchase)
    assert not tracing.sampled(purchase)


def test_a_receiver_that_is_down_does_not_disturb() -> None:
    tracing.configure("points", endpoint="http://127.0.0.1:9", sample_ratio=1)
    with tracing.span("job"):
        pass
    started = time.monotonic()
    tracing.shutdown()
    assert time.monotonic() - started < 15


async def test_a_request_continues_its_callers_trace(receiver: Receiver) -> None:
    tracing.configure("points", endpoint=receiver.endpoint, sample_ratio=1)
    caller, seen = new_traceparent(), ""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal seen
        seen = current.get()
        scope["route"] = type("Route", (), {"path": "/v1/things/{thing_id}"})
        await send({"type": "http.response.start", "status": 409, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        return

    scope = {"type": "http", "method": "POST", "path": "/v1/things/7", "headers": [(b"traceparent", caller.encode())]}
    await Observed(app, service="points")(scope, None, send)  # type: ignore[arg-type]
    span = receiver.spans()["POST /v1/things/{thing_id}"]
    assert span.trace_id.hex() == trace_id_of(caller) == trace_id_of(seen)
    assert (span.parent_span_id.hex(), span.span_id.hex()) == (span_id(caller), span_id(seen))
    assert current.get() == ""


async def test_consumer_and_relay_tell_of_a_purchase_as_one_tree(
    receiver: Receiver, database: Database, make_vhost: Callable[..., Awaitable[Vhost]]
) -> None:
    tracing.configure("points", endpoint=receiver.endpoint, sample_ratio=1)
    bench = Bench(database=database, vhost=await make_vhost(delays=SHORT))
    await bench.publish(envelope_of(purchase("o1")))
    async with bench.running(), bench.relaying():
        await until(bench.effects)
        await until(lambda: _is_published(bench))
    spans = await asyncio.to_thread(receiver.spans)
    process, publish = spans["process purchase.completed.v1"], spans["publish points.earned.v1"]
    assert process.parent_span_id.hex() == "b" * 16, "the shop's own span"
    assert publish.parent_span_id == process.span_id
    assert process.trace_id == publish.trace_id


async def _is_published(bench: Bench) -> bool:
    return bool(await bench.value("SELECT count(*) = 0 FROM outbox"))
