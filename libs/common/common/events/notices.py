"""What notify tells of the notices it decided on. `cause` is the event that asked for the notice."""

from typing import ClassVar
from uuid import UUID

from common.events.contract import Contract, Instant, Key, Text


class Notice(Contract):
    """One notice to one member over one channel (`inbox`, `email` …)."""

    notice_id: UUID
    member_id: UUID
    template: Key
    template_version: int = 1
    channel: Key
    cause_source: Key
    cause_id: Key
    about: Text = ""
    decided_at: Instant

    def subject(self) -> str:
        return self.about or str(self.member_id)


class NoticeSent(Notice):
    """The channel accepted the notice."""

    TYPE: ClassVar[str] = "notice.sent.v1"

    attempts: int = 1


class NoticeFailed(Notice):
    """The channel refused it for good, or every attempt failed."""

    TYPE: ClassVar[str] = "notice.failed.v1"

    attempts: int = 1
    reason: Text = ""


class NoticeSuppressed(Notice):
    """Not sent, because the facts at send time spoke against it."""

    TYPE: ClassVar[str] = "notice.suppressed.v1"

    reason: Text
