"""A task or a prize that was taken back before its notice is sent is not congratulated on; another one is."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.events import Contract, event_of
from common.events.incentives import DrawPlayed, DrawUndone, TaskCompleted, TaskRevoked
from common.storage import Database
from notify.consumer import SUBSCRIPTIONS
from tests.notify.events import handled, member, outcome_of

HANDLERS = {one.contract: one.handler for one in SUBSCRIPTIONS}
NOW = datetime.now(UTC)
FIRST: tuple[dict[str, Any], dict[str, Any]] = ({"completion": "2026-03-01:1"}, {"play_id": UUID(int=1)})
SECOND: tuple[dict[str, Any], dict[str, Any]] = ({"completion": "2026-03-01:2"}, {"play_id": UUID(int=2)})


async def hear(database: Database, data: Contract) -> None:
    await handled(database, HANDLERS[type(data)], event_of(data, source="//loyalty/points"))


@pytest.mark.parametrize(("place", "word"), [(0, "revoked"), (1, "undone")])
async def test_what_was_taken_back_before_it_was_told_is_not_congratulated(
    notify_database: Database, place: int, word: str
) -> None:
    told, undone = ((TaskCompleted, TaskRevoked), (DrawPlayed, DrawUndone))[place]
    prize = {"prize": "茶具"} if place else {"points": 20}
    common: dict[str, Any] = {"member_id": await member(notify_database), "key": "k", "occurred_at": NOW, **prize}
    await hear(notify_database, undone(**{**common, "occurred_at": NOW + timedelta(hours=1), **FIRST[place]}))
    await hear(notify_database, told(**common, **FIRST[place]))
    assert await outcome_of(notify_database, "inbox") == [("suppressed", word)]
    await hear(notify_database, told(**common, **SECOND[place]))
    assert (await outcome_of(notify_database, "inbox"))[-1] == ("sent", "")
