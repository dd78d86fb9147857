"""The points engine as a whole: what there is to be worked off, and what must be true of it afterwards."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import SecretStr

from common.security.callers import Caller
from common.security.roles import permissions_of
from common.storage import Database
from points import keyring
from points.checks import handlers as checks
from points.ledger import handlers as ledger
from points.ledger.domain import Cause, credit
from points.redemption import handlers as redemption
from points.redemption.handlers import Wish
from tests.faults.world import MASTER_KEYS, World
from tests.points.world import happen, registered, rule

OPERATOR = Caller(
    subject="staff:test",
    kind="staff",
    roles=frozenset({"operator"}),
    permissions=permissions_of(frozenset({"operator"})),
)
AT_A_TIME = 500


class _Keys:
    master_keys = SecretStr(MASTER_KEYS)
    index_key = SecretStr("B" * 43)


def open_keyring() -> None:
    """The test writes with the same keys as the processes it starts."""
    keyring.prepare(_Keys)


async def known(database: Database, members: Sequence[UUID]) -> None:
    """Members that points knows of."""
    for at in range(0, len(members), AT_A_TIME):
        await happen(database, *map(registered, members[at : at + AT_A_TIME]))


async def credited(
    database: Database,
    members: Sequence[UUID],
    *lots: tuple[int, datetime | None, datetime | None],
    now: datetime | None = None,
) -> None:
    """Each member gets these lots: (points, expires_at, available_at); `now` sets the clock back."""
    for at in range(0, len(members), AT_A_TIME):
        async with database.transaction() as tx:
            tx.now = now or tx.now
            wallets = await ledger.lock(tx, members[at : at + AT_A_TIME])
            for member_id in members[at : at + AT_A_TIME]:
                for points, expires_at, available_at in lots:
                    cause = Cause("earned", "", "", "before", tx.now, tx.now)
                    credit(wallets.of(member_id, "points"), points, cause, expires_at, available_at=available_at)
            await ledger.save(tx, wallets)


async def held(database: Database, members: Iterable[UUID], points: int, now: datetime) -> None:
    """Each member holds these points, asked for at `now`, for a minute."""
    for member_id in members:
        async with database.transaction() as tx:
            tx.now = now
            wish = Wish(
                member_id=member_id,
                wallet="points",
                points=points,
                source="//test",
                reference=f"held-{member_id}",
                body_hash=b"",
                hold=True,
                hold_seconds=60,
            )
            await redemption.redeem(tx, OPERATOR, wish)


async def limited_bonus(database: Database, *, per_member: int, budget: int) -> None:
    """5 points for each purchase: so many times for a member, and no more than the budget altogether."""
    limits = [
        {"scope": "member", "period": "ever", "unit": "uses", "amount": per_member},
        {"scope": "budget", "period": "ever", "unit": "points", "amount": budget},
    ]
    await rule(database, "bonus", {"kind": "fixed", "points": 5}, limits=limits)


async def broken(database: Database) -> list[str]:
    """What is wrong with the ledger and with what is counted beside it, in words; every hash chain is read."""
    wrong: list[str] = []
    async with database.transaction() as tx:
        for finding in await checks.look(tx):
            if not finding.holds or finding.difference:
                wrong.append(f"the ledger does not hold: {finding}")
        members = [row.member_id for row in await tx.fetch_all("SELECT DISTINCT member_id FROM wallets")]
        for what, sql in _NOTHING.items():
            wrong += [f"{what}: {tuple(row)}" for row in await tx.fetch_all(f"{sql} LIMIT 5")]
    turns = asyncio.Semaphore(4)

    async def verified(member_id: UUID) -> None:
        async with turns, database.transaction() as tx:
            for chain in await ledger.verify(tx, member_id):
                wrong.extend(f"the chain of {member_id}: {one}" for one in chain.breaks)

    await asyncio.gather(*map(verified, members))
    return wrong


_OF_WALLETS = """
    SELECT wallets.member_id, wallets.wallet, balance, there, pending, waiting, held, reserved
    FROM wallets LEFT JOIN LATERAL (
        SELECT COALESCE(sum(remaining) FILTER (WHERE NOT pending), 0) AS there,
            COALESCE(sum(remaining) FILTER (WHERE pending), 0) AS waiting
        FROM lots WHERE lots.member_id = wallets.member_id AND lots.wallet = wallets.wallet) AS of_lots ON true
    LEFT JOIN LATERAL (
        SELECT COALESCE(sum(points) FILTER (WHERE to_account = 'held'), 0)
            - COALESCE(sum(points) FILTER (WHERE from_account = 'held'), 0) AS reserved
        FROM transfers WHERE transfers.member_id = wallets.member_id AND transfers.wallet = wallets.wallet
    ) AS of_transfers ON true
    WHERE there <> balance OR waiting <> pending OR reserved <> held OR balance < 0 OR debt < 0 OR held < 0
