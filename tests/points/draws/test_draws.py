"""Playing on a real database: nothing is overdrawn, oversold or forgotten, and it can be proved."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from common.events import event_of
from common.events.members import MemberMerged
from common.security.callers import SYSTEM
from common.security.signing import SigningKey
from common.storage import Database
from loyalty import fairness
from points import keyring
from points.draws import epochs
from points.draws.domain import Play
from points.errors import InsufficientPointsError, PersonalDataClosedError
from points.incentives import handlers as incentives
from points.incentives.domain import DRAW, LimitReachedError
from tests.points.conftest import Client
from tests.points.coupons import world as coupons
from tests.points.draws.world import NOTHING, play, rich, spin, ten_points, undo
from tests.points.incentives.world import active
from tests.points.redemption.world import granting
from tests.points.world import PAYLOADS, balance, happen, member, rows, value


async def test_a_play_pays_draws_and_gives_in_one_step(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin(ten_points(100), {**NOTHING, "weight": 0}, cost=30))
    someone = await rich(points_database)
    played = await play(points_database, someone)
    assert (played.prize, played.cost, played.points, played.number, played.epoch) == ("ten", 30, 10, 1, 1)
    assert await balance(points_database, someone) == (80, 0)
    told = [row.body for row in await rows(points_database, PAYLOADS)]
    assert any('"prize_kind": "points"' in body and '"cost": 30' in body for body in told)
    assert any('"reason": "draw"' in body and '"redemption_id"' in body for body in told)


async def test_a_hundred_at_once_win_no_more_than_there_is_and_pay_exactly(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin(ten_points(60, stock=10), {**NOTHING, "weight": 40}, cost=5))
    people = [await rich(points_database, 100) for _ in range(10)]
    gate = asyncio.Semaphore(20)

    async def one(number: int) -> Play:
        async with gate:
            return await play(points_database, people[number % 10], seed=f"s{number}")

    plays = await asyncio.gather(*(one(number) for number in range(100)))
    assert sorted(played.number for played in plays) == list(range(1, 101))
    won = sum(played.prize == "ten" for played in plays)
    assert won == 10
    assert sum(played.drawn == "ten" for played in plays) > 10
    assert await value(points_database, "SELECT given FROM draw_stocks WHERE prize = 'ten'") == 10
    assert await value(points_database, "SELECT sum(balance) FROM wallets") == 10 * 100 - 100 * 5 + won * 10
    async with points_database.transaction() as tx:
        await incentives.end(tx, SYSTEM, DRAW, "spin")
        await epochs.close_epoch(tx, await incentives.one(tx, DRAW, "spin"))
    async with points_database.transaction() as tx:
        verified = await epochs.verify(tx, "spin", 1)
    assert (verified.plays, list(verified.differences)) == (100, [])


async def test_of_many_plays_at_once_for_the_last_points_one_wins(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, cost=100))
    someone = await rich(points_database, 100)
    results = await asyncio.gather(*(play(points_database, someone) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(one, Play) for one in results) == 1
    assert sum(isinstance(one, InsufficientPointsError) for one in results) == 7
    assert await balance(points_database, someone) == (0, 0)
    assert await value(points_database, "SELECT plays FROM draw_epochs") == 1


async def test_free_plays_come_first_and_limits_say_when_there_are_more(points_database: Database) -> None:
    await active(
        points_database,
        "draw",
        "spin",
        spin({**NOTHING, "weight": 100}, cost=10, free_per_day=1, per_day=2, per_member=3),
    )
    someone = await rich(points_database)
    assert [(await play(points_database, someone)).cost for _ in range(2)] == [0, 10]
    with pytest.raises(LimitReachedError) as refused:
        await play(points_database, someone)
    tomorrow = datetime.now(ZoneInfo("Asia/Shanghai")).date() + timedelta(days=1)
    assert (refused.value.limit, refused.value.allowed) == ("plays_per_day", 2)
    assert refused.value.resets_at is not None
    assert refused.value.resets_at.astimezone(ZoneInfo("Asia/Shanghai")).date() == tomorrow
    async with points_database.transaction() as tx:
        await tx.execute("UPDATE draw_plays SET day = day - 1")
    assert (await play(points_database, someone)).free
    with pytest.raises(LimitReachedError) as refused:
        await play(points_database, someone)
    assert (refused.value.limit, refused.value.resets_at) == ("plays_per_member", None)


async def test_seed_is_committed_sealed_and_revealed_and_the_command_line_agrees(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "draw", "spin", spin(ten_points(50, stock=3), {**NOTHING, "weight": 50}))
    someone = await member(points_database)
    before = (await operator.get("/v1/draws/spin/epochs/1")).json()
    assert (before["seed"], before["plays"], len(before["commitment"])) == (None, 0, 64)
    path = f"/v1/members/{someone}/draws/spin/plays"
    answers = [await operator.post(path, json={"client_seed": f"c{number}"}) for number in range(20)]
    assert {answer.status_code for answer in answers} == {201}, answers[0].text
    assert {answer.json()["commitment"] for answer in answers} == {before["commitment"]}
    early = await operator.get("/v1/draws/spin/epochs/1/verification")
    assert (early.status_code, early.json()["code"]) == (409, "not_revealed")
    renewed = (await operator.post("/v1/draws/spin/epochs")).json()
    seed = bytes.fromhex(renewed["revealed"]["seed"])
    assert renewed["revealed"]["commitment"] == before["commitment"]
    assert renewed["opened"]["commitment"] != before["commitment"]
    sealed = await value(points_database, "SELECT sealed_seed FROM draw_epochs WHERE epoch = 1")
    assert seed not in sealed
    document = (await operator.get("/v1/draws/spin/epochs/1")).json()
    part = (await operator.get("/v1/draws/spin/epochs/1/plays?limit=15")).json()
    rest = (await operator.get(f"/v1/draws/spin/epochs/1/plays?limit=15&cursor={part['next']}")).json()
    document["plays"] = part["items"] + rest["items"]
    assert len(document["plays"]) == 20
    assert str(someone) not in str(document)
    assert fairness.verify(document) == []
    receipts = (await operator.get(f"/v1/members/{someone}/draw-plays")).json()["items"]
    assert fairness.verify_receipts(document, receipts) == []
    assert (await operator.get("/v1/draws/spin/epochs/1/verification")).json()["holds"] is True
    mine = fairness.pseudonym("spin", 1, str(someone))
    assert {one["pseudonym"] for one in document["plays"]} == {mine}
    shares = (await operator.get("/v1/draws/spin/statistics")).json()
    given = Counter(one["prize"] for one in document["plays"])
    assert {one["prize"]: one["given"] for one in shares["prizes"]} == {
        "ten": given["ten"],
        "nothing": given["nothing"],
    }
    assert {one["prize"]: one["left"] for one in shares["prizes"]}["ten"] == 3 - given["ten"]


async def test_draw_whose_time_is_over_is_ended_and_reveals_its_seed_by_itself(
    points_database: Database, operator: Client
) -> None:
    over = {"closes_at": "2025-06-01T00:00:00Z"}
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, **over))
    await active(points_database, "draw", "open", spin({**NOTHING, "weight": 100}))
    for _ in range(2):
        async with points_database.transaction() as tx:
            await epochs.end_over(tx)
    states = {one["key"]: one["state"] for one in (await operator.get("/v1/incentives?kind=draw")).json()["items"]}
    assert states == {"spin": "ended", "open": "active"}
    assert (await operator.get("/v1/draws/spin/epochs/1/verification")).json()["holds"] is True
    refused = await operator.post(f"/v1/members/{await member(points_database)}/draws/spin/plays", json={})
    assert (refused.json()["code"], refused.json()["reason"]) == ("draw_closed", "over")


async def test_odds_that_are_changed_after_the_opening_break_the_promise(points_database: Database) -> None:
    incentive = await active(points_database, "draw", "spin", spin(ten_points(50), {**NOTHING, "weight": 50}))
    async with points_database.transaction() as tx:
        await tx.execute(
            "UPDATE incentives SET definition = jsonb_set(jsonb_set(definition, '{prizes,0,weight}', '1'),"
            " '{prizes,1,weight}', '99') WHERE key = 'spin'"
        )
        await epochs.close_epoch(tx, incentive)
        verified = await epochs.verify(tx, "spin", 1)
    assert [one.number for one in verified.differences] == [0]


async def test_changed_play_is_found(points_database: Database) -> None:
    incentive = await active(points_database, "draw", "spin", spin(ten_points(50), {**NOTHING, "weight": 50}))
    someone = await member(points_database)
    for _ in range(5):
        await play(points_database, someone)
    async with points_database.transaction() as tx:
        await epochs.close_epoch(tx, incentive)
        await tx.execute(
            "UPDATE draw_plays SET prize = CASE prize WHEN 'ten' THEN 'nothing' ELSE 'ten' END WHERE number = 3"
        )
        verified = await epochs.verify(tx, "spin", 1)
    assert {one.number for one in verified.differences} == {3}


async def test_coupon_that_was_won_is_taken_back_when_the_play_is_undone(points_database: Database) -> None:
    await coupons.template(points_database, "ten")
    prize = {"key": "c", "name": {"en": "c"}, "kind": "coupon", "coupon": "ten", "weight": 100}
    await active(points_database, "draw", "spin", spin(prize, {**NOTHING, "weight": 0}))
    someone = await member(points_database)
    played = await play(points_database, someone)
    assert played.coupon_id is not None
    await undo(points_database, played.play_id)
    assert await value(points_database, "SELECT state FROM coupons") == "revoked"


async def test_points_that_expired_meanwhile_come_back_for_the_days_of_grace(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, cost=40))
    someone = await rich(points_database)
    played = await play(points_database, someone)
    async with points_database.transaction() as tx:
        past = tx.now - timedelta(days=1)
        await tx.execute("UPDATE lots SET expires_at = :past", {"past": past})
        await tx.execute("UPDATE wallets SET earliest_expiry = :past", {"past": past})
    await undo(points_database, played.play_id)
    found = await rows(points_database, "SELECT points, expires_at FROM lots WHERE expires_at > now()")
    assert [row.points for row in found] == [40]


class _NewKeys:
    master_keys = SecretStr(f"new:{'C' * 43},test:{'A' * 43}")
    index_key = SecretStr("B" * 43)


async def test_seeds_are_sealed_again_after_a_new_master_key(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}))
    sealed = "SELECT sealed_seed FROM draw_epochs"
    before = await value(points_database, sealed)
    keyring.prepare(_NewKeys())
    async with points_database.transaction() as tx:
        await epochs.seeds_rewrapped(tx)
    after = await value(points_database, sealed)
    assert (keyring.current().masters.key_id_of(before), keyring.current().masters.key_id_of(after)) == ("test", "new")
    someone = await member(points_database)
    assert (await play(points_database, someone)).number == 1


async def test_without_a_master_key_nothing_is_played_or_paid(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, cost=10))
    someone = await rich(points_database)
    keyring.prepare(SimpleNamespace(master_keys=SecretStr("")))
    with pytest.raises(PersonalDataClosedError):
        await play(points_database, someone)
    assert await balance(points_database, someone) == (100, 0)


async def test_merged_member_plays_as_the_one_who_stayed(points_database: Database) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, cost=10))
    gone, stayed = await member(points_database), await rich(points_database)
    await happen(
        points_database,
        event_of(
            MemberMerged(merge_id=uuid4(), member_id=stayed, absorbed_member_id=gone, occurred_at=datetime.now(UTC))
        ),
    )
    assert (await play(points_database, gone)).member_id == stayed
    assert await balance(points_database, stayed) == (90, 0)


async def test_limits_go_on_over_a_merge_and_what_is_undone_comes_to_the_survivor(
    points_database: Database, operator: Client
) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, cost=10, per_member=2))
    gone, stayed = await rich(points_database), await rich(points_database)
    before = await play(points_database, gone)
    merged = MemberMerged(merge_id=uuid4(), member_id=stayed, absorbed_member_id=gone, occurred_at=datetime.now(UTC))
    await happen(points_database, event_of(merged))
    await play(points_database, stayed)
    with pytest.raises(LimitReachedError):
        await play(points_database, gone)
    plays = (await operator.get(f"/v1/members/{stayed}/draw-plays")).json()["items"]
    assert len(plays) == 2
    await undo(points_database, before.play_id)
    assert await balance(points_database, gone) == (0, 0)
    assert await balance(points_database, stayed) == (190, 0)
    assert (await play(points_database, stayed)).cost == 10


async def test_play_above_the_limit_needs_the_members_word_and_once(
    points_database: Database, operator: Client, signing_key: SigningKey
) -> None:
    await active(points_database, "draw", "spin", spin({**NOTHING, "weight": 100}, cost=40, free_per_day=1))
    someone = await rich(points_database)
    assert (await operator.put("/v1/redemption-policy", json={"pin_above_points": 30})).status_code == 200
    path, one = f"/v1/members/{someone}/draws/spin/plays", granting(signing_key)(someone, 50)
    assert (await operator.post(path, json={})).json()["free"] is True
    refused = await operator.post(path, json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "grant_required")
    assert (await operator.post(path, json={"grant": one})).status_code == 201
    assert (await operator.post(path, json={"grant": one})).json()["reason"] == "used"
    assert await balance(points_database, someone) == (60, 0)
