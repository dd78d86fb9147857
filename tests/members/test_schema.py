"""The schema that migrations make is the one the code describes."""

from common.storage import Database
from common.storage.migrations import drift


async def test_migrations_make_what_the_tables_describe(members_database: Database) -> None:
    url = members_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    assert await drift(url, "members") == []
