"""Tries of wrong codes: nobody dodges the limit, and nobody uses it to shut out others."""

import asyncio
from uuid import uuid4

import pytest

from common.storage import Database
from points.coupon_codes.domain import PER_CALLER, PER_MEMBER, TooManyWrongCodesError
from points.coupon_codes.minting import mint
from tests.points.coupons.world import cart, code_of, given, pool, reasons, template, validate
from tests.points.world import member


async def test_imported_codes_that_look_like_mistyped_own_ones_cannot_be_guessed_without_end(
    points_database: Database,
) -> None:
    someone = await member(points_database)
    await pool(points_database, "partner", [f"7000000000000000{number:04}" for number in (1234, 5678)])
    await template(points_database, codes={"kind": "pool", "pool": "partner"}, holder="any")
    await given(points_database, someone)
    guesser = await member(points_database)
    for number in range(PER_MEMBER.times):
        found = await validate(points_database, cart(guesser), f"7000000000000000{number:04}")
        assert reasons(found) == ["code_mistyped"]
    with pytest.raises(TooManyWrongCodesError):
        await validate(points_database, cart(guesser), "70000000000000001234")


async def guess(database: Database, times: int) -> None:
    """A stranger tries many wrong codes."""
    for _ in range(times // 10):
        await validate(database, cart(None), *(mint("") for _ in range(10)))


async def test_strangers_guesses_at_a_shop_do_not_shut_out_its_members(points_database: Database) -> None:
    someone = await member(points_database)
    await template(points_database)
    code = await code_of(points_database, await given(points_database, someone))
    await guess(points_database, PER_CALLER.times)
    with pytest.raises(TooManyWrongCodesError) as refused:
        await validate(points_database, cart(None), mint(""))
    assert refused.value.who == "caller"
    assert reasons(await validate(points_database, cart(someone), code)) == [""]


async def test_members_that_nobody_knows_are_strangers(points_database: Database) -> None:
    await guess(points_database, PER_CALLER.times)
    with pytest.raises(TooManyWrongCodesError):
        await validate(points_database, cart(uuid4()), mint(""))


async def test_wrong_codes_of_members_do_not_shut_out_strangers(points_database: Database) -> None:
    await template(points_database, holder="any")
    people = [await member(points_database) for _ in range(PER_CALLER.times // PER_MEMBER.times)]
    await asyncio.gather(
        *(validate(points_database, cart(one), *(mint("") for _ in range(PER_MEMBER.times))) for one in people)
    )
    assert reasons(await validate(points_database, cart(None), mint(""))) == ["code_unknown"]
