"""Waiting until nothing is under way: what counts as quiet, and what is said when it never gets quiet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from loyalty.demo.settle import Look, NotSettledError, Watch, settle
from loyalty.stackfile import Admin, Broker, Mail, Publisher, ServiceAddress, Stack

STACK = Stack(
    kind="native",
    services={
        name: ServiceAddress(api_url="", metrics_url=f"http://{name}", database_url="", rabbitmq_url="")
        for name in ("points", "notify")
    },
    database_admin_url="",
    rabbitmq=Broker(
        management_url="http://broker", prometheus_url="", vhost="loyalty", operator_url="", user="o", password="p"
    ),
    publisher=Publisher(user="", url=""),
    mail=Mail(smtp_host="", smtp_port=0, http_url=""),
    admin=Admin(email="", password=""),
    logs=Path(),
)


class Worker:
    """The metrics of one worker, as it would show them."""

    def __init__(self, service: str) -> None:
        self.service, self.registry = service, CollectorRegistry()
        self.outbox = Gauge("loyalty_outbox_events", "…", ["service"], registry=self.registry)
        self.mails = Gauge("loyalty_mails_waiting", "…", registry=self.registry)
        self.events = Counter("loyalty_events_total", "…", ["service", "type", "outcome"], registry=self.registry)


@pytest.fixture
def workers() -> dict[str, Worker]:
    return {name: Worker(name) for name in STACK.services}


@pytest.fixture
def queues() -> dict[str, int]:
    return {"points.main": 0, "points.retry.10s": 0, "ops.unrouted": 3}


@pytest.fixture
def watch(workers: dict[str, Worker], queues: dict[str, int]) -> Iterator[Watch]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "broker":
            return httpx.Response(200, json=[{"name": name, "messages": count} for name, count in queues.items()])
        if request.url.host not in workers:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, content=generate_latest(workers[request.url.host].registry))

    found = Watch(STACK, httpx.Client(transport=httpx.MockTransport(answer)))
    yield found
    found.close()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loyalty.demo.settle.LOOK_EVERY_SECONDS", 0.01)


def nothing(_: Any) -> None:
    pass


def test_a_look_names_everything_that_waits(watch: Watch, workers: dict[str, Worker], queues: dict[str, int]) -> None:
    queues["points.retry.10s"] = 4
    workers["points"].outbox.labels("points").set(7)
    workers["notify"].mails.set(9)
    workers["points"].events.labels("points", "purchase.completed.v1", "done").inc(5)
    workers["points"].events.labels("points", "purchase.completed.v1", "duplicate").inc(2)
    workers["points"].events.labels("points", "purchase.refunded.v1", "done").inc(1)
    look = watch.look()
    assert look.waiting == {"points.retry.10s": 4, "points outbox": 7, "e-mails to send": 9}
    assert (look.count("points", "done"), look.count("points", "done", "purchase.refunded.v1")) == (6, 1)
    assert (look.count("points", "duplicate"), look.count("notify", "done")) == (2, 0)


def test_quiet_is_when_nothing_waits_and_nobody_works_for_some_looks(watch: Watch, queues: dict[str, int]) -> None:
    queues["points.main"], looks = 3, []

    def show(look: Look) -> None:
        looks.append(dict(look.waiting))
        queues["points.main"] = max(0, queues["points.main"] - 1)

    last, _ = settle(watch, limit_seconds=5, show=show)
    assert last.waiting == {}
    assert looks[:4] == [{"points.main": 3}, {"points.main": 2}, {"points.main": 1}, {}]
    assert len(looks) >= 8


def test_a_worker_that_does_not_answer_is_waited_for(watch: Watch, workers: dict[str, Worker]) -> None:
    gone, looks = workers.pop("notify"), []

    def show(look: Look) -> None:
        looks.append(list(look.waiting))
        if len(looks) == 2:
            workers["notify"] = gone

    last, _ = settle(watch, limit_seconds=5, show=show)
    assert looks[0] == looks[1] == ["notify's worker, which does not answer"]
    assert last.waiting == {}


def test_what_never_moves_is_named(watch: Watch, queues: dict[str, int]) -> None:
    queues["points.main"] = 12
    with pytest.raises(NotSettledError, match=r"still waiting: points\.main: 12"):
        settle(watch, limit_seconds=0.1, show=nothing)
