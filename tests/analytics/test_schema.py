"""The schema comes from migrations and is what the code believes it to be."""

from common.storage import Database
from common.storage.migrations import drift


async def test_migrations_make_the_tables_that_the_code_describes(analytics_database: Database) -> None:
    url = analytics_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    assert await drift(url, "analytics") == []
