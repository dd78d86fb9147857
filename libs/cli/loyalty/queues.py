"""`loyalty queues`: what waits where, in the broker and in the outboxes, and how late the services are."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.live import Live
from rich.table import Table
from rich.text import Text

from common.messaging.topology import RETRY_DELAYS_SECONDS, UNROUTED_QUEUE, dead_queue, main_queue
from loyalty.clients.api import ApiError
from loyalty.clients.session import SERVICES, Broker, Session
from loyalty.screen import out, plain_table, print_json, problems

TIMEOUT_SECONDS = 10.0
LATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One service. Counts are messages or rows; None where the worker does not answer."""

    service: str
    ready: int
    unacked: int
    retries: dict[str, int]
    dlq: int
    dead_letters: int | None
    outbox: int | None
    outbox_oldest_seconds: float | None
    lag_seconds: float | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at everything; `unrouted` counts messages with a key nobody hears."""

    services: list[Row]
    unrouted: int


@dataclass(slots=True)
class Worker:
    """What a worker's health and metrics say."""

    state: str
    metrics: dict[str, float] = field(default_factory=dict)

    def count(self, name: str) -> int | None:
        value = self.metrics.get(name)
        return None if value is None else int(value)


def queues(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what waits for each service: its queue, retries (10s/1m/10m), dead letters, outbox, and how late it is.

    dlq: not yet taken into the table; dead: open letters in the table (see `loyalty dead-letters groups`).
    Exit status: 0 shown, 1 the broker does not answer, 2 nothing says where it is.
    """
    with problems(), Session() as session:
        look = look_at(session)
        if as_json:
            print_json(asdict(look))
        elif not watch:
            out.print(table(look))
        else:
            _watch(session, look, every)


def _watch(session: Session, look: Look, every: float) -> None:
    try:
        with Live(table(look), console=out, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                live.update(table(look_at(session)), refresh=True)
    except KeyboardInterrupt:
        return


def look_at(session: Session) -> Look:
    """Ask the broker and every worker. Raises ApiError when the broker does not answer."""
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as http, ThreadPoolExecutor(len(SERVICES)) as threads:
        workers = threads.map(lambda service: _worker(http, session.metrics_url(service), service), SERVICES)
        counts = _queues(http, session.broker())
        rows = [_row(service, counts, worker) for service, worker in zip(SERVICES, workers, strict=True)]
    return Look(services=rows, unrouted=sum(counts.get(UNROUTED_QUEUE, (0, 0))))


def _row(service: str, counts: dict[str, tuple[int, int]], worker: Worker) -> Row:
    ready, unacked = counts.get(main_queue(service), (0, 0))
    missing = main_queue(service) not in counts
    return Row(
        service=service,
        ready=ready,
        unacked=unacked,
        retries={name: sum(counts.get(f"{service}.retry.{name}", (0, 0))) for name in RETRY_DELAYS_SECONDS},
        dlq=sum(counts.get(dead_queue(service), (0, 0))),
        dead_letters=worker.count("loyalty_dead_letters_open"),
        outbox=worker.count("loyalty_outbox_events"),
        outbox_oldest_seconds=worker.metrics.get("loyalty_outbox_oldest_seconds"),
        lag_seconds=worker.metrics.get("loyalty_lag_seconds"),
        state="no queue" if missing else worker.state,
    )


def _queues(http: httpx.Client, broker: Broker) -> dict[str, tuple[int, int]]:
    """(ready, unacknowledged) by queue."""
    url = f"{broker.url}/api/queues/{quote(broker.vhost, safe='')}"
    try:
        answer = http.get(url, auth=(broker.user, broker.password))
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise ApiError(f"RabbitMQ's management API at {broker.url}", 0, "", str(error)) from error
    return {
        queue["name"]: (int(queue.get("messages_ready", 0)), int(queue.get("messages_unacknowledged", 0)))
        for queue in found
    }


def _worker(http: httpx.Client, url: str, service: str) -> Worker:
    try:
        ready = http.get(f"{url}/health/ready")
        text = http.get(f"{url}/metrics").text
    except httpx.HTTPError:
        return Worker("worker does not answer")
    checks: dict[str, str] = ready.json().get("checks", {}) if ready.status_code in (200, 503) else {}
    wrong = [f"{name}: {answer}" for name, answer in checks.items() if answer != "ok"]
    return Worker("; ".join(wrong) or "ready", dict(_samples(text, service)))


def _samples(text: str, service: str) -> Iterable[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels == {"service": service}:
                yield sample.name, sample.value


def table(look: Look) -> Table:
    """For people; fits into 80 columns."""
    made = plain_table("service")
    made.title, made.title_justify = time.strftime("%H:%M:%S"), "left"
    for name in ("ready", "unacked", "/".join(RETRY_DELAYS_SECONDS), "dlq", "dead", "outbox", "lag"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("worker", overflow="fold")
    for row in look.services:
        retries = Text("/").join(_count(count) for count in row.retries.values())
        state = Text(row.state, style="green" if row.state == "ready" else "red")
        cells = [_count(row.ready), _count(row.unacked), retries, _count(row.dlq), _count(row.dead_letters)]
        made.add_row(row.service, *cells, _count(row.outbox), _lag(row), state)
    if look.unrouted:
        made.caption = f"{look.unrouted} messages with a key nobody hears are in {UNROUTED_QUEUE}"
    return made


def _count(count: int | None) -> Text:
    if count is None:
        return Text("?", style="dim")
    return Text(f"{count:,}", style="dim" if count == 0 else "bold")


def _lag(row: Row) -> Text:
    """Age of the oldest event of the latest batch: of interest only while something waits."""
    if row.lag_seconds is None or not row.ready + row.unacked:
        return Text("–", style="dim")
    return Text(f"{row.lag_seconds:,.1f} s", style="red" if row.lag_seconds > LATE_SECONDS else "")
