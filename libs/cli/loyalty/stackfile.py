"""Where the running stack is: `.run/stack.json`, which `make up` writes and every other tool reads.

The file holds passwords (mode 600) and looks like this; everything listens on loopback:

    {
      "kind": "native" | "docker",
      "services": {"points": {"api_url": "http://127.0.0.1:8002",       HTTP API
                              "metrics_url": "http://127.0.0.1:9002",   the worker's health and metrics
                              "database_url": "postgresql://points:…",
                              "rabbitmq_url": "amqp://points:…"}, …},
      "database_admin_url": "postgresql://postgres:…/postgres",
      "rabbitmq": {"management_url": "http://…", "prometheus_url": "http://…", "vhost": "loyalty",
                   "operator_url": "amqp://operator:…",                 may do everything
                   "user": "operator", "password": "…"},                for the management API
      "publisher": {"user": "demo-shop", "url": "amqp://demo-shop:…"},  may only write purchase.* and activity.*
      "mail": {"smtp_host": "127.0.0.1", "smtp_port": 2525, "http_url": "http://127.0.0.1:8025"},
      "admin": {"email": "…", "password": "…"},                         the first member of staff
      "logs": "/…/.run/logs"                       <service>-api.log, <service>-worker.log; null with Docker
    }
"""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

VARIABLE = "LOYALTY_STACK"


class StackMissingError(Exception):
    """There is no stack file: nothing has been started here."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ServiceAddress(_Part):
    api_url: str
    metrics_url: str
    database_url: str
    rabbitmq_url: str


class Broker(_Part):
    management_url: str
    prometheus_url: str
    vhost: str
    operator_url: str
    user: str
    password: str


class Publisher(_Part):
    user: str
    url: str


class Mail(_Part):
    smtp_host: str
    smtp_port: int
    http_url: str


class Admin(_Part):
    email: str
    password: str


class Stack(_Part):
    kind: str
    services: dict[str, ServiceAddress]
    database_admin_url: str
    rabbitmq: Broker
    publisher: Publisher
    mail: Mail
    admin: Admin
    logs: Path | None

    def write(self, file: Path) -> None:
        """For its owner's eyes only."""
        file.touch(mode=0o600)
        file.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")


def find_stack_file(start: Path | None = None) -> Path:
    """`$LOYALTY_STACK`, else `.run/stack.json` here or in a folder above. Raises StackMissingError."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (file := folder / ".run" / "stack.json").exists():
            return file
    raise StackMissingError("No stack is running here: `make up` starts one.")


def load_stack(file: Path | None = None) -> Stack:
    """The stack that was started here. Raises StackMissingError."""
    file = file or find_stack_file()
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackMissingError(f"{file} is missing: `make up` writes it.") from None
    return Stack.model_validate(content)
