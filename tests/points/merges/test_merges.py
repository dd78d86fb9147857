"""Two members become one, and two again."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.events import event_of
from common.events.members import MemberMerged, MemberUnmerged
from common.storage import Database
from points.ledger import handlers as ledger
from points.ledger.domain import Cause, credit
from points.merges import handlers as merges
from tests.points.conftest import Client
from tests.points.redemption.world import (
    account,
    cancel,
    confirm,
    hold,
    holds_together,
    lots,
    open_lots,
    owe,
    post,
    redeem,
    rich,
    soon,
)
from tests.points.world import PAYLOADS, day, happen, member, purchase, refund, rows, value, words


async def merge(client: Client, stays: UUID, absorbed: UUID, status: int = 201, **more: Any) -> Any:
    body = {"member_id": str(stays), "absorbed_member_id": str(absorbed), **more}
    return await post(client, "/v1/merges", body, status)


async def undo(client: Client, merge_id: str, status: int = 200) -> Any:
    return await post(client, f"/v1/merges/{merge_id}/undo", {}, status)


async def test_lots_keep_expiry_and_the_time_they_were_earned(points_database: Database, operator: Client) -> None:
    early, late = soon(days=1), soon(days=9)
    stays, absorbed = await rich(points_database, (30, late)), await rich(points_database, (40, early), (60, None))
    earned = await rows(points_database, "SELECT earned_at FROM lots WHERE member_id = :id", id=absorbed)
    done = await merge(operator, stays, absorbed)
    assert [(one["kind"], one["points"]) for one in done["moves"]] == [("lot", 40), ("lot", 60)]
    assert await open_lots(points_database, stays) == [(40, early), (30, late), (60, None)]
    assert await account(points_database, absorbed) == (0, 0, 0, 0)
    kept = await rows(points_database, "SELECT earned_at FROM lots WHERE member_id = :id ORDER BY sequence", id=stays)
    assert [row.earned_at for row in kept[1:]] == [row.earned_at for row in earned]
    found = await rows(points_database, f"{PAYLOADS} WHERE routing_key = 'points.transferred.v1' ORDER BY id")
    bodies = [json.loads(row.body) for row in found]
    assert [(body["member_id"], body["points"], body["reason"]) for body in bodies] == [
        (str(absorbed), -100, "merge"),
        (str(stays), 100, "merge"),
    ]
    await holds_together(points_database)


async def test_debt_moves_too_and_is_repaid_from_what_is_there(points_database: Database, operator: Client) -> None:
    stays, absorbed = await rich(points_database, (100, None)), await rich(points_database)
    await owe(points_database, absorbed, 30)
    done = await merge(operator, stays, absorbed)
    assert [(one["kind"], one["points"]) for one in done["moves"]] == [("debt", 30)]
    assert await account(points_database, stays) == (70, 0, 0, 0)
    other = await rich(points_database)
    await owe(points_database, other, 20)
    await merge(operator, other, stays)
    assert await account(points_database, other) == (50, 0, 0, 0)
    await holds_together(points_database)


async def test_pending_points_go_on_waiting(points_database: Database, operator: Client) -> None:
    stays, absorbed, later = await rich(points_database), await rich(points_database), soon(days=3)
    async with points_database.transaction() as tx:
        wallets = await ledger.lock(tx, [absorbed])
        cause = Cause("pending", "//shop", "o", "", tx.now, tx.now)
        credit(wallets.of(absorbed, "points"), 40, cause, None, available_at=later)
        await ledger.save(tx, wallets)
    done = await merge(operator, stays, absorbed)
    assert done["moves"][0]["kind"] == "pending"
    assert await account(points_database, stays) == (0, 0, 40, 0)
    (lot,) = await rows(points_database, "SELECT available_at, pending FROM lots WHERE member_id = :id", id=stays)
    assert (lot.available_at, lot.pending) == (later, True)
    await undo(operator, done["merge_id"])
    assert await account(points_database, absorbed) == (0, 0, 40, 0)
    await holds_together(points_database)


async def test_hold_ends_where_it_was_made_and_goes_on_to_the_survivor(
    points_database: Database, operator: Client
) -> None:
    end = soon(days=4)
    stays, absorbed = await rich(points_database), await rich(points_database, (100, end))
    first, second = await hold(operator, absorbed, 30), await hold(operator, absorbed, 50)
    await merge(operator, stays, absorbed)
    assert await account(points_database, stays) == (20, 0, 0, 0)
    assert (await confirm(operator, first["redemption_id"]))["state"] == "confirmed"
    await cancel(operator, second["redemption_id"])
    assert await account(points_database, absorbed) == (0, 0, 0, 0)
    assert await open_lots(points_database, stays) == [(20, end), (50, end)]
    await cancel(operator, first["redemption_id"])
    assert (await account(points_database, stays))[0] == 100
    await holds_together(points_database)


async def test_absorbed_member_redeems_what_the_survivor_has(points_database: Database, operator: Client) -> None:
    stays, absorbed = await rich(points_database, (100, None)), await rich(points_database)
    await merge(operator, stays, absorbed)
    done = await redeem(operator, absorbed, 60)
    assert done["member_id"] == str(stays)
    listed = (await operator.get(f"/v1/members/{absorbed}/redemptions")).json()["items"]
    assert [one["redemption_id"] for one in listed] == [done["redemption_id"]]


async def test_refuses_itself_twice_and_cycles(points_database: Database, operator: Client) -> None:
    one, two, three = [await rich(points_database, (10, None)) for _ in range(3)]
    assert (await merge(operator, one, one, 409))["code"] == "merge_into_itself"
    first = await merge(operator, two, one)
    assert (await merge(operator, three, one, 409))["merge_id"] == first["merge_id"]
    assert (await merge(operator, one, two, 409))["code"] == "merge_cycle"
    await merge(operator, three, two)
    assert (await merge(operator, one, three, 409))["code"] == "merge_cycle"
    assert (await merge(operator, uuid4(), three, 404))["code"] == "unknown_member"
    again = await merge(operator, two, one, merge_id=first["merge_id"])
    assert again["moves"] == first["moves"]
    assert (await merge(operator, three, one, 409, merge_id=first["merge_id"]))["code"] == "merge_id_reused"
    assert await account(points_database, three) == (30, 0, 0, 0)


async def test_undo_gives_back_what_is_there_and_says_what_is_not(points_database: Database, operator: Client) -> None:
    early, late = soon(days=1), soon(days=9)
    stays, absorbed = await rich(points_database, (5, None)), await rich(points_database, (40, early), (60, late))
    done = await merge(operator, stays, absorbed)
    await redeem(operator, stays, 50)
    undone = await undo(operator, done["merge_id"])
    assert [(one["points"], one["gave_back"]) for one in undone["moves"]] == [(40, 0), (60, 50)]
    assert (undone["state"], undone["missing"]) == ("undone", 50)
    assert await undo(operator, done["merge_id"]) == undone
    assert await open_lots(points_database, absorbed) == [(50, late)]
    assert await account(points_database, stays) == (5, 0, 0, 0)
    assert (await redeem(operator, absorbed, 50))["member_id"] == str(absorbed)
    again = await merge(operator, stays, absorbed)
    assert again["merge_id"] != done["merge_id"]
    await holds_together(points_database)


async def test_untouched_merges_are_undone_in_turn_to_where_everything_was(
    points_database: Database, operator: Client
) -> None:
    early, late = soon(days=1), soon(days=9)
    one = await rich(points_database, (40, early), (60, late))
    two, three = await rich(points_database, (7, late)), await rich(points_database, (1, None))
    first, second = await merge(operator, two, one), await merge(operator, three, two)
    assert await account(points_database, three) == (108, 0, 0, 0)
    assert (await undo(operator, first["merge_id"], 409))["later_merge_id"] == second["merge_id"]
    await undo(operator, second["merge_id"])
    await undo(operator, first["merge_id"])
    assert await open_lots(points_database, one) == [(40, early), (60, late)]
    assert await open_lots(points_database, two) == [(7, late)]
    assert await open_lots(points_database, three) == [(1, None)]
    await holds_together(points_database)


async def test_debt_goes_back_while_it_is_owed(points_database: Database, operator: Client) -> None:
    stays, absorbed = await rich(points_database), await rich(points_database)
    await owe(points_database, absorbed, 30)
    done = await merge(operator, stays, absorbed)
    await lots(points_database, stays, (10, None))
    undone = await undo(operator, done["merge_id"])
    assert undone["missing"] == 10
    assert await account(points_database, stays) == (0, 0, 0, 0)
    assert await account(points_database, absorbed) == (0, 20, 0, 0)


def told(stays: UUID, absorbed: UUID, merge_id: UUID, *, undone: bool = False) -> Any:
    kind = MemberUnmerged if undone else MemberMerged
    return event_of(kind(merge_id=merge_id, member_id=stays, absorbed_member_id=absorbed, occurred_at=day(5)))


async def test_events_merge_and_part_and_each_counts_once(points_database: Database) -> None:
    stays, absorbed, merge_id = await rich(points_database), await rich(points_database, (50, None)), uuid4()
    early = await happen(points_database, told(stays, absorbed, merge_id, undone=True))
    assert words(early) == [("retry", "unknown_merge")]
    assert await happen(points_database, told(stays, absorbed, merge_id)) == []
    assert words(await happen(points_database, told(stays, absorbed, merge_id))) == [("duplicate", "")]
    assert await account(points_database, stays) == (50, 0, 0, 0)
    assert await happen(points_database, told(stays, absorbed, merge_id, undone=True)) == []
    assert words(await happen(points_database, told(stays, absorbed, merge_id, undone=True))) == [("duplicate", "")]
    assert await account(points_database, absorbed) == (50, 0, 0, 0)


async def test_events_that_cannot_be_are_set_aside_with_the_reason(points_database: Database) -> None:
    one, two = await rich(points_database), await rich(points_database)
    assert words(await happen(points_database, told(one, one, uuid4()))) == [("dead", "merged_into_itself")]
    assert words(await happen(points_database, told(one, uuid4(), uuid4()))) == [("retry", "unknown_member")]
    await happen(points_database, told(one, two, merge_id := uuid4()))
    assert words(await happen(points_database, told(two, one, uuid4()))) == [("dead", "merge_cycle")]
    assert words(await happen(points_database, told(one, two, uuid4()))) == [("dead", "already_merged")]
    assert words(await happen(points_database, told(two, one, merge_id))) == [("dead", "merge_id_reused")]
    odd = told(two, one, merge_id, undone=True)
    assert words(await happen(points_database, odd)) == [("dead", "merge_id_reused")]


async def test_later_purchases_and_returns_reach_the_survivor(points_database: Database) -> None:
    stays, absorbed = await member(points_database), await member(points_database)
    await happen(points_database, purchase(absorbed, "before", 100_00, at=day(1)))
    await happen(points_database, told(stays, absorbed, uuid4()))
    await happen(points_database, purchase(absorbed, "after", 50_00, at=day(6)))
    assert await account(points_database, stays) == (150, 0, 0, 0)
    await happen(points_database, refund("before", "r", 40_00, at=day(7)))
    assert await account(points_database, stays) == (110, 0, 0, 0)
    assert await account(points_database, absorbed) == (0, 0, 0, 0)
    await holds_together(points_database)


async def test_what_came_to_an_absorbed_member_nevertheless_moves_on(
    points_database: Database, operator: Client
) -> None:
    stays, absorbed = await rich(points_database), await rich(points_database, (10, None))
    done = await merge(operator, stays, absorbed)
    await lots(points_database, absorbed, (40, None))
    for _ in range(2):
        async with points_database.transaction() as tx:
            await merges.settle(tx)
    assert await account(points_database, stays) == (50, 0, 0, 0)
    read = (await operator.get(f"/v1/merges/{done['merge_id']}")).json()
    assert [one["points"] for one in read["moves"]] == [10, 40]
    listed = (await operator.get(f"/v1/members/{absorbed}/merges")).json()["items"]
    assert [one["merge_id"] for one in listed] == [done["merge_id"]]
    assert (await operator.get(f"/v1/merges/{uuid4()}")).status_code == 404


async def test_members_that_merge_into_one_another_at_once_become_one(
    points_database: Database, operator: Client
) -> None:
    one, two = await rich(points_database, (10, None)), await rich(points_database, (10, None))
    pairs = [(one, two), (two, one)] * 10
    bodies = [{"member_id": str(stays), "absorbed_member_id": str(absorbed)} for stays, absorbed in pairs]
    answers = await asyncio.gather(*(operator.post("/v1/merges", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert sorted([await account(points_database, one), await account(points_database, two)]) == [
        (0, 0, 0, 0),
        (20, 0, 0, 0),
    ]


STEPS = ("before", "after", "late return", "merge")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(STEPS))
async def test_order_of_arrival_does_not_matter_for_the_sum(points_database: Database, order: list[str]) -> None:
    stays, absorbed, name = await member(points_database), await member(points_database), uuid4().hex
    happens = {
        "before": purchase(absorbed, f"{name}-1", 100_00, at=day(1)),
        "after": purchase(absorbed, f"{name}-2", 50_00, at=day(6)),
        "late return": refund(f"{name}-1", f"{name}-r", 40_00, at=day(7)),
        "merge": told(stays, absorbed, uuid4()),
    }
    for step in order:
        await happen(points_database, happens[step])
    assert await account(points_database, stays) == (110, 0, 0, 0)
    assert await account(points_database, absorbed) == (0, 0, 0, 0)
    assert await value(points_database, "SELECT count(*) FROM returns WHERE state = 'waiting'") == 0


async def test_corrections_made_before_a_merge_are_reversed_at_the_survivor(
    points_database: Database, operator: Client
) -> None:
    stays, absorbed = await rich(points_database), await rich(points_database, (100, soon(days=2)))
    bodies = [
        {"member_id": str(absorbed), "kind": kind, "points": 30, "reason": "goodwill", "expiry": expiry}
        for kind, expiry in (("credit", "never"), ("debit", "programme"))
    ]
    credited, debited = [await post(operator, "/v1/adjustments", body) for body in bodies]
    await merge(operator, stays, absorbed)
    assert await account(points_database, stays) == (100, 0, 0, 0)
    await post(operator, f"/v1/adjustments/{debited['adjustment_id']}/reverse", {})
    assert await account(points_database, stays) == (130, 0, 0, 0)
    await post(operator, f"/v1/adjustments/{credited['adjustment_id']}/reverse", {})
    assert await account(points_database, stays) == (100, 0, 0, 0)
    assert await account(points_database, absorbed) == (0, 0, 0, 0)
    await holds_together(points_database)
