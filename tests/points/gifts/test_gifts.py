"""Points go from one member to another with their expiry, within limits, and never in a deadlock."""

import asyncio
import json
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

from common.storage import Database
from tests.points.conftest import Client
from tests.points.redemption.world import account, holds_together, lots, open_lots, owe, post, redeem, rich, soon
from tests.points.world import PAYLOADS, rows, value


async def give(client: Client, giver: UUID, taker: UUID, points: int, status: int = 201, **more: Any) -> Any:
    body = {"member_id": str(giver), "recipient_id": str(taker), "points": points, **more}
    return await post(client, "/v1/gifts", body, status)


async def undo(client: Client, gift_id: str, status: int = 200) -> Any:
    return await post(client, f"/v1/gifts/{gift_id}/undo", {}, status)


async def told(database: Database) -> list[tuple[str, int, str]]:
    found = await rows(database, f"{PAYLOADS} WHERE routing_key = 'points.transferred.v1' ORDER BY id")
    bodies = [json.loads(row.body) for row in found]
    return [(body["member_id"], body["points"], body["reason"]) for body in bodies]


async def test_points_keep_their_expiry(points_database: Database, operator: Client) -> None:
    early, late = soon(days=1), soon(days=9)
    giver, taker = await rich(points_database, (40, early), (10, early), (60, late)), await rich(points_database)
    gift = await give(operator, giver, taker, 70, message="生日快乐")
    assert (gift["state"], gift["message"]) == ("given", "生日快乐")
    assert await open_lots(points_database, giver) == [(40, late)]
    assert await open_lots(points_database, taker) == [(50, early), (20, late)]
    assert await told(points_database) == [(str(giver), -70, "gift"), (str(taker), 70, "gift")]
    await holds_together(points_database)


async def test_recipient_in_debt_repays_first(points_database: Database, operator: Client) -> None:
    giver, taker = await rich(points_database, (100, None)), await rich(points_database)
    await owe(points_database, taker, 30)
    await give(operator, giver, taker, 50)
    assert await account(points_database, taker) == (20, 0, 0, 0)


async def test_refusals_say_why_and_move_nothing(points_database: Database, operator: Client) -> None:
    giver, taker = await rich(points_database, (100, None)), await rich(points_database)
    assert (await give(operator, giver, giver, 5, 409))["code"] == "gift_to_self"
    assert (await give(operator, giver, taker, 101, 409))["code"] == "insufficient_points"
    assert (await give(operator, uuid4(), taker, 1, 404))["code"] == "unknown_member"
    stranger = uuid4()
    assert (await give(operator, giver, stranger, 1, 404))["member_id"] == str(stranger)
    await lots(points_database, giver, (100, None), wallet="growth")
    assert (await give(operator, giver, taker, 1, 409, wallet="growth"))["code"] == "wallet_not_transferable"
    await owe(points_database, giver, 10)
    assert (await give(operator, giver, taker, 5, 409))["debt"] == 10
    assert (await undo(operator, str(uuid4()), 404))["code"] == "unknown_gift"
    assert await value(points_database, "SELECT count(*) FROM gifts") == 0


async def test_limits_of_a_gift_and_of_a_day(points_database: Database, operator: Client) -> None:
    giver, taker = await rich(points_database, (1_000, None)), await rich(points_database)
    policy = {"minimum": 10, "maximum": 100, "daily_points": 150, "daily_times": 3}
    assert (await operator.put("/v1/gift-policy", json=policy)).json()["revision"] == 1
    assert (await give(operator, giver, taker, 9, 409))["rule"] == "minimum"
    assert (await give(operator, giver, taker, 101, 409))["rule"] == "maximum"
    await give(operator, giver, taker, 100)
    refused = await give(operator, giver, taker, 51, 409)
    assert (refused["limit"], refused["used"], refused["allowed"]) == ("gift_points_per_day", 100, 150)
    await give(operator, giver, taker, 10)
    await give(operator, giver, taker, 10)
    refused = await give(operator, giver, taker, 10, 409)
    assert (refused["limit"], refused["used"]) == ("gifts_per_day", 3)
    assert refused["resets_at"]
    await operator.put("/v1/gift-policy", json={"open": False})
    assert (await give(operator, giver, taker, 10, 409))["code"] == "gifts_closed"
    assert (await operator.get("/v1/gift-policy")).json()["revision"] == 2


async def test_gift_is_undone_as_far_as_it_is_still_there(points_database: Database, operator: Client) -> None:
    early, late = soon(days=1), soon(days=9)
    giver = await rich(points_database, (40, early), (60, late))
    taker = await rich(points_database, (5, None))
    gift = await give(operator, giver, taker, 70)
    await redeem(operator, taker, 30)
    undone = await undo(operator, gift["gift_id"])
    assert (undone["state"], undone["taken_back"]) == ("undone_in_part", 40)
    assert await account(points_database, giver) == (70, 0, 0, 0)
    assert await open_lots(points_database, taker) == [(5, None)]
    assert (await undo(operator, gift["gift_id"], 409))["code"] == "gift_gone"
    assert (await told(points_database))[2:] == [(str(giver), 40, "gift_undone"), (str(taker), -40, "gift_undone")]
    await holds_together(points_database)


