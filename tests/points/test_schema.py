"""The schema comes from migrations, and `tables.py` says the same."""

import pytest

from common.storage import Database
from common.storage.migrations import drift, upgrade


async def test_migrated_schema_is_what_tables_say(points_database: Database) -> None:
    url = points_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    assert await drift(url, "points") == []


async def test_migrating_again_changes_nothing(points_database: Database) -> None:
    url = points_database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    await upgrade(url, "points")
    assert await drift(url, "points") == []


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        ("transfer_row", "transfers"),
        ("lot_row", "lots"),
        ("wallet_row", "wallets"),
        ("purchase_row", "purchases"),
        ("accrual_row", "accruals"),
    ],
)
async def test_row_types_have_the_columns_of_their_tables(points_database: Database, kind: str, table: str) -> None:
    columns = """
        SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 AND NOT attisdropped
    """
    async with points_database.transaction() as tx:
        of_type = await tx.fetch_value(columns, {"name": kind})
        of_table = await tx.fetch_value(columns, {"name": table})
    assert of_type == of_table
