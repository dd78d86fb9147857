"""The stack without Docker: private PostgreSQL, RabbitMQ and mail sink, the services as processes of this machine."""

import asyncio
import shutil
import sys
import time

from loyalty.stackfile import Stack
from stack import services
from stack.management import Management
from stack.packages import require
from stack.paths import LOGS, PIDS, PORTS_FILE, ROOT, RUN, SECRETS_FILE, STACK_FILE, TARGETS_FILE
from stack.plan import API, BROKER_PORTS, Plan, describe, last_plan, plan_in, write_targets
from stack.postgres import Postgres
from stack.processes import Process, spawn
from stack.progress import StackError, say, step
from stack.provision import VHOST, provide_broker, provide_databases
from stack.rabbitmq import RabbitMQ, RabbitPorts
from stack.secrets import Secrets, secrets_in

_MAIL_LOG = LOGS / "mailsink.log"
_MAIL_PID = PIDS / "mailsink.json"
_MAIL_READY_SECONDS = 20.0


def up(*, with_services: bool = True) -> Stack:
    """Start what is not running; returns when everything answers."""
    require()
    for folder in (LOGS, PIDS):
        folder.mkdir(parents=True, exist_ok=True)
    secrets = secrets_in(SECRETS_FILE)
    plan = plan_in(PORTS_FILE, keep=_held_ports())
    stack = describe(plan, secrets, kind="native", logs=LOGS)
    stack.write(STACK_FILE)
    write_targets(stack, TARGETS_FILE)
    management = _start_servers(plan, secrets)
    _provide(stack, secrets, management)
    if with_services:
        _start_services(stack, secrets)
    return stack


def is_running() -> bool:
    """Whether any process of the native stack is alive."""
    return any(process.alive() for file in PIDS.glob("*.json") if (process := Process.load(file)) is not None)


def down() -> None:
    """Stop everything that was started here, services first."""
    if not PORTS_FILE.exists() or not SECRETS_FILE.exists():
        return
    postgres, rabbitmq = _servers(last_plan(PORTS_FILE), secrets_in(SECRETS_FILE))
    for name, stop in (
        ("the services", services.stop),
        ("the mail sink", _stop_mail),
        ("RabbitMQ", rabbitmq.stop),
        ("PostgreSQL", postgres.stop),
    ):
        if is_running():
            with step(f"stop {name}"):
                stop()
        else:
            stop()  # clears what a crash left


def status(stack: Stack) -> list[tuple[str, str, str]]:
    """For each part: its name, whether it is well, where it is."""
    rows = []
    names = {
        "postgres": stack.database_admin_url,
        "rabbitmq": stack.rabbitmq.management_url,
        "mailsink": stack.mail.http_url,
    }
    for name, url in names.items():
        process = Process.load(PIDS / f"{name}.json")
        rows.append((name, "running" if process is not None and process.alive() else "stopped", url.rpartition("@")[2]))
    for part in services.PARTS:
        url = part.health_url(stack)
        if part.process() is None:
            state = "stopped"
        else:
            reason = services.unready(url)
            state = "ready" if reason is None else f"not ready: {reason}"
        rows.append((part.name, state, url.removesuffix("/health/ready")))
    return rows


def remove() -> None:
    """Stop everything and delete its data."""
    down()
    if SECRETS_FILE.exists() and PORTS_FILE.exists():
        postgres, _ = _servers(last_plan(PORTS_FILE), secrets_in(SECRETS_FILE))
        postgres.remove()
    shutil.rmtree(RUN, ignore_errors=True)


def _held_ports() -> set[str]:
    """The names of the ports that our running processes listen on."""
    parts = {"postgres": ("postgres",), "rabbitmq": BROKER_PORTS, "mailsink": ("mail_smtp", "mail_http")}
    held = {
        port
        for name, ports in parts.items()
        if (process := Process.load(PIDS / f"{name}.json")) is not None and process.alive()
        for port in ports
    }
    running = [part for part in services.PARTS if part.process() is not None]
    return held | {f"{part.service}_{'api' if part.kind == API else 'metrics'}" for part in running}


def _servers(plan: Plan, secrets: Secrets) -> tuple[Postgres, RabbitMQ]:
    postgres = Postgres(
        folder=RUN / "postgres",
        pids=PIDS,
        log=LOGS / "postgres.log",
        port=plan.ports["postgres"],
        password=secrets.database_admin,
    )
    rabbitmq = RabbitMQ(
        folder=RUN / "rabbitmq",
        pids=PIDS,
        log=LOGS / "rabbitmq.log",
        ports=RabbitPorts(**{name: plan.ports[name] for name in BROKER_PORTS}),
        password=secrets.broker_admin,
        vhost=VHOST,
    )
    return postgres, rabbitmq


def _start_servers(plan: Plan, secrets: Secrets) -> Management:
    postgres, rabbitmq = _servers(plan, secrets)
    rabbitmq.launch()  # the slowest first: it starts while the others do
    with step("PostgreSQL") as line:
        postgres.launch()
        line.note = f"{postgres.wait()} on port {postgres.port}"
    with step("mail sink") as line:
        _start_mail(plan)
        line.note = f"SMTP on port {plan.ports['mail_smtp']}, {plan.url('mail_http')}"
    with step("RabbitMQ") as line:
        line.note = f"{rabbitmq.wait()} on port {rabbitmq.ports.amqp}, {rabbitmq.management.url}"
    return rabbitmq.management


def _start_mail(plan: Plan) -> None:
    process = Process.load(_MAIL_PID)
    if process is None or not process.alive():
        options = {
            "--smtp-port": plan.ports["mail_smtp"],
            "--http-port": plan.ports["mail_http"],
            "--file": RUN / "mail.db",
        }
        command = [sys.executable, str(ROOT / "deploy" / "mailsink" / "mailsink.py")]
        command += [str(part) for option in options.items() for part in option]
        process = spawn(command, log=_MAIL_LOG, environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, folder=ROOT)
        process.save(_MAIL_PID)
    deadline = time.monotonic() + _MAIL_READY_SECONDS
    url, port = f"{plan.url('mail_http')}/health/live", plan.ports["mail_http"]
    while (reason := services.unready(url)) is not None or not process.listens(port):
        if not process.alive():
            raise StackError("The mail sink ended instead of starting.", log=_MAIL_LOG)
        if time.monotonic() > deadline:
            raise StackError(f"The mail sink does not answer: {reason}", log=_MAIL_LOG)
        time.sleep(0.05)


def _stop_mail() -> None:
    process = Process.load(_MAIL_PID)
    if process is not None:
        process.stop()
        _MAIL_PID.unlink()


def _provide(stack: Stack, secrets: Secrets, management: Management) -> None:
    with step("databases and roles"):
        asyncio.run(provide_databases(stack.database_admin_url, secrets.databases))
    with step("exchanges, queues and broker users"):
        provide_broker(management, VHOST, secrets.broker_users)


def _start_services(stack: Stack, secrets: Secrets) -> None:
    old = tuple(part for part in services.PARTS if services.stale(part, stack, secrets))
    if old:
        with step(f"stop what runs older code or settings ({len(old)})"):
            services.stop(old)
    if all(part.process() is not None for part in services.PARTS):
        say("  the services are running")
        return
    services.migrate(stack, secrets)
    for part in services.PARTS:
        services.launch(part, stack, secrets)
    for part in services.PARTS:
        with step(part.name) as line:
            services.wait(part, stack)
            line.note = part.health_url(stack).removesuffix("/health/ready")
