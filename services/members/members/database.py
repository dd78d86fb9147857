"""The tables of this service: the framework's, and what the subjects' `tables.py` add."""

from common.storage import metadata_for

metadata = metadata_for("members")
