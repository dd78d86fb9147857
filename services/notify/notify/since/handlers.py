"""Keep the latest of everything, in whatever order it comes, and say what is known now."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from common.storage import Transaction
from notify.since import store
from notify.since.domain import NOTHING_LATER, Later, Thing
from notify.since.store import Movement

Facts = Mapping[str, object]


async def keep_things(tx: Transaction, things: Iterable[Thing]) -> None:
    """The latest state of each thing."""
    latest: dict[tuple[str, str], Thing] = {}
    for thing in things:
        known = latest.get((thing.kind, thing.key))
        if known is None or (known.at, known.rank) < (thing.at, thing.rank):
            latest[thing.kind, thing.key] = thing
    if latest:
        await store.keep_things(tx, [latest[place] for place in sorted(latest)])


async def keep_balances(tx: Transaction, movements: Iterable[Movement]) -> None:
    """The balance after the last movement that is known of each wallet."""
    latest: dict[tuple[UUID, str], Movement] = {}
    for movement in movements:
        place = movement[:2]
        if place not in latest or latest[place][2] < movement[2]:
            latest[place] = movement
    if latest:
        await store.keep_balances(tx, [latest[place] for place in sorted(latest)])


async def later_of(tx: Transaction, asked: Sequence[tuple[UUID, Facts]]) -> list[Later]:
    """What is known now of what each (member, facts) speaks of: facts name a `thing` and `thing_key`, or a `wallet`."""
    places = sorted({_place(facts) for _, facts in asked if facts.get("thing")})
    members = sorted({member_id for member_id, facts in asked if facts.get("wallet")})
    states = {(row.kind, row.key): str(row.state) for row in (await store.states(tx, places) if places else ())}
    rows = await store.balances(tx, members) if members else ()
    balances = {(row.member_id, row.wallet): row for row in rows}
    found = []
    for member_id, facts in asked:
        if facts.get("thing"):
            found.append(Later(state=states.get(_place(facts), "")))
        elif row := balances.get((member_id, facts.get("wallet"))):
            found.append(Later(sequence=row.sequence, balance=row.balance, debt=row.debt))
        else:
            found.append(NOTHING_LATER)
    return found


def _place(facts: Facts) -> tuple[str, str]:
    return str(facts["thing"]), str(facts["thing_key"])
