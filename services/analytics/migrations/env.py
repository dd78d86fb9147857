"""Alembic's door; everything is in common.storage.migrations."""

from common.storage.migrations import run

run()