async def test_untouched_gift_is_undone_whole_and_once(points_database: Database, operator: Client) -> None:
    early, late = soon(days=1), soon(days=9)
    giver, taker = await rich(points_database, (40, early), (60, late)), await rich(points_database)
    gift = await give(operator, giver, taker, 70)
    undone = await undo(operator, gift["gift_id"])
    assert (undone["state"], undone["taken_back"]) == ("undone", 70)
    assert await undo(operator, gift["gift_id"]) == undone
    assert await open_lots(points_database, giver) == [(40, early), (60, late)]
    assert await account(points_database, taker) == (0, 0, 0, 0)


async def test_lists_tell_given_from_received(points_database: Database, operator: Client) -> None:
    one, two = await rich(points_database, (100, None)), await rich(points_database, (100, None))
    await give(operator, one, two, 1)
    await give(operator, two, one, 2)

    async def found(**query: Any) -> list[int]:
        items = (await operator.get(f"/v1/members/{one}/gifts", params=query)).json()["items"]
        return [item["points"] for item in items]

    assert await found() == [2, 1]
    assert await found(direction="given") == [1]
    assert await found(direction="received") == [2]
    assert await found(to=soon(hours=-1).isoformat()) == []


async def test_hundred_gifts_both_ways_at_once_neither_lock_nor_lose(
    points_database: Database, operator: Client
) -> None:
    one, two = await rich(points_database, (200, None)), await rich(points_database, (200, soon(days=2)))
    pairs = [(one, two), (two, one)] * 50
    bodies = [{"member_id": str(giver), "recipient_id": str(taker), "points": 3} for giver, taker in pairs]
    answers = await asyncio.gather(*(operator.post("/v1/gifts", json=body) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {201: 100}
    assert (await account(points_database, one))[0] == (await account(points_database, two))[0] == 200
    await holds_together(points_database)


async def test_hundred_gifts_of_the_same_points_give_as_many_as_fit(
    points_database: Database, operator: Client
) -> None:
    giver, takers = await rich(points_database, (100, None)), [await rich(points_database) for _ in range(4)]
    bodies = [{"member_id": str(giver), "recipient_id": str(takers[number % 4]), "points": 3} for number in range(100)]
    answers = await asyncio.gather(*(operator.post("/v1/gifts", json=body) for body in bodies))
    assert Counter(answer.status_code for answer in answers) == {201: 33, 409: 67}
    assert await value(points_database, "SELECT sum(balance) FROM wallets") == 100


async def test_days_limit_counts_what_the_giver_gave_under_another_name(
    points_database: Database, operator: Client
) -> None:
    one, two, other = await rich(points_database, (90, None)), await rich(points_database), await rich(points_database)
    await operator.put("/v1/gift-policy", json={"daily_points": 50})
    await give(operator, one, other, 40)
    await post(operator, "/v1/merges", {"member_id": str(two), "absorbed_member_id": str(one)})
    refused = await give(operator, two, other, 11, 409)
    assert (refused["code"], refused["used"]) == ("limit_reached", 40)
    await give(operator, two, other, 10)


async def test_gift_is_taken_back_from_whom_its_recipient_was_merged_into(
    points_database: Database, operator: Client
) -> None:
    late = soon(days=9)
    giver, taker = await rich(points_database, (70, late)), await rich(points_database)
    middle, last = await rich(points_database, (1, None)), await rich(points_database, (2, None))
    gift = await give(operator, giver, taker, 70)
    for stays, absorbed in ((middle, taker), (last, middle)):
        await post(operator, "/v1/merges", {"member_id": str(stays), "absorbed_member_id": str(absorbed)})
    await redeem(operator, last, 30)
    undone = await undo(operator, gift["gift_id"])
    assert (undone["state"], undone["taken_back"]) == ("undone_in_part", 40)
    assert await open_lots(points_database, giver) == [(40, late)]
    assert await open_lots(points_database, last) == [(1, None), (2, None)]
    assert (await told(points_database))[-2:] == [(str(giver), 40, "gift_undone"), (str(last), -40, "gift_undone")]
    assert (await undo(operator, gift["gift_id"], 409))["code"] == "gift_gone"
    await holds_together(points_database)


async def test_gift_is_taken_back_from_its_recipient_again_after_the_merge_was_undone(
    points_database: Database, operator: Client
) -> None:
    giver, taker, stays = (
        await rich(points_database, (70, None)),
        await rich(points_database),
        await rich(points_database),
    )
    gift = await give(operator, giver, taker, 70)
    merge = await post(operator, "/v1/merges", {"member_id": str(stays), "absorbed_member_id": str(taker)})
    await post(operator, f"/v1/merges/{merge['merge_id']}/undo", {}, 200)
    assert (await undo(operator, gift["gift_id"]))["state"] == "undone"
    assert await open_lots(points_database, giver) == [(70, None)]


async def test_gift_between_two_who_are_one_now_is_undone_into_the_givers_lots(
    points_database: Database, operator: Client
) -> None:
    late = soon(days=9)
    giver, taker = await rich(points_database, (70, late)), await rich(points_database)
    gift = await give(operator, giver, taker, 70)
    await post(operator, "/v1/merges", {"member_id": str(giver), "absorbed_member_id": str(taker)})
    assert (await undo(operator, gift["gift_id"]))["state"] == "undone"
    assert await open_lots(points_database, giver) == [(70, late)]
    await holds_together(points_database)
