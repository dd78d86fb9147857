"""What each service owns on the servers: a database with its role, a broker user with its rights. Repeatable.

Nobody but the owner may connect to a database; broker rights come with the topology (common.messaging.topology).
"""

import asyncio
import os
from typing import Any
from urllib.parse import quote

import asyncpg

from common.messaging.topology import SERVICES as SERVICES
from common.messaging.topology import definitions
from stack.management import Management

PUBLISHER = "demo-shop"
TRUSTED_PUBLISHER = "demo-crm"
BROKER_USERS = (*SERVICES, PUBLISHER, TRUSTED_PUBLISHER)
VHOST = "loyalty"


async def provide_database(admin_url: str, *, database: str, role: str, password: str) -> None:
    """Create the role and its database if they are missing, set the password, and shut everybody else out."""
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtext($1))", f"role {role}")  # two at once take turns
        exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        verb = "ALTER" if exists else "CREATE"
        await connection.execute(f"{verb} ROLE {_name(role)} LOGIN NOSUPERUSER PASSWORD {_text(password)}")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            # The order of texts must not depend on the machine the server runs on.
            options = "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
            await connection.execute(f"CREATE DATABASE {_name(database)} OWNER {_name(role)} {options}")
        await connection.execute(f"REVOKE ALL ON DATABASE {_name(database)} FROM PUBLIC")
    finally:
        await connection.close()


async def provide_databases(admin_url: str, passwords: dict[str, str]) -> None:
    """`passwords`: service → password; role and database bear the service's name."""
    for service, password in passwords.items():
        await provide_database(admin_url, database=service, role=service, password=password)
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
    finally:
        await connection.close()


def provide_broker(management: Management, vhost: str, passwords: dict[str, str], **options: Any) -> None:
    """Create the virtual host with the topology, the users with their rights in it, and let the caller's own user in.

    `passwords`: broker user → password. `options` go to `definitions` (the tests' shorter `delays`).
    """
    management.create_vhost(vhost)
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    management.put(f"/api/permissions/{quote(vhost, safe='')}/{quote(management.user, safe='')}", everything)
    management.load(definitions(passwords, vhost=vhost, **options))


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> None:
    """Prepare the servers of docker-compose.yml: addresses and passwords come from the environment."""
    told = os.environ
    databases = {service: told[f"{_variable(service)}_DATABASE_PASSWORD"] for service in SERVICES}
    users = {user: told[f"{_variable(user)}_BROKER_PASSWORD"] for user in BROKER_USERS}
    asyncio.run(provide_databases(told["DATABASE_ADMIN_URL"], databases))
    print("databases and roles are there")
    management = Management(told["MANAGEMENT_URL"], told["BROKER_ADMIN"], told["BROKER_ADMIN_PASSWORD"])
    management.wait(timeout_seconds=60)
    provide_broker(management, VHOST, users)
    print("exchanges, queues and broker users are there")


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


if __name__ == "__main__":
    main()
