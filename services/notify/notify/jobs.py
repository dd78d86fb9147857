"""Timed jobs of this service. The sender is no job but a loop of the worker, see `channels/sender.py`."""

from common.runtime.schedule import Job

SCHEDULE: list[Job] = []
