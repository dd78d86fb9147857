"""Where things are in this checkout. Everything the stack writes is under `.run/`, which git ignores."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".run"
LOGS = RUN / "logs"
PIDS = RUN / "pids"
STACK_FILE = RUN / "stack.json"
TARGETS_FILE = RUN / "targets.json"
SECRETS_FILE = RUN / "secrets.json"
PORTS_FILE = RUN / "ports.json"
LOCK_FILE = RUN / "lock"
COMPOSE_FILE = ROOT / "deploy" / "docker-compose.yml"
COMPOSE_ENVIRONMENT = RUN / "compose.env"
