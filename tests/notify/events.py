"""Events as other services would publish them, and the little ways tests look into notify's database."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from common.events import Event, event_of
from common.events.members import MemberRegistered, MemberTierChanged, MemberUpdated, Preferences, Sealed, TierSince
from common.events.points import PointsClawedBack, PointsEarned, PointsRepriced
from common.messaging import Outcome
from common.security.callers import Caller
from common.security.cipher import Cipher
from common.security.masterkeys import MasterKeys
from common.storage import Database, Transaction
from notify.preferences.handlers import members_changed

SHOP = "//shop/web"
BOUGHT_AT = datetime(1997, 3, 1, 4, 0, tzinfo=UTC)
CIPHER = Cipher(MasterKeys([("k1", bytes(range(32)))]))
STAFF = Caller(subject="staff:test", kind="staff", roles=frozenset({"operator"}), permissions=frozenset())
MASTER_KEYS = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def _event(data: Any, **envelope: Any) -> Event[Any]:
    return cast("Event[Any]", event_of(data, **{"source": "//loyalty/other", **envelope}))


def earned(member_id: UUID, *, points: int = 100, order: str = "A-1", **changes: Any) -> Event[PointsEarned]:
    envelope = {name: changes.pop(name) for name in ("id", "time", "source", "traceparent") if name in changes}
    fields = {
        "sequence": 1,
        "balance": points,
        "occurred_at": BOUGHT_AT,
        "order_source": SHOP,
        "order_id": order,
        "basis": points * 100,
        "currency": "CNY",
        "rule": "base",
        "rule_version": 1,
    } | changes
    return _event(PointsEarned(member_id=member_id, points=points, **fields), **envelope)


def clawed_back(member_id: UUID, *, points: int = 100, order: str = "A-1", **changes: Any) -> Event[PointsClawedBack]:
    envelope = {name: changes.pop(name) for name in ("id", "time", "source") if name in changes}
    fields = {
        "sequence": 2,
        "balance": 0,
        "occurred_at": BOUGHT_AT + timedelta(days=3),
        "order_source": SHOP,
        "order_id": order,
        "return_id": "R-1",
    } | changes
    return _event(PointsClawedBack(member_id=member_id, points=points, **fields), **envelope)


def repriced(
    member_id: UUID, *, points: int, order: str = "A-1", sequence: int = 3, balance: int = 0
) -> Event[PointsRepriced]:
    return _event(
        PointsRepriced(
            member_id=member_id,
            sequence=sequence,
            points=points,
            balance=balance,
            occurred_at=BOUGHT_AT,
            order_source=SHOP,
            order_id=order,
        )
    )


def tier_changed(
    member_id: UUID,
    tier: str,
    previous: str,
    *,
    revision: int = 1,
    direction: str = "up",
    name: str = "",
    **envelope: Any,
) -> Event[MemberTierChanged]:
    return _event(
        MemberTierChanged(
            member_id=member_id,
            revision=revision,
            tier=tier,
            tier_name=name,
            previous_tier=previous,
            direction=direction,
            effective_at=BOUGHT_AT,
            qualifying_amount=150_000,
            history=(TierSince(tier=tier, since=BOUGHT_AT),),
        ),
        **envelope,
    )


class _NotKeptError(Exception):
    """Rolls back: the data key is members' affair until an event brings it."""


async def seal(database: Database, member_id: UUID, **personal: str) -> Sealed:
    """As members would: with a key that notify does not have yet."""
    sealed = Sealed(key="", box="")
    with suppress(_NotKeptError):
        async with database.transaction() as tx:
            sealed = await CIPHER.seal(tx, member_id, personal)
            raise _NotKeptError
    return sealed


async def registered(
    database: Database,
    *,
    member_id: UUID | None = None,
    revision: int = 1,
    email: str | None = None,
    name: str = "Li Wei",
    **changes: Any,
) -> Event[MemberRegistered]:
    member_id = member_id or uuid4()
    personal = await seal(database, member_id, name=name, email=email) if email else None
    preferences = Preferences(**{key: changes.pop(key) for key in list(changes) if key in Preferences.model_fields})
    fields = {"registered_at": BOUGHT_AT, "personal": personal} | changes
    return _event(MemberRegistered(member_id=member_id, revision=revision, preferences=preferences, **fields))


def updated(event: Event[Any], **changes: Any) -> Event[MemberUpdated]:
    """The member again, one revision later, with these changes (preferences by their names)."""
    known = event.data.model_dump()
    wishes = {key: changes.pop(key) for key in list(changes) if key in Preferences.model_fields}
    known |= {"revision": event.data.revision + 1, "preferences": known["preferences"] | wishes} | changes
    return _event(MemberUpdated(**known))


async def member(database: Database, **wishes: Any) -> UUID:
    """A member that notify knows; with `email=` the address of a sealed contact."""
    event = await registered(database, **wishes)
    await handled(database, members_changed, event)
    return event.data.member_id


Handler = Callable[[Transaction, Sequence[Event[Any]]], Awaitable[Sequence[Outcome] | None]]


async def handled(database: Database, handler: Handler, *events: Event[Any]) -> dict[str, tuple[str, str]]:
    """Let a handler have these events in one transaction; event id → (word, reason) of what did not go well."""
    async with database.transaction() as tx:
        outcomes = await handler(tx, events) or ()
    return {outcome.event.id: (outcome.word, outcome.reason) for outcome in outcomes}


async def rows(database: Database, sql: str, **params: Any) -> list[dict[str, Any]]:
    async with database.transaction() as tx:
        return [dict(row._mapping) for row in await tx.fetch_all(sql, params)]


async def notices(database: Database, channel: str | None = None) -> list[dict[str, Any]]:
    found = await rows(database, "SELECT * FROM notices ORDER BY decided_at, cause_id, channel")
    return [row for row in found if channel in (None, row["channel"])]


async def outcome_of(database: Database, channel: str) -> list[tuple[str, str]]:
    return [(row["state"], row["reason"]) for row in await notices(database, channel)]


async def messages(database: Database) -> list[dict[str, Any]]:
    """The CloudEvents that were emitted, in order."""
    found = await rows(database, "SELECT convert_from(body, 'UTF8')::jsonb AS event FROM outbox ORDER BY id")
    return [row["event"] for row in found]


async def told(database: Database) -> list[tuple[str, str]]:
    """(event type, channel) of what was emitted, in order."""
    return [(event["type"], event["data"]["channel"]) for event in await messages(database)]
