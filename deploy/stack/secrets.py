"""The passwords and keys of this checkout's stack: made when first needed, kept in `.run/secrets.json` (mode 600)."""

import base64
import json
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from stack.provision import BROKER_USERS, SERVICES


class Secrets(BaseModel):
    """Passwords are letters and digits only, so that they stand in a URL as they are."""

    model_config = ConfigDict(frozen=True)

    database_admin: str
    databases: dict[str, str]
    broker_admin: str
    broker_users: dict[str, str]
    master_keys: str
    staff_email: str
    staff_password: str


def secrets_in(file: Path) -> Secrets:
    """Read them, or make them up and write them; broker users that came since get theirs."""
    if file.exists():
        known = Secrets.model_validate_json(file.read_text(encoding="utf-8"))
        fresh = {user: _password() for user in BROKER_USERS if user not in known.broker_users}
        if fresh:
            known = known.model_copy(update={"broker_users": {**known.broker_users, **fresh}})
            file.write_text(json.dumps(known.model_dump(), indent=2) + "\n", encoding="utf-8")
        return known
    made = Secrets(
        database_admin=_password(),
        databases={service: _password() for service in SERVICES},
        broker_admin=_password(),
        broker_users={user: _password() for user in BROKER_USERS},
        master_keys=f"k1:{base64.urlsafe_b64encode(os.urandom(32)).decode()}",
        staff_email="admin@example.com",
        staff_password=_password(),
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(made.model_dump(), indent=2) + "\n", encoding="utf-8")
    return made


def _password() -> str:
    return secrets.token_hex(16)
