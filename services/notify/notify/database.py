"""The schema of this service's database; each subject's `tables.py` adds its tables."""

from common.storage import metadata_for

metadata = metadata_for("notify")
