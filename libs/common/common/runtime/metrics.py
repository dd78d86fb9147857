"""What a service counts, for Prometheus. Names are stable: dashboards and alerts are built on them.

The functions are called once per batch, request or round, never once per message.
"""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

REGISTRY = CollectorRegistry()
CONTENT_TYPE = CONTENT_TYPE_LATEST
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LAG = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)

EVENTS = Counter(
    "loyalty_events_total",
    "Events taken from the queue, by what came of them",
    ["service", "type", "outcome"],
    registry=REGISTRY,
)
BATCH_EVENTS = Histogram(
    "loyalty_batch_events",
    "Events in a batch",
    ["service"],
    buckets=(1, 5, 10, 25, 50, 100, 200, 300, 400, 500, 1000),
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "loyalty_batch_seconds",
    "From the first message of a batch to its acknowledgement",
    ["service"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
BATCH_LAG_SECONDS = Histogram(
    "loyalty_batch_lag_seconds",
    "Age of the oldest event of a batch when it was committed",
    ["service"],
    buckets=_LAG,
    registry=REGISTRY,
)
LAG_SECONDS = Gauge(
    "loyalty_lag_seconds", "Age of the oldest event of the latest batch when committed", ["service"], registry=REGISTRY
)
BATCH_RETRIES = Counter(
    "loyalty_batch_retries_total",
    "Batches done again, by why: deadlock, serialization, connection, bisect …",
    ["service", "reason"],
    registry=REGISTRY,
)
CONSUMER_RUNNING = Gauge(
    "loyalty_consumer_running", "1 while the consumer takes messages", ["service"], registry=REGISTRY
)
CONSUMER_RESTARTS = Counter(
    "loyalty_consumer_restarts_total",
    "Times the consumer had to begin anew, by why",
    ["service", "reason"],
    registry=REGISTRY,
)
PUBLISHED = Counter(
    "loyalty_published_total",
    "Events published from the outbox, by what came of it",
    ["service", "outcome"],
    registry=REGISTRY,
)
OUTBOX_EVENTS = Gauge("loyalty_outbox_events", "Events waiting to be published", ["service"], registry=REGISTRY)
OUTBOX_OLDEST_SECONDS = Gauge(
    "loyalty_outbox_oldest_seconds", "Age of the oldest event waiting to be published", ["service"], registry=REGISTRY
)
DEAD_LETTERS_OPEN = Gauge(
    "loyalty_dead_letters_open", "Dead letters nobody has decided on", ["service"], registry=REGISTRY
)
DEAD_LETTERS = Counter(
    "loyalty_dead_letters_total", "Dead letters taken from the queue into the table", ["service"], registry=REGISTRY
)
SCHEDULE_RUNS = Counter(
    "loyalty_schedule_runs_total", "Runs of timed jobs", ["service", "job", "outcome"], registry=REGISTRY
)
SCHEDULE_SECONDS = Histogram(
    "loyalty_schedule_seconds",
    "Duration of timed jobs",
    ["service", "job"],
    buckets=(*_SECONDS, 60.0, 300.0),
    registry=REGISTRY,
)
HTTP_REQUESTS = Counter(
    "loyalty_http_requests_total", "HTTP requests answered", ["service", "method", "route", "status"], registry=REGISTRY
)
HTTP_SECONDS = Histogram(
    "loyalty_http_request_seconds",
    "Time to answer an HTTP request",
    ["service", "method", "route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)


def exposition() -> bytes:
    """All metrics of this process in Prometheus' text format (`CONTENT_TYPE`)."""
    return generate_latest(REGISTRY)


def batch_done(
    service: str, counts: Mapping[tuple[str, str], int], *, seconds: float, oldest_lag_seconds: float | None = None
) -> None:
    """A batch was handled and acknowledged; `counts` is how many events by (type, outcome)."""
    for (event_type, outcome), count in counts.items():
        EVENTS.labels(service, event_type, outcome).inc(count)
    BATCH_EVENTS.labels(service).observe(sum(counts.values()))
    BATCH_SECONDS.labels(service).observe(seconds)
    if oldest_lag_seconds is not None:
        lag = max(0.0, oldest_lag_seconds)
        BATCH_LAG_SECONDS.labels(service).observe(lag)
        LAG_SECONDS.labels(service).set(lag)


def batch_retried(service: str, reason: str) -> None:
    """A batch had to be done again: `deadlock`, `serialization`, `connection`, `timeout`, `bisect`."""
    BATCH_RETRIES.labels(service, reason).inc()


def consumer_running(service: str, running: bool) -> None:
    CONSUMER_RUNNING.labels(service).set(1 if running else 0)


def consumer_restarted(service: str, reason: str) -> None:
    CONSUMER_RESTARTS.labels(service, reason).inc()


def published(service: str, count: int, outcome: str = "confirmed") -> None:
    """The relay published `count` events: `confirmed`, `returned` (unroutable), `failed`."""
    if count:
        PUBLISHED.labels(service, outcome).inc(count)


def outbox_waiting(service: str, count: int, oldest_seconds: float) -> None:
    OUTBOX_EVENTS.labels(service).set(count)
    OUTBOX_OLDEST_SECONDS.labels(service).set(max(0.0, oldest_seconds))


def dead_letters_open(service: str, count: int) -> None:
    DEAD_LETTERS_OPEN.labels(service).set(count)


def dead_letters_taken(service: str, count: int) -> None:
    DEAD_LETTERS.labels(service).inc(count)


def job_ran(service: str, job: str, outcome: str, seconds: float) -> None:
    """A timed job ended: `done` or `failed`."""
    SCHEDULE_RUNS.labels(service, job, outcome).inc()
    SCHEDULE_SECONDS.labels(service, job).observe(seconds)


def request_answered(service: str, method: str, route: str, status: int, seconds: float) -> None:
    """An HTTP request was answered; `route` is the template (`/v1/members/{member_id}`), never the path itself."""
    HTTP_REQUESTS.labels(service, method, route, str(status)).inc()
    HTTP_SECONDS.labels(service, method, route).observe(seconds)
