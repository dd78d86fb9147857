"""Who may hand in for which source, and the ids of what is published for somebody."""

from uuid import UUID, uuid5

NAMESPACE = UUID("6f1d0c52-6c1b-5a53-9d0e-6f2f2f6b7a10")
OWN_SOURCES = "//loyalty/"

ACCEPTED, DUPLICATE, CONFLICT, INVALID = "accepted", "duplicate", "conflict", "invalid"


class SourceNotYoursError(Exception):
    """A client hands in for its own source only."""

    def __init__(self, source: str) -> None:
        super().__init__(f"You may not hand in purchases for the source {source!r}.")
        self.source = source


class SourceNeededError(Exception):
    """Nobody knows whose purchase it is."""

    def __init__(self) -> None:
        super().__init__("Say for which source: field `source`, or header ce-source.")


class OrderReusedError(Exception):
    """The same number was handed in before with another body."""

    def __init__(self, *, source: str, key: str) -> None:
        super().__init__(f"{key!r} of {source} was handed in before with another body.")
        self.source = source
        self.key = key


class ReturnReusedError(OrderReusedError):
    """The same return number was handed in before with another body."""


class PurchaseRefusedError(Exception):
    """A purchase or return that will never be taken; `reason` is a code, the text a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def source_for(asked: str | None, bound: str | None, *, needs_bound: bool) -> str:
    """The source somebody hands in for. `bound` is the caller's own; whoever has one may use it and what lies below it.

    Raises SourceNeededError, SourceNotYoursError.
    """
    source = asked or bound
    if not source:
        raise SourceNeededError
    mine = bound is not None and (source == bound or source.startswith(bound.rstrip("/") + "/"))
    if source.startswith(OWN_SOURCES) or (not mine and (needs_bound or bound is not None)):
        raise SourceNotYoursError(source)
    return source


def event_id(type_: str, source: str, key: str, body_hash: bytes) -> str:
    """The same submission always becomes the same event, however often it is handed in."""
    return str(uuid5(NAMESPACE, "\n".join((type_, source, key, body_hash.hex()))))
