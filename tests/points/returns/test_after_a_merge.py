"""Returns of what somebody bought who is one with another member since."""

import json

from common.storage import Database
from points.expiry import handlers as expiry
from tests.points.conftest import Client
from tests.points.redemption.world import account, holds_together, lots, post
from tests.points.world import PAYLOADS, day, happen, member, programme, purchase, refund, rows

CLAWED_BACK = f"""
    SELECT body FROM ({PAYLOADS} WHERE routing_key = 'points.clawed_back.v1' ORDER BY id) AS told
    WHERE CAST(body AS jsonb) ->> 'member_id' = :member
"""


async def test_what_expired_unused_before_a_merge_is_not_owed_when_its_purchase_comes_back(
    points_database: Database, operator: Client
) -> None:
    await happen(points_database, programme(expiry_months=1))
    for swept_before in (False, True):
        stays, absorbed = await member(points_database), await member(points_database)
        order = f"o{swept_before}"
        await happen(points_database, purchase(absorbed, order, 100_00, at=day(1)))
        if swept_before:
            async with points_database.transaction() as tx:
                await expiry.sweep(tx)
        await post(operator, "/v1/merges", {"member_id": str(stays), "absorbed_member_id": str(absorbed)})
        await lots(points_database, stays, (30, None))
        for part in (60_00, 40_00):
            await happen(points_database, refund(order, f"{order}/{part}", part, at=day(2)))
        async with points_database.transaction() as tx:
            await expiry.sweep(tx)
        assert await account(points_database, stays) == (30, 0, 0, 0)
        assert await account(points_database, absorbed) == (0, 0, 0, 0)
        told = [json.loads(row.body) for row in await rows(points_database, CLAWED_BACK, member=str(absorbed))]
        assert [(one["points"], one["shortfall"]) for one in told] == [(60, 0), (40, 0)]
        assert sum(one["unexpired"] for one in told) == (100 if swept_before else 0)
    await holds_together(points_database)
