"""The schema is what the tables say, and guards what must not change."""

import pytest
from sqlalchemy.exc import IntegrityError

from common.storage import Database
from common.storage.migrations import drift
from notify.templates.placeholders import OCCASIONS
from tests.notify.events import rows


async def test_schema_has_no_drift(notify_database: Database) -> None:
    url = notify_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    assert await drift(url, "notify") == []


async def test_every_occasion_is_seeded_in_both_languages_and_channels(notify_database: Database) -> None:
    found = await rows(notify_database, "SELECT key, channel, locale FROM templates WHERE state = 'published'")
    keys = set(OCCASIONS)
    wanted = {(key, channel, locale) for key in keys for channel in ("inbox", "email") for locale in ("en", "zh-CN")}
    assert {(row["key"], row["channel"], row["locale"]) for row in found} == wanted


@pytest.mark.parametrize("change", ["UPDATE templates SET text = 'x'", "DELETE FROM templates"])
async def test_database_refuses_to_change_a_published_version(notify_database: Database, change: str) -> None:
    with pytest.raises(IntegrityError, match="is published"):
        async with notify_database.transaction() as tx:
            await tx.execute(change)
