"""`GET /v1/audit-log`: who did or saw what, newest first. Every service has its own, in its own database."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from common.http.fields import Instant, Key
from common.http.paging import Page, Paging, page, paged
from common.http.route import Router
from common.http.transaction import Tx
from common.security.permissions import allow

router = Router(tags=["audit"])

_COLUMNS = "SELECT id, at, actor, actor_kind, action, subject, facts, trace_id FROM audit_log"
_FILTERS = {
    "actor": "actor = :actor",
    "action": "action = :action",
    "subject": "subject = :subject",
    "since": "at >= :since",
    "until": "at < :until",
    "before": "id < :before",
}


class AuditEntry(BaseModel):
    """One deed. `facts` never holds personal data."""

    id: int
    at: datetime
    actor: str
    actor_kind: str
    action: str
    subject: str
    facts: dict[str, Any]
    trace_id: str


@router.get("/v1/audit-log", dependencies=[allow("audit:read")])
async def audit_log(
    tx: Tx,
    paging: Annotated[Paging[tuple[int]], paged(int)],
    actor: Annotated[Key | None, Query(description="Subject of the caller who did it.")] = None,
    action: Annotated[Key | None, Query(description="For example `member.revealed`.")] = None,
    subject: Annotated[Key | None, Query(description="Id of what it was done to.")] = None,
    since: Annotated[Instant | None, Query(alias="from", description="At or after this instant.")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Before this instant.")] = None,
) -> Page[AuditEntry]:
    """The audit log of this service, newest first."""
    before = paging.after[0] if paging.after else None
    asked = {"actor": actor, "action": action, "subject": subject, "since": since, "until": until, "before": before}
    wanted = {name: value for name, value in asked.items() if value is not None}
    conditions = " AND ".join(["true", *(_FILTERS[name] for name in wanted)])
    rows = await tx.fetch_all(
        f"{_COLUMNS} WHERE {conditions} ORDER BY id DESC LIMIT :limit", {**wanted, "limit": paging.fetch}
    )
    return page(
        rows, paging, key=lambda row: (row.id,), item=lambda row: AuditEntry.model_validate(row, from_attributes=True)
    )
