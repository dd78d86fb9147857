"""What became of an event. Two words for failure: retry (may go well later) and dead (will never go well)."""

from dataclasses import dataclass
from typing import Any

from common.events.contract import Contract
from common.events.event import Event

DONE, DUPLICATE, RETRY, DEAD = "done", "duplicate", "retry", "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`reason` is a code for machines (`unknown_member`), `message` a sentence for people."""

    event: Event[Any]
    word: str
    reason: str = ""
    message: str = ""


def retry(event: Event[Contract], reason: str, message: str = "") -> Outcome:
    """Not now: the event had no effect and comes again after 10 s, 1 min and 10 min, then it is dead."""
    return Outcome(event=event, word=RETRY, reason=reason, message=message)


def dead(event: Event[Contract], reason: str, message: str = "") -> Outcome:
    """Never: the event had no effect and is set aside with the reason, readable and replayable."""
    return Outcome(event=event, word=DEAD, reason=reason, message=message)


def duplicate(event: Event[Contract]) -> Outcome:
    """Its natural key was seen before with the same body: no effect, counted per sender."""
    return Outcome(event=event, word=DUPLICATE)