"""
_OF_SHARES = """
    WITH given AS (
        SELECT share ->> 'rule' AS rule, kind, source, occasion_id, CAST(share ->> 'points' AS bigint) AS points
        FROM accruals CROSS JOIN LATERAL json_array_elements(shares) AS share
        WHERE share ->> 'rule' IN (SELECT rule FROM limit_usage)
    ), taken AS (
        SELECT rule, kind, source, key AS occasion_id, max(points) AS points, count(DISTINCT points) AS ways
        FROM limit_takings GROUP BY 1, 2, 3, 4
    )
    SELECT rule, source, occasion_id, given.points, taken.points AS taken
    FROM given FULL JOIN taken USING (rule, kind, source, occasion_id)
    WHERE COALESCE(given.points, 0) <> COALESCE(taken.points, 0) OR taken.ways > 1
"""
_OF_USAGE = """
    SELECT rule, holder, period, limit_usage.points, limit_usage.uses, taken.points AS taken, taken.uses AS taken_uses
    FROM limit_usage FULL JOIN (
        SELECT rule, holder, period, sum(points - points_back) AS points, sum(uses - uses_back) AS uses
        FROM limit_takings GROUP BY 1, 2, 3
    ) AS taken USING (rule, holder, period)
    WHERE COALESCE(limit_usage.points, 0) <> COALESCE(taken.points, 0)
        OR COALESCE(limit_usage.uses, 0) <> COALESCE(taken.uses, 0)
"""
_OF_COUPONS = """
    SELECT template, member_id, counted.issued, counted.used, there.issued AS there, there.used AS in_use
    FROM (SELECT * FROM coupon_counts WHERE member_id NOT IN (
        '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff')) AS counted
    FULL JOIN (
        SELECT template, member_id, count(*) FILTER (WHERE state <> 'revoked') AS issued,
            count(*) FILTER (WHERE state IN ('locked', 'used')) AS used
        FROM coupons GROUP BY 1, 2
    ) AS there USING (template, member_id)
    WHERE COALESCE(counted.issued, 0) <> COALESCE(there.issued, 0)
        OR COALESCE(counted.used, 0) <> COALESCE(there.used, 0)
"""
_OF_TOTALS = """
    SELECT template, issued, used, there, in_use FROM coupon_counts JOIN (
        SELECT template, count(*) FILTER (WHERE state <> 'revoked') AS there,
            count(*) FILTER (WHERE state IN ('locked', 'used')) AS in_use
        FROM coupons GROUP BY 1
    ) AS counted USING (template)
    WHERE member_id = '00000000-0000-0000-0000-000000000000' AND (issued <> there OR used <> in_use)
"""
_NOTHING = {
    "a wallet is not the sum of its lots": _OF_WALLETS,
    "an accrual's share is not what was taken of the limit": _OF_SHARES,
    "what is used of a limit is not what was taken": _OF_USAGE,
    "coupons of a member are miscounted": _OF_COUPONS,
    "coupons of a template are miscounted": _OF_TOTALS,
    "a job failed": "SELECT name, last_error FROM schedule WHERE last_error IS NOT NULL",
    "a dead letter": "SELECT type, error_type, error_message FROM dead_letters",
}


async def deadlocks(world: World) -> int:
    """That PostgreSQL had to break."""
    sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(await world.value("points", sql))


def retried(metrics: str) -> Counter[str]:
    """Batches that a worker did again, by why, from its metrics."""
    found: Counter[str] = Counter()
    for line in metrics.splitlines():
        if line.startswith("loyalty_batch_retries_total{"):
            labels, _, number = line.rpartition(" ")
            found[labels.partition("{")[2]] += int(float(number))
    return found


def long_ago(**ago: float) -> datetime:
    return datetime.now(UTC) - timedelta(**ago)
