"""The tables of analytics' database; each subject's `tables.py` adds its own."""

from common.storage import metadata_for

metadata = metadata_for("analytics")
