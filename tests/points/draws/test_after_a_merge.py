"""Plays are taken back after a merge: their prize is where it went."""

import pytest

from common.storage import Database
from points.draws.domain import PlayNotUndoneError
from tests.points.conftest import Client
from tests.points.draws.world import NOTHING, play, rich, spin, ten_points, undo
from tests.points.incentives.world import active
from tests.points.merges.test_merges import merge
from tests.points.redemption.world import holds_together, redeem
from tests.points.world import balance, member


async def test_points_that_were_won_are_taken_back_from_the_survivor(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "draw", "spin", spin(ten_points(100), {**NOTHING, "weight": 0}, cost=30))
    gone, stays = await rich(points_database), await member(points_database)
    played = await play(points_database, gone)
    await merge(operator, stays, gone)
    assert await balance(points_database, stays) == (80, 0)
    assert (await undo(points_database, played.play_id)).undone_at is not None
    assert (await balance(points_database, gone), await balance(points_database, stays)) == ((0, 0), (100, 0))
    await holds_together(points_database)


async def test_prize_that_the_survivor_spent_is_used(points_database: Database, operator: Client) -> None:
    await active(points_database, "draw", "spin", spin(ten_points(100), {**NOTHING, "weight": 0}))
    gone, stays = await member(points_database), await member(points_database)
    played = await play(points_database, gone)
    await merge(operator, stays, gone)
    await redeem(operator, stays, 1)
    with pytest.raises(PlayNotUndoneError) as refused:
        await undo(points_database, played.play_id)
    assert refused.value.reason == "prize_used"
