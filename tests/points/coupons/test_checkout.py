"""A coupon at the checkout: validated, locked, used, released, returned; one wins, and limits hold."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_by
from hypothesis import strategies as st

from common.storage import Database
from points.coupon_checkout import handlers as checkout
from points.coupon_checkout.finding import Asked
from points.coupon_checkout.refusals import CartCurrencyError, LockEndedError, OrderUsedError, OrderWithoutCouponsError
from points.coupon_codes.domain import PER_MEMBER, TooManyWrongCodesError
from points.coupon_codes.minting import mint
from points.coupons import desk, sweeps
from points.coupons.domain import Coupon
from points.coupons.refusals import IssueLimitError
from points.facts import handlers as facts
from tests.points.coupons.world import (
    TILL,
    cart,
    code_of,
    given,
    lock,
    now,
    order,
    reasons,
    template,
    use,
    validate,
)
from tests.points.world import PAYLOADS, happen, member, programme, rows, value


async def ready(database: Database, **terms: Any) -> tuple[UUID, Coupon, str]:
    """A member, a coupon of a template with these terms, its code."""
    someone = await member(database)
    await template(database, **terms)
    coupon = await given(database, someone)
    return someone, coupon, await code_of(database, coupon)


async def test_locked_coupon_is_used_with_the_discount_it_was_locked_with(points_database: Database) -> None:
    someone, _, code = await ready(points_database)
    basket = cart(someone, 60_00, 40_00)
    shown = await validate(points_database, basket, code)
    locked = await lock(points_database, basket, code)
    assert locked.quote == shown.quote
    async with points_database.transaction() as tx:
        (used,) = await checkout.use_locked(tx, order())
    assert (used.coupon.state, used.coupon.discount) == ("used", 10_00)
    assert checkout.applied_of(used.coupon, used.answer).by_line == (6_00, 4_00)
    (told,) = [row.body for row in await rows(points_database, PAYLOADS) if "order_id" in row.body]
    assert '"discount": 1000' in told
    what = [row.what for row in await rows(points_database, "SELECT what FROM coupon_history ORDER BY id")]
    assert what == ["issued", "locked", "used"]


async def test_of_a_hundred_that_lock_one_code_exactly_one_wins(points_database: Database) -> None:
    someone, _, code = await ready(points_database, limits={"used_total": 5})
    found = await asyncio.gather(
        *(lock(points_database, cart(someone), code, order_id=f"o{number}") for number in range(100))
    )
    assert [one.done for one in found].count(True) == 1
    assert {reason for one in found if not one.done for reason in reasons(one)} == {"locked"}
    assert await value(points_database, "SELECT used FROM coupon_counts WHERE member_id = :m", m=someone) == 1


async def test_total_use_limit_is_never_exceeded(points_database: Database) -> None:
    people = [await member(points_database) for _ in range(10)]
    await template(points_database, limits={"used_total": 7, "used_per_member": 2})
    held = [await given(points_database, people[number % 10]) for number in range(40)]
    found = await asyncio.gather(
        *(
            use(points_database, cart(one.member_id), order_id=f"o{number}", ids=[one.coupon_id])
            for number, one in enumerate(held)
        )
    )
    assert [one.done for one in found].count(True) == 7
    assert await value(points_database, "SELECT count(*) FROM coupons WHERE state = 'used'") == 7
    most = await value(
        points_database, "SELECT max(n) FROM (SELECT count(*) n FROM coupons WHERE state = 'used' GROUP BY used_by) x"
    )
    assert most <= 2


async def test_use_limit_counts_two_coupons_in_one_cart(points_database: Database) -> None:
    someone, first, _ = await ready(points_database, limits={"used_per_member": 1}, combines_with=["*"])
    second = await given(points_database, someone)
    decision = await validate(points_database, cart(someone), ids=[first.coupon_id, second.coupon_id])
    assert sorted(reasons(decision)) == ["", "use_limit_reached"]


async def test_lock_takes_all_or_nothing(points_database: Database) -> None:
    someone, coupon, code = await ready(points_database)
    decision = await lock(points_database, cart(someone), code, mint(""))
    assert (decision.done, reasons(decision)) == (False, ["", "code_unknown"])
    assert (await now(points_database, coupon)).state == "active"


async def test_locking_again_replaces_what_was_locked_for_the_order(points_database: Database) -> None:
    someone, first, code = await ready(points_database, limits={"used_total": 1, "used_per_member": 1})
    second = await given(points_database, someone)
    await lock(points_database, cart(someone), code)
    again = await lock(points_database, cart(someone, 5_00), code)
    assert again.quote.discount == 5_00
    other = await lock(points_database, cart(someone), ids=[second.coupon_id])
    assert other.done
    assert (await now(points_database, first)).state == "active"
    assert (await now(points_database, second)).state == "locked"
    assert await value(points_database, "SELECT max(used) FROM coupon_counts") == 1


async def test_two_locks_of_one_order_at_once_leave_one_of_them(points_database: Database) -> None:
    someone, first, _ = await ready(points_database)
    second = await given(points_database, someone)
    await asyncio.gather(
        *(lock(points_database, cart(someone), ids=[one.coupon_id]) for one in (first, second) for _ in range(5))
    )
    assert await value(points_database, "SELECT count(*) FROM coupons WHERE state = 'locked'") == 1


async def test_using_again_gives_the_same_answer_and_nothing_else_can_be_put_on_the_order(
    points_database: Database,
) -> None:
    someone, _, code = await ready(points_database)
    other = await given(points_database, someone)
    first = await use(points_database, cart(someone, 60_00, 40_00), code)
    again = await use(points_database, cart(someone, 60_00, 40_00), code)
    assert (again.done, again.quote.discount) == (True, first.quote.discount)
    assert [one.by_line for one in again.quote.applied] == [one.by_line for one in first.quote.applied]
    async with points_database.transaction() as tx:
        (same,) = await checkout.use_locked(tx, order())
    assert same.coupon.state == "used"
    for attempt in (use, lock):
        with pytest.raises(OrderUsedError):
            await attempt(points_database, cart(someone), ids=[other.coupon_id])
    with pytest.raises(OrderUsedError):
        async with points_database.transaction() as tx:
            await checkout.release(tx, order())
    assert await value(points_database, "SELECT count(*) FROM outbox WHERE routing_key = 'coupon.used.v1'") == 1


async def test_released_coupon_is_free_again(points_database: Database) -> None:
    someone, coupon, code = await ready(points_database, limits={"used_total": 1})
    await lock(points_database, cart(someone), code)
    for freed in (1, 0):
        async with points_database.transaction() as tx:
            assert len(await checkout.release(tx, order())) == freed
    assert await value(points_database, "SELECT sum(used) FROM coupon_counts") == 0
    assert (await use(points_database, cart(someone), code, order_id="o2")).done
    assert (await now(points_database, coupon)).order_id == "o2"


async def pass_time(database: Database, coupon: Coupon, **columns: datetime) -> None:
    for name, at in columns.items():
        await value(
            database, f"UPDATE coupons SET {name} = :at WHERE coupon_id = :id RETURNING 1", at=at, id=coupon.coupon_id
        )


async def test_overdue_lock_ends_for_others_before_the_job_and_in_the_job(points_database: Database) -> None:
    someone, coupon, code = await ready(points_database, limits={"used_total": 1})
    await lock(points_database, cart(someone), code)
    await pass_time(points_database, coupon, locked_until=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(LockEndedError):
        async with points_database.transaction() as tx:
            await checkout.use_locked(tx, order())
    taken = await lock(points_database, cart(someone), code, order_id="o2")
    assert taken.done
    await pass_time(points_database, coupon, locked_until=datetime.now(UTC) - timedelta(seconds=1))
    for _ in range(2):
        async with points_database.transaction() as tx:
            await sweeps.unlock(tx)
    assert (await now(points_database, coupon)).state == "active"
    assert await value(points_database, "SELECT max(used) FROM coupon_counts") == 0
    with pytest.raises(OrderWithoutCouponsError):
        async with points_database.transaction() as tx:
            await checkout.use_locked(tx, order("o2"))


async def test_lock_keeps_a_coupon_that_expires_meanwhile(points_database: Database) -> None:
    someone, coupon, code = await ready(points_database)
    await lock(points_database, cart(someone), code)
    await pass_time(points_database, coupon, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    async with points_database.transaction() as tx:
        await sweeps.expire(tx)
        (used,) = await checkout.use_locked(tx, order())
    assert used.coupon.state == "used"


async def test_returned_order_gives_the_coupon_back_as_it_was(points_database: Database) -> None:
    someone, coupon, code = await ready(points_database, days=5, limits={"used_total": 1})
    await use(points_database, cart(someone), code)
    for given_back in (1, 0):
        async with points_database.transaction() as tx:
            assert len(await checkout.give_back(tx, order(), "order_cancelled")) == given_back
    assert await now(points_database, coupon) == coupon
    assert await value(points_database, "SELECT max(used) FROM coupon_counts") == 0


async def test_coupon_that_ended_meanwhile_comes_back_with_grace(points_database: Database) -> None:
    await happen(points_database, programme(grace_days=3))
    someone, coupon, code = await ready(points_database, days=5, notice_days=1)
    await use(points_database, cart(someone), code)
    await pass_time(points_database, coupon, expires_at=datetime.now(UTC) - timedelta(days=1))
    async with points_database.transaction() as tx:
        (back,) = await checkout.give_back(tx, order(), "order_cancelled")
        assert back.expires_at == tx.now + timedelta(days=3)
        assert back.notice_at == tx.now + timedelta(days=2)
    assert (await use(points_database, cart(someone), code, order_id="o2")).done


async def test_only_the_member_it_was_issued_to_unless_any_holder_may(points_database: Database) -> None:
    someone, coupon, code = await ready(points_database)
    stranger = await member(points_database)
    assert reasons(await validate(points_database, cart(stranger), code)) == ["not_yours"]
    assert reasons(await validate(points_database, cart(None), code)) == ["not_yours"]
    assert reasons(await validate(points_database, cart(stranger), ids=[coupon.coupon_id])) == ["coupon_unknown"]
    await template(points_database, holder="any")
    free = await code_of(points_database, await given(points_database, someone))
    assert reasons(await validate(points_database, cart(stranger), free)) == [""]
    assert (await use(points_database, cart(None), free)).done


async def test_coupons_of_a_merged_member_are_the_survivors(points_database: Database) -> None:
    absorbed, coupon, code = await ready(points_database)
    survivor = await member(points_database)
    async with points_database.transaction() as tx:
        await facts.merged(tx, absorbed, survivor, tx.now)
        far = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
        (shown,) = await desk.of_member(tx, survivor, state="active", template=None, before=far, limit=10)
    assert shown == coupon
    assert reasons(await validate(points_database, cart(survivor), ids=[coupon.coupon_id])) == [""]
    assert (await use(points_database, cart(absorbed), code)).done
    assert (await now(points_database, coupon)).used_by == survivor


async def test_limits_per_member_go_on_over_a_merge(points_database: Database) -> None:
    someone, first, _ = await ready(points_database, limits={"used_per_member": 1, "issued_per_member": 2})
    other = await member(points_database)
    second = await given(points_database, other)
    assert (await use(points_database, cart(someone), ids=[first.coupon_id])).done
    async with points_database.transaction() as tx:
        await facts.merged(tx, someone, other, tx.now)
    for basket in (cart(other), cart(someone)):
        for attempt in (
            await validate(points_database, basket, ids=[second.coupon_id]),
            await use(points_database, basket, ids=[second.coupon_id], order_id="o2"),
        ):
            assert (attempt.done, reasons(attempt)) == (False, ["use_limit_reached"])
    for one in (someone, other):
        with pytest.raises(IssueLimitError) as refused:
            await given(points_database, one)
        assert (refused.value.per, refused.value.issued) == ("member", 2)
    async with points_database.transaction() as tx:
        await facts.unmerged(tx, someone)
    assert (await use(points_database, cart(other), ids=[second.coupon_id], order_id="o3")).done


async def test_same_coupon_twice_counts_once(points_database: Database) -> None:
    someone, coupon, code = await ready(points_database)
    decision = await validate(points_database, cart(someone), code, code.lower(), ids=[coupon.coupon_id])
    assert reasons(decision) == ["", "given_twice", "given_twice"]
    assert decision.quote.discount == 10_00


async def test_wrong_currency_is_refused(points_database: Database) -> None:
    someone, _, code = await ready(points_database)
    with pytest.raises(CartCurrencyError):
        async with points_database.transaction() as tx:
            await checkout.validate(tx, TILL, cart(someone), Asked(codes=[code]), "USD")


async def test_wrong_codes_and_typing_errors_are_limited_per_member(points_database: Database) -> None:
    someone, _, code = await ready(points_database)
    typo = code[:-1] + ("2" if code[-1] != "2" else "3")
    assert reasons(await validate(points_database, cart(someone), typo)) == ["code_mistyped"]
    for _ in range(PER_MEMBER.times - 1):
        assert reasons(await validate(points_database, cart(someone), mint(""))) == ["code_unknown"]
    with pytest.raises(TooManyWrongCodesError) as refused:
        await validate(points_database, cart(someone), code)
    assert (refused.value.who, refused.value.limit) == ("member", PER_MEMBER.times)
    assert 0 < refused.value.retry_after_seconds <= 2 * PER_MEMBER.window_seconds
    other = await member(points_database)
    assert reasons(await validate(points_database, cart(other), mint(""))) == ["code_unknown"]


async def test_guesses_at_once_are_limited_too(points_database: Database) -> None:
    someone, *_ = await ready(points_database)
    found = await asyncio.gather(
        *(validate(points_database, cart(someone), mint("")) for _ in range(40)), return_exceptions=True
    )
    answered = [one for one in found if not isinstance(one, BaseException)]
    assert len(answered) == PER_MEMBER.times
    assert {type(one) for one in found if isinstance(one, BaseException)} == {TooManyWrongCodesError}


async def test_guessing_codes_of_other_members_counts_as_wrong(points_database: Database) -> None:
    _, _, code = await ready(points_database)
    stranger = await member(points_database)
    for _ in range(PER_MEMBER.times):
        assert reasons(await validate(points_database, cart(stranger), code)) == ["not_yours"]
    with pytest.raises(TooManyWrongCodesError):
        await validate(points_database, cart(stranger), code)


KINDS: list[dict[str, Any]] = [
    {"kind": "amount", "amount": 7_77},
    {"kind": "percent", "percent": "33.33", "cap": 40_00},
    {"kind": "shipping", "amount": 3_00},
    {"kind": "gift", "sku": "mug"},
]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given_by(
    st.lists(st.integers(0, 300_00), min_size=1, max_size=4),
    st.integers(0, 10_00),
    st.lists(st.tuples(st.sampled_from(range(4)), st.sampled_from(["", "a", "*"])), min_size=1, max_size=3),
)
async def test_validate_agrees_with_lock_and_use(
    points_database: Database, amounts: list[int], shipping: int, chosen: list[tuple[int, str]]
) -> None:
    someone = await member(points_database)
    held = []
    for kind, others in chosen:
        key = f"t{kind}-{others.replace('*', 'any')}"
        terms = {"benefit": KINDS[kind], "group": "a", "combines_with": [others] if others else []}
        if not await value(points_database, "SELECT version FROM coupon_templates WHERE template = :key", key=key):
            await template(points_database, key, **terms)
        held.append((await given(points_database, someone, key)).coupon_id)
    basket = cart(someone, *amounts, shipping=shipping)
    shown = (await validate(points_database, basket, ids=held)).quote
    applying = [one.coupon.coupon_id for one in shown.applied]
    everything = await lock(points_database, basket, ids=held, order_id=str(held[0]))
    assert everything.done == (not shown.refused)
    if applying:
        order_id = str(held[0])
        assert (await lock(points_database, basket, ids=applying, order_id=order_id)).quote.discount == shown.discount
        used = await use(points_database, basket, ids=applying, order_id=order_id)
        assert (used.done, used.quote.discount) == (True, shown.discount)
        assert [one.by_line for one in used.quote.applied] == [one.by_line for one in shown.applied]
