"""`loyalty trace`: one purchase through the log lines of all services."""

import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from common.events import event_of
from common.events.purchases import PurchaseRefunded
from common.runtime import logs
from common.trace_context import new_traceparent, trace_id_of
from tests.cli.ops import loyalty

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def handled(service: str, order: str, traceparent: str, *, after: float, outcome: str = "done") -> bytes:
    """The line a service's consumer writes."""
    refund = PurchaseRefunded(return_id="r", order_id=order, occurred_at=NOW, currency="CNY", amount=1)
    event = event_of(refund, source="//till", time=NOW, traceparent=traceparent)
    out = io.BytesIO()
    before = logs._out
    logs._out = out
    try:
        logs.log_events([(event, outcome)], now=NOW + timedelta(seconds=after), service=service)
    finally:
        logs._out = before
    return out.getvalue()


@pytest.fixture
def trace() -> str:
    return new_traceparent()


@pytest.fixture
def folder(tmp_path: Path, trace: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(logs, "_level", 20)
    other = new_traceparent()
    setting_aside = {
        "time": "2026-01-02T03:04:05.500Z",
        "level": "warning",
        "service": "points",
        "event": "event set aside",
    }
    (tmp_path / "members-worker.log").write_bytes(
        b"Traceback (most recent call last):\n" + handled("members", "A-1", trace, after=0.02) + b'{"cut off'
    )
    (tmp_path / "points-worker.log").write_bytes(
        handled("points", "A-1", trace, after=0.01, outcome="retry")
        + orjson.dumps(setting_aside | {"trace_id": trace_id_of(trace), "reason": "unknown_member"})
        + b"\n"
        + handled("points", "B-2", other, after=0.01)
        + handled("points", "A-1", trace, after=10.5)
    )
    (tmp_path / "notify-worker.log").write_bytes(handled("notify", "points:A-1", trace, after=11))
    return tmp_path


async def test_one_purchase_is_told_in_the_order_of_time(folder: Path, trace: str) -> None:
    answer = await loyalty("trace", "A-1", "--logs", str(folder))
    assert answer.exit_code == 0, answer.output
    lines = [line for line in answer.stdout.splitlines() if "03:04" in line]
    services = [next(word for word in line.split() if word in ("members", "points", "notify")) for line in lines]
    assert services == ["points", "members", "points", "points", "notify"]
    assert trace_id_of(trace) in answer.stdout
    assert "reason=unknown_member" in answer.stdout
    assert "subject=points:A-1" in answer.stdout
    assert "+10,490 ms" in answer.stdout
    assert "B-2" not in answer.stdout
    assert "5 lines of members, notify, points" in answer.stdout


async def test_a_trace_id_and_a_traceparent_do_as_well(folder: Path, trace: str) -> None:
    for what in (trace, trace_id_of(trace)):
        answer = await loyalty("trace", what, "--logs", str(folder), "--json")
        assert [line["service"] for line in json.loads(answer.stdout)] == [
            "points",
            "members",
            "points",
            "points",
            "notify",
        ]


async def test_an_order_nobody_saw_is_said(folder: Path) -> None:
    answer = await loyalty("trace", "A-", "--logs", str(folder))
    assert (answer.exit_code, "nothing" not in answer.stdout, "A-" in answer.stderr) == (1, True, True)


async def test_a_folder_without_logs_is_said(tmp_path: Path) -> None:
    answer = await loyalty("trace", "A-1", "--logs", str(tmp_path))
    assert (answer.exit_code, "no log files" in answer.stderr) == (2, True)


async def test_the_logs_of_containers_are_read_from_docker(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = tmp_path_factory.mktemp("run")
    (run / "compose.env").write_text("COMPOSE_PROJECT_NAME=loyalty-abc\n")
    docker = run / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(
        f'#!/bin/sh\nif [ "$1" = ps ]; then echo "$*" >> {run}/asked; ls {folder}; else cat {folder}/"$2"; fi\n'
    )
    docker.chmod(0o755)
    stack = {
        "kind": "docker",
        "services": {},
        "database_admin_url": "",
        "rabbitmq": dict.fromkeys(
            ("management_url", "prometheus_url", "vhost", "operator_url", "user", "password"), ""
        ),
        "publisher": {"user": "", "url": ""},
        "mail": {"smtp_host": "", "smtp_port": 1, "http_url": ""},
        "admin": {"email": "", "password": ""},
        "logs": None,
    }
    (run / "stack.json").write_text(json.dumps(stack))
    environment = {"LOYALTY_STACK": str(run / "stack.json"), "PATH": f"{docker.parent}:{os.environ['PATH']}"}
    answer = await loyalty("trace", "A-1", environment=environment)
    assert answer.exit_code == 0, answer.output
    assert "5 lines of members, notify, points" in answer.stdout
    assert "label=com.docker.compose.project=loyalty-abc" in (run / "asked").read_text()
