"""What time and returned purchases do to coupons."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from common.storage import Database
from points import keyring
from points.accruals.domain import Purchase
from points.cascade.domain import Returned
from points.coupon_codes import minting
from points.coupon_pools import handlers as pools
from points.coupons import handlers, sweeps
from points.ledger import handlers as ledger
from tests.points.coupons.world import SHOP, cart, code_of, given, lock, now, pool, template, use
from tests.points.world import happen, member, programme, purchase, refund, rows, value

OUTBOX = """
    SELECT routing_key, convert_from(body, 'UTF8')::jsonb -> 'data' AS data FROM outbox
    WHERE routing_key LIKE 'coupon.%' ORDER BY id
"""


async def told(database: Database, kind: str) -> list[Any]:
    found = [row.data for row in await rows(database, OUTBOX) if row.routing_key == f"coupon.{kind}.v1"]
    return [json.loads(one) if isinstance(one, str) else one for one in found]


async def run(database: Database, *jobs: Any) -> None:
    for job in jobs:
        async with database.transaction() as tx:
            await job(tx)


async def shift(database: Database, days: int) -> None:
    """As if all coupons were so many days older."""
    for column in ("expires_at", "notice_at", "issued_at", "valid_from"):
        await value(
            database,
            f"UPDATE coupons SET {column} = {column} - CAST(:distance AS interval) RETURNING 1",
            distance=timedelta(days=days),
        )


async def test_notice_goes_out_once_and_expiry_is_written_once(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database, days=10, notice_days=3)
    coupon = await given(points_database, someone)
    await given(points_database, someone, reference="later")
    await run(points_database, sweeps.tell_ahead, sweeps.expire)
    assert await told(points_database, "expiring") == []
    await shift(points_database, 8)
    await run(points_database, sweeps.tell_ahead, sweeps.tell_ahead, sweeps.expire)
    assert len(await told(points_database, "expiring")) == 2
    assert await told(points_database, "expired") == []
    await shift(points_database, 3)
    assert (await now(points_database, coupon)).state_at(datetime.now(UTC)) == "expired"
    await run(points_database, sweeps.expire, sweeps.expire, sweeps.tell_ahead)
    expired = await told(points_database, "expired")
    assert len(expired) == 2
    assert expired[0]["member_id"] == str(someone)
    assert {row.state for row in await rows(points_database, "SELECT state FROM coupons")} == {"expired"}


async def test_no_notice_of_a_coupon_that_was_used_or_has_ended(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database, days=10, notice_days=3)
    used = await given(points_database, someone)
    await given(points_database, someone)
    await use(points_database, cart(someone), ids=[used.coupon_id])
    await shift(points_database, 20)
    await run(points_database, sweeps.tell_ahead)
    assert await told(points_database, "expiring") == []


async def test_whole_return_of_the_purchase_gives_the_coupon_back_and_a_part_does_not(
    points_database: Database,
) -> None:
    someone = await member(points_database)
    await template(points_database, limits={"used_per_member": 1})
    coupon = await given(points_database, someone)
    await use(points_database, cart(someone), ids=[coupon.coupon_id], order_id="a")
    at = datetime.now(UTC)
    await happen(points_database, purchase(someone, "a", 90_00, at=at, source=SHOP))
    await happen(points_database, refund("a", "r1", 40_00, at=at, source=SHOP))
    assert (await now(points_database, coupon)).state == "used"
    await happen(points_database, refund("a", "r2", 50_00, at=at, source=SHOP))
    assert await now(points_database, coupon) == coupon
    (back,) = await told(points_database, "returned")
    assert (back["order_id"], back["reason"]) == ("a", "order_returned")
    assert (await use(points_database, cart(someone), ids=[coupon.coupon_id], order_id="b")).done


async def follow(database: Database, *returns: Returned) -> list[Any]:
    async with database.transaction() as tx:
        wallets = await ledger.lock(tx, [one.member_id for one in returns])
        return await handlers.purchases_returned(tx, wallets, returns)


def bought(member_id: UUID, order_id: str, *, returned: int) -> Purchase:
    now = datetime.now(UTC)
    none = ("", "", None, "base", False, "floor")
    return Purchase(SHOP, order_id, member_id, "CNY", 10, 10, *none, returned, None, now, now, b"")


def whole(member_id: UUID, order_id: str) -> Returned:
    return Returned(
        member_id=member_id,
        source=SHOP,
        return_id=f"r-{order_id}",
        order_source=SHOP,
        order_id=order_id,
        occurred_at=datetime.now(UTC),
        basis=10,
        before=4,
        after=10,
        purchase=bought(member_id, order_id, returned=10),
    )


async def test_receipt_has_a_line_for_each_coupon(points_database: Database) -> None:
    await happen(points_database, programme(grace_days=2))
    someone = await member(points_database)
    await template(points_database, days=5)
    used = await given(points_database, someone)
    earned = await given(points_database, someone, reason="rule", reference="r1", cause=(SHOP, "a"))
    await given(points_database, someone, reason="rule", reference="r2", cause=(SHOP, "other"))
    await use(points_database, cart(someone), ids=[used.coupon_id], order_id="a")
    effects = await follow(points_database, whole(someone, "a"), whole(someone, "unknown"))
    found = {one.what: (one.return_id, one.before, one.after.split()[0]) for one in effects}
    assert found == {
        f"ten {used.coupon_id}": ("r-a", "used", "active"),
        f"ten {earned.coupon_id}": ("r-a", "active", "revoked"),
    }
    assert await follow(points_database, whole(someone, "a")) == []
    assert (await now(points_database, earned)).state == "revoked"


async def test_coupon_a_returned_purchase_earned_is_taken_back_even_from_a_lock(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database, limits={"used_total": 1})
    earned = await given(points_database, someone, reason="rule", reference="r1", cause=(SHOP, "a"))
    await lock(points_database, cart(someone), ids=[earned.coupon_id], order_id="b")
    await follow(points_database, whole(someone, "a"))
    assert (await now(points_database, earned)).state == "revoked"
    counts = await rows(points_database, "SELECT issued, used FROM coupon_counts")
    assert {(row.issued, row.used) for row in counts} == {(0, 0)}


async def test_codes_are_sealed_again_with_a_new_master_key(points_database: Database) -> None:
    someone = await member(points_database)
    await pool(points_database, "p", ["PARTNER-0001", "PARTNER-0002"])
    await template(points_database)
    await template(points_database, "partner", codes={"kind": "pool", "pool": "p"})
    held = [await given(points_database, someone), await given(points_database, someone, "partner")]
    codes = [await code_of(points_database, one) for one in held]

    class Rotated:
        master_keys = type("S", (), {"get_secret_value": lambda _: "new:" + "C" * 42 + "A,test:" + "A" * 43})()
        index_key = type("S", (), {"get_secret_value": lambda _: "B" * 42 + "A"})()

    before = minting.index_of(codes[0])
    keyring.prepare(Rotated)
    await run(points_database, sweeps.reseal, pools.reseal)
    keys = await rows(
        points_database, "SELECT key_id FROM coupons UNION SELECT key_id FROM coupon_pool_codes WHERE state = 'free'"
    )
    assert {row.key_id for row in keys} == {"new"}
    Rotated.master_keys = type("S", (), {"get_secret_value": lambda _: "new:" + "C" * 42 + "A"})()
    keyring.prepare(Rotated)
    assert [await code_of(points_database, one) for one in held] == codes
    assert len(before) == 32


async def test_history_cannot_be_changed(points_database: Database) -> None:
    import pytest
    from sqlalchemy.exc import DBAPIError

    someone = await member(points_database)
    await template(points_database)
    await given(points_database, someone)
    for sql in ("UPDATE coupon_history SET what = 'x'", "DELETE FROM coupon_template_versions"):
        with pytest.raises(DBAPIError, match="append-only"):
            await value(points_database, sql)


async def test_job_without_anything_to_do_does_nothing(points_database: Database) -> None:
    await run(points_database, sweeps.unlock, sweeps.expire, sweeps.tell_ahead, sweeps.reseal, pools.reseal)
    assert await value(points_database, "SELECT count(*) FROM coupon_history") == 0
