"""Which ports the parts of the stack have, and what each service process is told: the same for both kinds of stack."""

import json
from collections.abc import Container
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from loyalty.stackfile import Admin, Broker, Mail, Publisher, ServiceAddress, Stack
from stack.ports import Ports
from stack.provision import PUBLISHER, SERVICES, VHOST
from stack.rabbitmq import ADMIN as BROKER_ADMIN
from stack.secrets import Secrets

_WANTED = {
    **{f"{service}_api": 8001 + number for number, service in enumerate(SERVICES)},
    **{f"{service}_metrics": 9001 + number for number, service in enumerate(SERVICES)},
    "mail_http": 8025,
}
BROKER_PORTS = ("amqp", "management", "prometheus", "distribution", "epmd")
_OTHERS = ("postgres", *BROKER_PORTS, "mail_smtp")
EVERY_PORT = frozenset((*_WANTED, *_OTHERS))

WORKER, API = "worker", "api"
KEEPS_PERSONAL_DATA = ("members", "points", "notify")
"""Only these are given the master keys."""


class Plan(BaseModel):
    """Ports by name: `<service>_api`, `<service>_metrics`, `postgres`, `amqp`, …"""

    model_config = ConfigDict(frozen=True)

    ports: dict[str, int]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"


def plan_in(file: Path, *, keep: Container[str]) -> Plan:
    """The ports of last time, as far as they are still free; `keep` names those that our own running processes hold."""
    before: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    ports = Ports()
    chosen = {
        name: before[name] if name in keep and name in before else ports.pick(before.get(name, _WANTED.get(name)))
        for name in (*_WANTED, *_OTHERS)
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
    return Plan(ports=chosen)


def last_plan(file: Path) -> Plan:
    """The ports of last time, whoever holds them now."""
    return Plan(ports=json.loads(file.read_text(encoding="utf-8")))


def describe(plan: Plan, secrets: Secrets, *, kind: str, logs: Path | None) -> Stack:
    """What other tools are told (`.run/stack.json`)."""
    amqp, postgres = f"127.0.0.1:{plan.ports['amqp']}", f"127.0.0.1:{plan.ports['postgres']}"
    return Stack(
        kind=kind,
        services={
            service: ServiceAddress(
                api_url=plan.url(f"{service}_api"),
                metrics_url=plan.url(f"{service}_metrics"),
                database_url=f"postgresql://{service}:{secrets.databases[service]}@{postgres}/{service}",
                rabbitmq_url=f"amqp://{service}:{secrets.broker_users[service]}@{amqp}/{VHOST}",
            )
            for service in SERVICES
        },
        database_admin_url=f"postgresql://postgres:{secrets.database_admin}@{postgres}/postgres",
        rabbitmq=Broker(
            management_url=plan.url("management"),
            prometheus_url=plan.url("prometheus"),
            vhost=VHOST,
            operator_url=f"amqp://{BROKER_ADMIN}:{secrets.broker_admin}@{amqp}/{VHOST}",
            user=BROKER_ADMIN,
            password=secrets.broker_admin,
        ),
        publisher=Publisher(user=PUBLISHER, url=f"amqp://{PUBLISHER}:{secrets.broker_users[PUBLISHER]}@{amqp}/{VHOST}"),
        mail=Mail(smtp_host="127.0.0.1", smtp_port=plan.ports["mail_smtp"], http_url=plan.url("mail_http")),
        admin=Admin(email=secrets.staff_email, password=secrets.staff_password),
        logs=logs,
    )


def write_targets(stack: Stack, file: Path) -> None:
    """What Prometheus watches (file_sd): every api and worker, and RabbitMQ. See monitoring/prometheus.yml."""
    watched = [
        {
            "targets": [url.removeprefix("http://")],
            "labels": {"job_group": "services", "service": service, "kind": kind},
        }
        for service, address in stack.services.items()
        for kind, url in ((API, address.api_url), (WORKER, address.metrics_url))
    ]
    broker = stack.rabbitmq.prometheus_url.removeprefix("http://")
    watched.append({"targets": [broker], "labels": {"job_group": "rabbitmq"}})
    file.write_text(json.dumps(watched, indent=2) + "\n", encoding="utf-8")


def environment_of(service: str, stack: Stack, secrets: Secrets) -> dict[str, str]:
    """The settings of a service's processes (see common/runtime/settings.py); each takes what it needs of them."""
    address = stack.services[service]
    issuer = stack.services["members"].api_url
    told = {
        "DATABASE_URL": address.database_url,
        "RABBITMQ_URL": address.rabbitmq_url,
        "API_HOST": "127.0.0.1",
        "API_PORT": address.api_url.rpartition(":")[2],
        "METRICS_PORT": address.metrics_url.rpartition(":")[2],
        "TOKEN_ISSUER": issuer,
    }
    if service in KEEPS_PERSONAL_DATA:
        told["MASTER_KEYS"] = secrets.master_keys
    if service == "members":
        told |= {"ADMIN_EMAIL": secrets.staff_email, "ADMIN_PASSWORD": secrets.staff_password}
    if service == "notify":
        told |= {
            "SMTP_HOST": stack.mail.smtp_host,
            "SMTP_PORT": str(stack.mail.smtp_port),
            "MAIL_FROM": "Loyalty programme <programme@example.com>",
        }
    return told
