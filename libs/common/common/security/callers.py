"""Who calls: a person of the staff or another system's client, what they are and what they may do."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["staff", "client"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The bearer of a verified token.

    `subject` is stable and unique within the issuer (it owns idempotency keys and stands in the audit log); `roles` are
    the platform's roles; `permissions` what these roles may do, narrowed by the token's scope.
    """

    subject: str
    kind: Kind
    roles: frozenset[str]
    permissions: frozenset[str]

    def may(self, permission: str) -> bool:
        return permission in self.permissions


SYSTEM = Caller(subject="system", kind="client", roles=frozenset(), permissions=frozenset())
"""The platform itself: timed jobs and events, for the audit log."""
