"""The audit log: who did or saw what, when. Append-only, in the same transaction as the deed."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from common.security.callers import Caller
from common.storage import Transaction
from common.trace_context import current, trace_id_of

_INSERT = """
    INSERT INTO audit_log (at, actor, actor_kind, action, subject, facts, trace_id)
    VALUES (:at, :actor, :actor_kind, :action, :subject, CAST(:facts AS jsonb), :trace_id)
"""


async def audit(tx: Transaction, caller: Caller, action: str, subject: object, **facts: Any) -> None:
    """Write down that `caller` did `action` (`member.revealed`) to `subject` (an id).

    Facts are JSON values, times and UUIDs. Never personal data: the log outlives an erased member. Name the fields that
    were seen or changed, not their values.
    """
    await tx.execute(
        _INSERT,
        {
            "at": tx.now,
            "actor": caller.subject,
            "actor_kind": caller.kind,
            "action": action,
            "subject": str(subject),
            "facts": orjson.dumps(facts, default=_plain).decode(),
            "trace_id": trace_id_of(current.get()),
        },
    )


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value, key=str)
    if isinstance(value, (UUID, datetime)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not a fact for the audit log")
