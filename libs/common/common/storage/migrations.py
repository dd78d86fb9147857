"""Alembic for the services: upgrade, and the comparison of the schema with the tables in code."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, make_url, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

LOCK_KEY = 0x10A117  # two migrate containers started at once take turns


def _config(url: str, service: str) -> Config:
    spec = importlib.util.find_spec(service)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"service {service} is not installed")
    config = Config()
    config.set_main_option("script_location", str(Path(spec.origin).parents[1] / "migrations"))
    config.attributes["url"] = url
    config.attributes["service"] = service
    return config


def metadata_of(service: str) -> MetaData:
    """The MetaData of `<service>.database`, with all `tables.py` files of the service imported."""
    package = importlib.import_module(service)
    folder = Path(str(package.__file__)).parent
    for path in sorted(folder.glob("*/tables.py")):
        importlib.import_module(f"{service}.{path.parent.name}.tables")
    metadata: MetaData = importlib.import_module(f"{service}.database").metadata
    return metadata


async def upgrade(url: str, service: str) -> None:
    """Bring the service's database to the newest revision."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=pool.NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
            await connection.run_sync(_upgrade, _config(url, service))
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, config: Config) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def run() -> None:
    """What each service's `migrations/env.py` calls."""
    attributes = context.config.attributes
    context.configure(
        connection=attributes["connection"],
        target_metadata=metadata_of(attributes["service"]),
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()


async def drift(url: str, service: str) -> list[Any]:
    """Differences between the migrated schema and `tables.py`; [] when there are none."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_drift, metadata_of(service))
    finally:
        await engine.dispose()


def _drift(connection: Connection, metadata: MetaData) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))
