"""python -m stack up | down | status | clean"""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from loyalty.stackfile import Stack, StackMissingError, load_stack
from stack import compose, native
from stack.paths import LOCK_FILE, RUN, STACK_FILE
from stack.progress import StackError, fail, say


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stack", description="The platform's own servers and services.")
    parser.add_argument("command", choices=["up", "down", "status", "clean"])
    parser.add_argument("--servers-only", action="store_true", help="up: the servers, databases and users, no service")
    asked = parser.parse_args()
    try:
        with _alone():
            match asked.command:
                case "up":
                    _up(with_services=not asked.servers_only)
                case "down":
                    _down()
                case "status":
                    return _status()
                case "clean":
                    compose.remove()
                    native.remove()
    except StackError as error:
        return fail(error)
    except BrokenPipeError:  # `make status | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        say("\nstopped; `make down` ends what was started")
        return 130
    return 0


def _up(*, with_services: bool) -> None:
    kind = _running_kind() or os.environ.get("STACK") or ("docker" if compose.available() else "native")
    if kind not in ("docker", "native"):
        raise StackError(f"STACK is docker or native, not {kind!r}.")
    say(f"Starting the stack ({'Docker Compose' if kind == 'docker' else 'native servers, no Docker needed'})")
    stack = compose.up() if kind == "docker" else native.up(with_services=with_services)
    say("")
    _tell(stack)


def _down() -> None:
    if _running_kind() is None:
        say("Nothing is running.")
    compose.down()
    native.down()


def _status() -> int:
    try:
        stack = load_stack(STACK_FILE)
    except StackMissingError as error:
        say(str(error))
        return 1
    rows = compose.status(stack) if stack.kind == "docker" else native.status(stack)
    for name, state, where in rows:
        say(f"  {name:<18} {state:<10} {where}")
    return 0 if all(state in ("running", "ready") for _, state, _ in rows) else 1


def _tell(stack: Stack) -> None:
    for service, address in stack.services.items():
        say(f"  {service:<10} {address.api_url}/openapi.json")
    say(f"  RabbitMQ   {stack.rabbitmq.management_url}  user {stack.rabbitmq.user}, password in .run/stack.json")
    say(f"  e-mails    {stack.mail.http_url}/messages")
    say(f"  staff      {stack.admin.email}, password in .run/stack.json")
    say(
        "  logs       .run/logs"
        if stack.logs is not None
        else "  logs       docker compose logs (see deploy/README.md)"
    )


def _running_kind() -> str | None:
    if native.is_running():
        return "native"
    return "docker" if compose.is_running() else None


@contextmanager
def _alone() -> Iterator[None]:
    """One command at a time: two `make up` side by side would start everything twice."""
    RUN.mkdir(parents=True, exist_ok=True)
    with LOCK_FILE.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("(waiting for another `make` that is at the stack)")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
