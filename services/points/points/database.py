"""The one MetaData that the framework's tables and all `tables.py` files share, and how rows become arrays."""

from collections.abc import Sequence
from typing import Any

from common.storage import metadata_for

metadata = metadata_for("points")


def columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows (at least one) as arrays for `unnest`, one per column."""
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
