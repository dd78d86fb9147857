"""The golden examples: events as they were once published. They are added, never edited."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.events.registry import CONTRACTS

GOLDEN = Path(__file__).parent / "golden"
TYPES = sorted(CONTRACTS)


def examples(event_type: str) -> dict[str, Any]:
    """The data of each example by its name; {} when there is none."""
    file = GOLDEN / f"{event_type}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


EVERY_EXAMPLE = [
    pytest.param(CONTRACTS[event_type], data, id=f"{event_type} {name}")
    for event_type in TYPES
    for name, data in examples(event_type).items()
]
"""(contract, data), as parameters of a test."""
