"""W3C trace context (`traceparent`), carried through outbox and broker whether or not anybody records spans.

Source: https://www.w3.org/TR/trace-context/ — `00-<32 hex trace id>-<16 hex parent id>-<2 hex flags>`.
"""

import os
import random
import re
from contextvars import ContextVar

_random = random.Random(os.urandom(16))

_VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

current: ContextVar[str] = ContextVar("traceparent", default="")
"""The traceparent of what is being done right now (an HTTP request, a command), "" when nothing is known."""


def new_traceparent() -> str:
    """The root of a new, sampled trace."""
    return f"00-{_random.getrandbits(128):032x}-{_random.getrandbits(64):016x}-01"


def valid(traceparent: str) -> bool:
    return _VALID.fullmatch(traceparent) is not None


def child_of(traceparent: str) -> str:
    """A new span in the same trace; without a parent in the current trace, else in a new one."""
    parent = traceparent or current.get()
    if len(parent) != 55:
        return new_traceparent()
    return f"{parent[:36]}{_random.getrandbits(64):016x}{parent[52:]}"


def trace_id_of(traceparent: str) -> str:
    """The 32 hex digits of the trace, "" when there is none."""
    return traceparent[3:35] if len(traceparent) == 55 else ""
