"""Replays of stored purchases under other rules."""

from alembic import op

revision = "0009"
down_revision = "0008"

WHAT_IFS = (
    """
    CREATE TABLE what_ifs (
        what_if_id uuid CONSTRAINT pk_what_ifs PRIMARY KEY,
        name text NOT NULL,
        asked_by text NOT NULL,
        asked_at timestamptz NOT NULL,
        occurred_from timestamptz NOT NULL,
        occurred_until timestamptz NOT NULL,
        changes jsonb NOT NULL,
        state text NOT NULL CONSTRAINT ck_what_ifs_state
            CHECK (state IN ('waiting', 'running', 'finished', 'failed', 'cancelled')),
        purchases bigint NOT NULL,
        done bigint NOT NULL,
        started_at timestamptz,
        seen_at timestamptz,
        finished_at timestamptz,
        result jsonb,
        problem text NOT NULL
    )
    """,
    "CREATE INDEX ix_what_ifs_asked_at_what_if_id ON what_ifs (asked_at, what_if_id)",
    "CREATE INDEX ix_what_ifs_open ON what_ifs (asked_at) WHERE state IN ('waiting', 'running')",
)

COMMENTS = {
    "what_ifs.changes": "rules that come in, by definition, and keys of rules that are left out",
    "what_ifs.purchases": "to be replayed; known once it runs",
    "what_ifs.seen_at": "when the worker that runs it was last at work",
}


def upgrade() -> None:
    for statement in WHAT_IFS:
        op.execute(statement)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")
