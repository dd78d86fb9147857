"""Who gets a coupon, how often, with which code; exact with a hundred at once."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from common.storage import Database
from points.coupon_pools import handlers as pools
from points.coupon_templates.domain import Terms
from points.coupons import handlers
from points.coupons.domain import Coupon, Grant, validity
from points.coupons.refusals import (
    CouponMemberUnknownError,
    CouponRefusedError,
    CouponStateError,
    CouponUnknownError,
    IssueLimitError,
    PoolEmptyError,
    TemplateEndedError,
    TemplateNotActiveError,
    TemplateUnknownError,
)
from tests.points.coupons.world import TILL, code_of, form, given, lock, now, pool, template, use
from tests.points.coupons.world import cart as cart_of
from tests.points.world import PAYLOADS, member, rows, value

SHANGHAI = ZoneInfo("Asia/Shanghai")


async def test_issued_coupon_has_a_code_of_its_own_and_an_event_without_it(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database, codes={"kind": "own", "prefix": "VP"}, days=30, notice_days=3)
    coupon = await given(points_database, someone, reason="reward", reference="order-1")
    code = await code_of(points_database, coupon)
    assert code.startswith("VP-")
    (event,) = [one for one in await rows(points_database, PAYLOADS) if "template" in one.body]
    assert '"reason": "reward"' in event.body
    assert code not in event.body
    dump = await value(points_database, "SELECT string_agg(row_to_json(coupons)::text, '') FROM coupons")
    assert code.replace("-", "") not in dump


async def test_same_reference_gives_the_same_coupon(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database)
    first = await given(points_database, someone, reason="rule", reference="r/1/shop/o1")
    again = await given(points_database, someone, reason="rule", reference="r/1/shop/o1")
    other = await given(points_database, someone, reason="rule", reference="r/1/shop/o2")
    assert first == again
    assert other.coupon_id != first.coupon_id
    assert await value(points_database, "SELECT issued FROM coupon_counts") == 2


async def test_empty_reference_always_gives_another_one(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database)
    assert (await given(points_database, someone)).coupon_id != (await given(points_database, someone)).coupon_id


async def test_a_hundred_at_once_with_one_reference_give_one_coupon(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database)
    found = await asyncio.gather(*(given(points_database, someone, reference="same") for _ in range(100)))
    assert len({one.coupon_id for one in found}) == 1


async def test_batch_of_grants_tells_of_each_in_order(points_database: Database) -> None:
    someone, other = await member(points_database), await member(points_database)
    await template(points_database, limits={"issued_per_member": 1})
    at = datetime(2025, 1, 1, tzinfo=UTC)

    def grant(member_id: Any, reference: str, key: str = "ten") -> Grant:
        return Grant(template=key, member_id=member_id, reason="rule", reference=reference, occurred_at=at)

    async with points_database.transaction() as tx:
        results = await handlers.issue_many(
            tx,
            [
                grant(someone, "a"),
                grant(uuid4(), "a"),
                grant(someone, "a"),
                grant(someone, "b"),
                grant(other, "a", "none"),
                grant(other, "a"),
            ],
        )
    kinds = [type(one) for one in results]
    assert kinds == [Coupon, CouponMemberUnknownError, Coupon, IssueLimitError, TemplateUnknownError, Coupon]
    assert results[0] == results[2]
    assert await value(points_database, "SELECT count(*) FROM coupons") == 2


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        (TemplateEndedError, {"ends_at": "2025-01-01T00:00:00+08:00"}),
        (IssueLimitError, {"limits": {"issued_total": 1}}),
        (IssueLimitError, {"limits": {"issued_per_member": 1}}),
    ],
)
async def test_refusal_leaves_nothing_behind(
    points_database: Database, kind: type[CouponRefusedError], terms: dict[str, Any]
) -> None:
    someone = await member(points_database)
    await template(points_database, **terms)
    if kind is IssueLimitError:
        await given(points_database, someone)
    before = await value(points_database, "SELECT count(*) FROM coupons")
    with pytest.raises(kind):
        await given(points_database, someone)
    assert await value(points_database, "SELECT count(*) FROM coupons") == before


async def test_draft_and_archived_templates_issue_nothing(points_database: Database) -> None:
    from points.coupon_templates import handlers as templates

    someone = await member(points_database)
    async with points_database.transaction() as tx:
        await templates.create(tx, TILL, "ten", form())
    with pytest.raises(TemplateNotActiveError):
        await given(points_database, someone)
    async with points_database.transaction() as tx:
        await templates.activate(tx, TILL, "ten", await templates.lock(tx, "ten"))
        await templates.archive(tx, TILL, "ten", await templates.lock(tx, "ten"))
    with pytest.raises(TemplateNotActiveError):
        await given(points_database, someone)
    async with points_database.transaction() as tx:
        await templates.activate(tx, TILL, "ten", await templates.lock(tx, "ten"))
    assert (await given(points_database, someone)).version == 1


async def test_coupon_keeps_the_version_it_was_issued_by(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database)
    old = await given(points_database, someone)
    await template(points_database, benefit={"kind": "amount", "amount": 50_00})
    new = await given(points_database, someone)
    assert (old.version, new.version) == (1, 2)
    for coupon, discount in ((old, 10_00), (new, 50_00)):
        code = await code_of(points_database, coupon)
        decision = await use(points_database, cart_of(someone, 100_00), code, order_id=f"o{discount}")
        assert decision.quote.discount == discount


async def test_total_limit_holds_for_a_hundred_at_once(points_database: Database) -> None:
    people = [await member(points_database) for _ in range(10)]
    await template(points_database, limits={"issued_total": 30, "issued_per_member": 5})
    found = await asyncio.gather(
        *(given(points_database, people[number % 10]) for number in range(100)), return_exceptions=True
    )
    counts = Counter(type(one) for one in found)
    assert counts == {Coupon: 30, IssueLimitError: 70}
    each = await rows(points_database, "SELECT count(*) AS held FROM coupons GROUP BY member_id")
    assert max(row.held for row in each) <= 5


async def test_total_that_is_limited_later_counts_what_was_issued_before(points_database: Database) -> None:
    people = [await member(points_database) for _ in range(4)]
    await template(points_database)
    issuing = [given(points_database, people[number % 4]) for number in range(20)]
    await asyncio.gather(
        *issuing[:10], template(points_database, limits={"issued_total": 12}), *issuing[10:], return_exceptions=True
    )
    await asyncio.gather(*(given(points_database, one) for one in people * 3), return_exceptions=True)
    issued = await value(points_database, "SELECT count(*) FROM coupons")
    counted = await value(
        points_database,
        "SELECT issued FROM coupon_counts WHERE member_id = CAST(:id AS uuid)",
        id="00000000-0000-0000-0000-000000000000",
    )
    assert counted == issued
    assert issued >= 12


async def test_pool_gives_each_code_once_and_then_says_it_is_empty(points_database: Database) -> None:
    people = [await member(points_database) for _ in range(10)]
    codes = [f"PARTNER-{number:04d}-XYZ" for number in range(40)]
    await template(points_database, codes={"kind": "pool", "pool": await pool(points_database, "partner", codes)})
    found = await asyncio.gather(
        *(given(points_database, people[number % 10]) for number in range(100)), return_exceptions=True
    )
    issued = [one for one in found if isinstance(one, Coupon)]
    assert {type(one) for one in found} == {Coupon, PoolEmptyError}
    # Codes another transaction holds are passed over, so one in a hurry may see an empty pool: the rest is still there.
    async with points_database.transaction() as tx:
        left = (await pools.find(tx, "partner")).free
    assert len(issued) + left == 40
    shown = [await code_of(points_database, one) for one in issued]
    assert len(set(shown)) == len(shown)
    assert set(shown) <= set(codes)
    assert await value(points_database, "SELECT sum(issued) FROM coupon_counts") == len(issued)


async def test_revoked_coupon_cannot_be_used_and_frees_its_place(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database, limits={"issued_per_member": 1, "issued_total": 1})
    coupon = await given(points_database, someone)
    code = await code_of(points_database, coupon)
    async with points_database.transaction() as tx:
        await handlers.revoke(tx, coupon.coupon_id, "mistake")
    decision = await lock(points_database, cart_of(someone), code)
    assert not decision.done
    assert decision.quote.refused[coupon.coupon_id].reason == "revoked"
    assert (await given(points_database, someone)).state == "active"


async def test_used_and_unknown_coupons_cannot_be_revoked(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database)
    coupon = await given(points_database, someone)
    await use(points_database, cart_of(someone), await code_of(points_database, coupon))
    with pytest.raises(CouponStateError):
        async with points_database.transaction() as tx:
            await handlers.revoke(tx, coupon.coupon_id, "late")
    with pytest.raises(CouponUnknownError):
        async with points_database.transaction() as tx:
            await handlers.revoke(tx, uuid4(), "late")
    assert (await now(points_database, coupon)).state == "used"


def test_days_end_with_the_last_day_in_the_programmes_zone() -> None:
    issued = datetime(2025, 1, 31, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    for days, end in ((0, datetime(2025, 1, 31, 16, tzinfo=UTC)), (7, datetime(2025, 2, 7, 16, tzinfo=UTC))):
        found = validity(Terms(kind="amount", amount=1, days=days, notice_days=1), issued, SHANGHAI)
        assert found.expires_at == end
        assert found.notice_at == end - timedelta(days=1)


def test_window_cuts_days_off_and_may_begin_later() -> None:
    issued, starts = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)
    ends = datetime(2025, 1, 3, tzinfo=UTC)
    found = validity(Terms(kind="amount", amount=1, days=30, starts_at=starts, ends_at=ends), issued, SHANGHAI)
    assert (found.valid_from, found.expires_at, found.notice_at) == (starts, ends, None)


def test_days_of_what_is_issued_before_its_window_begin_with_the_window() -> None:
    issued, starts = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 3, 1, 2, tzinfo=UTC)
    found = validity(Terms(kind="amount", amount=1, days=7, starts_at=starts), issued, SHANGHAI)
    assert (found.valid_from, found.expires_at) == (starts, datetime(2025, 3, 8, 16, tzinfo=UTC))


@given_by(
    st.integers(0, 10 * 366 * 86_400).map(lambda second: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=second)),
    st.integers(0, 400),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Pacific/Apia"]),
)
def test_end_is_a_local_midnight_after_the_issue(issued: datetime, days: int, zone: str) -> None:
    ends = validity(Terms(kind="amount", amount=1, days=days), issued, ZoneInfo(zone)).expires_at
    assert ends is not None
    assert ends > issued
    local = ends.astimezone(ZoneInfo(zone))
    assert (local.date() - issued.astimezone(ZoneInfo(zone)).date()).days == days + 1
    assert (local.hour, local.minute) == (0, 0)
