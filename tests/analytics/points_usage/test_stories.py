"""Whatever happens to points: what they tell of it, in any order and twice, is all that analytics needs."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from analytics.points_usage import domain, handlers
from analytics.points_usage.domain import PointsSums, Tally
from common.events import Event, event_of
from common.events.registry import CONTRACTS
from common.storage import Database
from points import keyring
from points.reports import handlers as reports
from tests.analytics.builders import hear
from tests.analytics.points_usage.stories import MOVES, Story, prepare
from tests.points import world

WALLETS = ("points", "growth", "stars")
POLICIES = ("allow_negative", "clamp", "pending_only", "within_balance")
BATCH = 40
OUTBOX = """
    SELECT routing_key, body -> 'data' AS data FROM (
        SELECT routing_key, convert_from(body, 'UTF8')::jsonb AS body FROM outbox WHERE routing_key LIKE 'points.%'
    ) AS told WHERE CAST(body -> 'data' ->> 'member_id' AS uuid) = ANY(CAST(:members AS uuid[]))
"""
BY_MEMBER = """
    SELECT member_id, wallet, kind, count(*) AS movements, sum(points) AS points, sum(written_off) AS written_off,
        sum(waiting) AS waiting, sum(unexpired) AS unexpired
    FROM movements GROUP BY member_id, wallet, kind
"""
LEDGER = """
    SELECT member_id, wallet, balance - debt + held AS outstanding, pending FROM wallets
    WHERE member_id = ANY(CAST(:members AS uuid[]))
"""
TRANSFERS = """
    SELECT from_account, to_account, kind, CAST(sum(points) AS bigint) AS points FROM transfers
    WHERE member_id = ANY(CAST(:members AS uuid[])) AND wallet = :wallet GROUP BY from_account, to_account, kind
"""

Moves = list[tuple[str, int, int]]


def moves(seed: int, length: int) -> Moves:
    """By chance; a story that hypothesis makes shorter begins like the longer one."""
    chance = Random(seed)
    return [(chance.choice(MOVES), chance.randrange(3), chance.randint(1, 90)) for _ in range(length)]


stories = st.builds(moves, st.integers(0, 2**32), st.integers(30, 90))


class _Keys:
    master_keys = SecretStr("test:" + "A" * 43)
    index_key = SecretStr("B" * 43)


@pytest.fixture
def keys() -> None:
    """Rewards seal their addresses."""
    keyring.prepare(_Keys)


async def told(database: Database, members: Sequence[UUID]) -> list[Event[Any]]:
    found = await world.rows(database, OUTBOX, members=list(members))
    return [event_of(CONTRACTS[row.routing_key].model_validate(row.data), source="//loyalty/points") for row in found]


async def heard(database: Database, events: Sequence[Event[Any]], chance: Random) -> None:
    """In any order, each once or twice, in batches; what came before is forgotten."""
    async with database.transaction() as tx:
        await tx.execute("TRUNCATE movements, points_days, rule_days")
    twice = [*events, *chance.sample(list(events), len(events) // 2)]
    chance.shuffle(twice)
    for start in range(0, len(twice), BATCH):
        batch = {event.id: event for event in twice[start : start + BATCH]}
        outcomes = await hear(database, *batch.values())
        assert {outcome.word for outcome in outcomes} <= {"duplicate"}, outcomes


async def by_member(database: Database) -> dict[tuple[UUID, str], int]:
    """What events say that each wallet holds; those that hold nothing are left out."""
    kinds: dict[tuple[UUID, str], dict[str, Tally]] = {}
    for row in await world.rows(database, BY_MEMBER):
        of_wallet = kinds.setdefault((row.member_id, row.wallet), {})
        of_wallet[row.kind] = Tally(
            movements=row.movements,
            points=int(row.points),
            written_off=int(row.written_off),
            waiting=int(row.waiting),
        )
        unexpired = of_wallet.get(domain.UNEXPIRED, domain.NONE)
        of_wallet[domain.UNEXPIRED] = unexpired + Tally(points=int(row.unexpired))
    sums = {key: PointsSums(kinds=of_wallet).outstanding for key, of_wallet in kinds.items()}
    return {key: points for key, points in sums.items() if points}


async def figures(database: Database, members: Sequence[UUID], wallet: str) -> dict[str, int]:
    """The ledger's transfers by what the events call them."""
    sums: Counter[str] = Counter()
    for row in await world.rows(database, TRANSFERS, members=list(members), wallet=wallet):
        way = (row.from_account, row.to_account)
        match way:
            case ("issue", _):
                sums["repriced" if row.kind == "repriced" else "earned"] += row.points
            case ("pending", "wallet"):
                sums["released"] += row.points
            case ("redemption", _):
                sums["given_back"] += row.points
            case ("expiry", _):
                sums["unexpired"] += row.points
            case ("write_off", "debt") | ("adjustment", _):
                sums["adjusted"] += row.points
            case ("debt", "write_off") | (_, "adjustment"):
                sums["adjusted"] -= row.points
            case (_, "redemption"):
                sums["redeemed"] += row.points
            case (_, "expiry"):
                sums["expired"] += row.points
            case (_, "issue" | "clawback"):
                # Incentives take back by corrections too, into the same account.
                sums["taken"] += row.points
        if row.from_account == "write_off" and row.to_account != "debt":
            sums["written_off"] += row.points
    sums["taken"] -= sums.pop("repriced", 0)
    return {name: points for name, points in sums.items() if points}


