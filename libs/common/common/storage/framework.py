"""Creates the framework's tables; the first migration of each service calls `create`."""

from typing import Any

from common.storage.tables import APPEND_ONLY, metadata_for

REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""


def append_only(op: Any, table: str) -> None:
    """Let the database refuse UPDATE, DELETE and TRUNCATE on `table`, even from its owner."""
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def create(op: Any) -> None:
    """All framework tables and the function behind `append_only`; `op` is Alembic's."""
    metadata_for("framework").create_all(op.get_bind())
    op.execute(REFUSE)
    for table in APPEND_ONLY:
        append_only(op, table)
