"""The stack in containers: `deploy/docker-compose.yml`, ports and passwords of this checkout in `.run/compose.env`.

Speaks to `docker compose` where there is one, else to the older `docker-compose` (1.29).
"""

import shutil
import subprocess
import time
from functools import cache
from hashlib import sha256

from loyalty.stackfile import Stack
from stack import services
from stack.paths import (
    COMPOSE_ENVIRONMENT,
    COMPOSE_FILE,
    LOGS,
    PORTS_FILE,
    ROOT,
    RUN,
    SECRETS_FILE,
    STACK_FILE,
    TARGETS_FILE,
)
from stack.plan import EVERY_PORT, Plan, describe, plan_in, write_targets
from stack.progress import StackError, step
from stack.provision import BROKER_USERS, SERVICES
from stack.secrets import Secrets, secrets_in

PROJECT = f"loyalty-{sha256(str(ROOT).encode()).hexdigest()[:8]}"
_LOG = LOGS / "compose.log"
_READY_SECONDS = 180.0


@cache
def daemon_answers() -> bool:
    """Whether there is a Docker daemon and this user may speak to it."""
    return _works("docker", "info")


@cache
def _command() -> tuple[str, ...] | None:
    """How Compose is called here; None if there is no daemon or no Compose."""
    if not daemon_answers():
        return None
    for command in (("docker", "compose"), ("docker-compose",)):
        if _works(*command, "version"):
            return command
    return None


def available() -> bool:
    return _command() is not None


def is_running() -> bool:
    return COMPOSE_ENVIRONMENT.exists() and available() and bool(_ask("ps", "-q").strip())


def up() -> Stack:
    """Build the images, start the containers, wait until every service is ready."""
    LOGS.mkdir(parents=True, exist_ok=True)
    secrets = secrets_in(SECRETS_FILE)
    plan = plan_in(PORTS_FILE, keep=EVERY_PORT if is_running() else ())
    stack = describe(plan, secrets, kind="docker", logs=None)
    stack.write(STACK_FILE)
    write_targets(stack, TARGETS_FILE)
    write_environment(plan, secrets)
    with step("build the images"):
        _do("build", reason="An image could not be built.")
    with step("start PostgreSQL, RabbitMQ and the mail sink"):
        _do("up", "-d", "postgres", "rabbitmq", "mailsink", reason="A server did not start.")
    with step("provide databases, queues and users; migrate"):
        _do("up", "-d", "--remove-orphans", reason="A container did not start.", explain=True)
    for part in services.PARTS:
        with step(part.name) as line:
            _wait(part, stack)
            line.note = part.health_url(stack).removesuffix("/health/ready")
    return stack


def down() -> None:
    """Stop and remove the containers; the data stay in their volumes."""
    if is_running():
        with step("stop the containers"):
            _do("down", "--remove-orphans", reason="The containers could not be stopped.")


def remove() -> None:
    """Remove containers, volumes and images of this checkout, even if `.run` has been lost."""
    if not available() or not (_volumes() or COMPOSE_ENVIRONMENT.exists()):
        return
    RUN.mkdir(exist_ok=True)
    LOGS.mkdir(exist_ok=True)
    write_environment(plan_in(PORTS_FILE, keep=EVERY_PORT), secrets_in(SECRETS_FILE))
    with step("remove containers, volumes and images"):
        _do("down", "--volumes", "--remove-orphans", "--rmi", "local", reason="Compose could not clean up.")
        images = [f"{PROJECT}_{service}" for service in SERVICES]
        subprocess.run(["docker", "image", "rm", *images], capture_output=True, check=False)


def status(stack: Stack) -> list[tuple[str, str, str]]:
    """For each part: its name, whether it is well, where it is."""
    rows = []
    names = {
        "postgres": stack.database_admin_url,
        "rabbitmq": stack.rabbitmq.management_url,
        "mailsink": stack.mail.http_url,
    }
    for name, url in names.items():
        running = available() and bool(_ask("ps", "-q", name).strip())
        rows.append((name, "running" if running else "stopped", url.rpartition("@")[2]))
    for part in services.PARTS:
        url = part.health_url(stack)
        reason = services.unready(url)
        rows.append(
            (part.name, "ready" if reason is None else f"not ready: {reason}", url.removesuffix("/health/ready"))
        )
    return rows


def _volumes() -> list[str]:
    command = ["docker", "volume", "ls", "-q", "-f", f"label=com.docker.compose.project={PROJECT}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def _wait(part: services.Part, stack: Stack) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while (reason := services.unready(part.health_url(stack))) is not None:
        if time.monotonic() > deadline:
            logs = _ask("logs", "--tail", "15", part.name)
            raise StackError(f"{part.name} does not become ready: {reason}\n--- its last lines ---\n{logs}")
        time.sleep(0.3)


def write_environment(plan: Plan, secrets: Secrets) -> None:
    """Ports and passwords for docker-compose.yml, for their owner only."""
    ports = ("postgres", "amqp", "management", "prometheus", "mail_smtp", "mail_http")
    told = {
        "COMPOSE_PROJECT_NAME": PROJECT,
        **{f"{name.upper()}_PORT": str(plan.ports[name]) for name in ports},
        **{
            f"{s.upper()}_{kind}_PORT": str(plan.ports[f"{s}_{kind.lower()}"])
            for s in SERVICES
            for kind in ("API", "METRICS")
        },
        "POSTGRES_PASSWORD": secrets.database_admin,
        "BROKER_ADMIN_PASSWORD": secrets.broker_admin,
        **{f"{service.upper()}_DATABASE_PASSWORD": secrets.databases[service] for service in SERVICES},
        **{f"{user.upper().replace('-', '_')}_BROKER_PASSWORD": secrets.broker_users[user] for user in BROKER_USERS},
        "MASTER_KEYS": secrets.master_keys,
        "ADMIN_EMAIL": secrets.staff_email,
        "ADMIN_PASSWORD": secrets.staff_password,
    }
    COMPOSE_ENVIRONMENT.touch(mode=0o600)
    COMPOSE_ENVIRONMENT.write_text("".join(f"{name}={value}\n" for name, value in told.items()), encoding="utf-8")


def _arguments() -> list[str]:
    command = _command()
    if command is None:
        raise StackError("Docker does not answer, or Docker Compose is missing.")
    return [*command, "-p", PROJECT, "--env-file", str(COMPOSE_ENVIRONMENT), "-f", str(COMPOSE_FILE)]


def _do(*arguments: str, reason: str, explain: bool = False) -> None:
    """Run Compose with its output in the log. `explain`: on failure add what the containers that ended said."""
    with _LOG.open("ab") as log:
        done = subprocess.run(
            [*_arguments(), *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False
        )
    if done.returncode != 0:
        if explain:
            one_shots = ("provision", *(f"{service}-migrate" for service in SERVICES))
            said = _ask("logs", "--tail", "15", *one_shots)
            if "password authentication failed" in said:
                reason += "\nDocker's volumes have other passwords than .run/secrets.json; `make clean` deletes both."
            reason += "\n" + said
        raise StackError(reason, log=_LOG)


def _ask(*arguments: str) -> str:
    return subprocess.run([*_arguments(), *arguments], capture_output=True, text=True, check=False).stdout


def _works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return False