def counted(sums: PointsSums) -> dict[str, int]:
    points = sums.points
    found = {name: points(name) for name in ("released", "given_back", "unexpired", "redeemed", "expired")}
    found["earned"] = sums.earned
    found["adjusted"] = points("adjusted_up") - points("adjusted_down")
    found["taken"] = sums.clawed_back - sums.repriced
    found["written_off"] = sums.written_off
    return {name: points for name, points in found.items() if points}


async def reported(database: Database, wallet: str) -> None:
    """The report of points itself adds up to what everybody has, waiting points included."""
    today = datetime.now(UTC).date()
    async with database.transaction() as tx:
        usage = await reports.usage(tx, wallet, today, today, "day")
    there = "SELECT COALESCE(sum(balance + pending + held - debt), 0) FROM wallets WHERE wallet = :wallet"
    assert usage.outstanding_now == int(await world.value(database, there, wallet=wallet))


async def agree(points_database: Database, analytics_database: Database, story: Story, chance: Random) -> None:
    await heard(analytics_database, await told(points_database, story.members), chance)
    rows = await world.rows(points_database, LEDGER, members=story.members)
    ledger = {(row.member_id, row.wallet): row.outstanding for row in rows if row.outstanding}
    assert await by_member(analytics_database) == ledger
    for wallet in WALLETS:
        async with analytics_database.transaction() as tx:
            sums, _ = await handlers.everything(tx, wallet)
        assert sums.outstanding == sum(points for (_, name), points in ledger.items() if name == wallet)
        assert sums.waiting == sum(row.pending for row in rows if row.wallet == wallet)
        assert counted(sums) == await figures(points_database, story.members, wallet)
        assert sums.points("transferred_in") == sums.points("transferred_out")
        await reported(points_database, wallet)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories, policy=st.sampled_from(POLICIES), order=st.integers(0, 2**32))
async def test_balances_of_analytics_are_those_of_the_ledger(
    points_database: Database, analytics_database: Database, keys: None, story: Moves, policy: str, order: int
) -> None:
    if not await world.value(points_database, "SELECT count(*) FROM earning_rules WHERE rule = 'slow'"):
        await prepare(points_database)
    played = Story(points_database)
    await played.begin(negative_policy=policy, grace_days=len(story) % 3)
    for move, who, number in story:
        await played.play(move, who, number)
    await agree(points_database, analytics_database, played, Random(order))
