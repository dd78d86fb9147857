"""What the tests of streaks, tasks, badges and draws say often."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from common.events import Contract, Event, event_of
from common.events.activities import ActivityCompleted
from common.security.callers import SYSTEM
from common.storage import Database
from points.draws import epochs
from points.incentives import handlers
from points.incentives.domain import DRAW, Incentive
from points.incentives.forms import IncentiveForm
from points.payouts.handlers import INCENTIVES
from tests.points.world import NOON, day, value

APP = "//shop.example/app"
FORM: TypeAdapter[Any] = TypeAdapter(IncentiveForm)


async def active(
    database: Database, kind: str, key: str, form: Mapping[str, Any], *, since: datetime | None = None
) -> Incentive:
    """Drafted and made active, from `since` on (default: long before the tests' days)."""
    definition = FORM.validate_python({"kind": kind, "name": {"zh": key}, **form}).model_dump(
        mode="json", exclude={"kind"}
    )
    async with database.transaction() as tx:
        await handlers.draft(tx, SYSTEM, kind, key, definition)
        made = await handlers.activate(tx, SYSTEM, kind, key)
        await tx.execute(
            "UPDATE incentives SET active_from = :since WHERE kind = :kind AND key = :key",
            {"since": since or day(-300), "kind": kind, "key": key},
        )
        if kind == DRAW:
            await epochs.open_epoch(tx, made)
        return await handlers.one(tx, kind, key)


def activity(
    member_id: UUID, activity_id: str, kind: str = "sign_in", *, at: datetime = NOON, **facts: Any
) -> Event[Contract]:
    data = ActivityCompleted(activity_id=activity_id, member_id=member_id, activity=kind, occurred_at=at, **facts)
    return event_of(data, source=APP)


def came(member_id: UUID, *days: int) -> list[Event[Contract]]:
    """Sign-ins at noon (UTC) of these days."""
    return [activity(member_id, f"{member_id}-{number}", at=day(number)) for number in days]


async def incentive_points(database: Database, member_id: UUID) -> int:
    """What incentives gave the member, less what they took back."""
    return int(
        await value(
            database,
            """
            SELECT COALESCE(sum(CASE WHEN to_account = 'wallet' THEN points ELSE -points END), 0) FROM transfers
            WHERE member_id = :member AND order_source = :source AND kind <> 'debt_repaid'
            """,
            member=member_id,
            source=INCENTIVES,
        )
    )


PURCHASES = {
    "of": "purchases",
    "what": "count",
}


def task(**facts: Any) -> dict[str, Any]:
    """A task of two purchases for 50 points."""
    return {"goals": [{"measure": PURCHASES, "target": 2}], "reward": {"points": 50}, **facts}
