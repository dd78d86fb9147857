"""A hundred callers of two API processes and two workers at the same thirty members: all is exact, nobody hears 5xx."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import httpx
import pytest

from common.events.purchases import PurchaseCompleted
from common.security.signing import SigningKey
from common.storage import Database
from tests.conftest import AUDIENCE, ISSUER
from tests.faults import engine
from tests.faults.callers import Callers, published_keys
from tests.faults.oracle import nothing_under_way
from tests.faults.world import World, members, named, purchases, refund, tail
from tests.points.coupons import world as coupons
from tests.points.draws.world import NOTHING, spin, ten_points
from tests.points.incentives.world import active
from tests.points.rewards.world import offer, reward
from tests.points.world import rule

pytestmark = pytest.mark.slow

PEOPLE, CALLERS, SECONDS = 30, 100, 20
POINTS = 1_000
MUGS, VOUCHERS, TENS = 60, 150, 40
BOUGHT, PART = 300, 20
PAUSE_SECONDS = 0.5
"""At most, of a caller between two wishes: ten connections serve fifty callers, none of whom waits 5 s for one."""
SUM = "SELECT sum(balance + held + pending - debt) FROM wallets"


async def prepared(database: Database, people: Sequence[UUID]) -> None:
    """Everything that is limited: stocks, a coupon template, a budget; a coupon with every purchase."""
    engine.open_keyring()
    await engine.known(database, people)
    await engine.credited(database, people, (POINTS, None, None))
    await engine.limited_bonus(database, per_member=40, budget=3_000)
    await coupons.template(database, "ten", limits={"used_per_member": 10_000})
    await coupons.template(database, "voucher", limits={"issued_total": VOUCHERS, "used_total": 10_000})
    await rule(database, "thanks", {"kind": "coupon", "template": "ten"})
    await offer(database, reward("mug", points=20, stock=MUGS))
    await offer(database, reward("voucher", kind="coupon", coupon_template="voucher", points=10, stock=2 * VOUCHERS))
    won = {"key": "c", "name": {"en": "c"}, "kind": "coupon", "coupon": "voucher", "weight": 20}
    await active(database, "draw", "spin", spin(ten_points(50, stock=TENS), won, {**NOTHING, "weight": 30}, cost=3))


@asynccontextmanager
async def doors(world: World, key: SigningKey, token: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two API processes."""
    async with AsyncExitStack() as cleanup:
        keys = cleanup.enter_context(published_keys(key))
        told = {"TOKEN_ISSUER": ISSUER, "TOKEN_AUDIENCE": AUDIENCE, "TOKEN_JWKS_URL": keys, "LOG_LEVEL": "warning"}
        apis = await asyncio.gather(*(world.started("points", "api", **told) for _ in range(2)))
        limits = httpx.Limits(max_connections=CALLERS, max_keepalive_connections=CALLERS)
        yield [
            await cleanup.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{api.port}",
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=30,
                    limits=limits,
                )
            )
            for api in apis
        ]


async def bought_meanwhile(world: World, bought: Sequence[PurchaseCompleted], until: float) -> int:
    """Purchases and returns of the same members, in small pieces as long as the callers call; how many came back."""
    back = 0
    pause = (until - time.monotonic()) / (len(bought) / PART) / 2
    for at in range(0, len(bought), PART):
        part = bought[at : at + PART]
        await world.publish(named(part))
        await asyncio.sleep(pause)
        returns = [refund(one, part=1 + number % 2) for number, one in enumerate(part) if number % 3 == 0]
        await world.publish([(f"e-{one.return_id}", one) for one in returns])
        back += len(returns)
    return back


async def test_hundred_callers_and_two_workers_at_the_same_members(
    world: World, signing_key: SigningKey, token: Callable[..., str]
) -> None:
    database, people = world.databases["points"], members(PEOPLE)
    await prepared(database, people)
    bought = purchases(BOUGHT, people)
    workers = await asyncio.gather(*(world.started("points", BATCH_SIZE="20") for _ in range(2)))
    async with doors(world, signing_key, token(role="admin")) as clients:
        callers = Callers(clients, people, [(one.order_id, one.member_id) for one in bought])
        await coupons_of(database, people, callers)
        began = time.monotonic()
        end = began + SECONDS

        async def call() -> None:
            while time.monotonic() < end:
                await callers.one()
                await asyncio.sleep(callers.chance.uniform(0, PAUSE_SECONDS))

        *_, back = await asyncio.gather(*(call() for _ in range(CALLERS)), bought_meanwhile(world, bought, end))
        seconds = time.monotonic() - began
    await world.until_value("points", "SELECT count(*) FROM purchases", BOUGHT, within_seconds=120)
    sql = "SELECT count(*) FROM returns WHERE state = 'applied'"
    await world.until_value("points", sql, back, within_seconds=120)
    await nothing_under_way(world)
    world.settled = True
    again = sum([await retried(worker.port) for worker in workers], Counter[str]())
    print(report(callers, seconds, again, await engine.deadlocks(world)))
    wrong = [*callers.surprises, *await engine.broken(database), *await disagreements(world, callers)]
    assert not wrong, "\n".join([*wrong[:40], *(tail(one, 5) for one in world.processes)])


async def coupons_of(database: Database, people: Sequence[UUID], callers: Callers) -> None:
    """Each member has ten coupons to begin with."""
    for member_id in people:
        for _ in range(10):
            coupon = await coupons.given(database, member_id)
            callers.coupons.append((str(coupon.coupon_id), str(member_id)))


async def disagreements(world: World, callers: Callers) -> list[str]:
    """What the callers were answered, and what was bought, against what is written down."""
    wrong = []
    earned = await world.value("points", "SELECT sum(earned - taken_back) FROM accruals")
    mugs = "SELECT COALESCE(sum(quantity), 0) FROM reward_orders WHERE reward = 'mug' AND state <> 'cancelled'"
    for what, sql, wanted in (
        ("points", SUM, PEOPLE * POINTS + callers.points + int(earned)),
        ("mugs", f"SELECT stock + ({mugs}) FROM reward_stocks WHERE reward = 'mug'", MUGS),
        ("deadlocks", "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()", 0),
    ):
        if (found := await world.value("points", sql)) != wanted:
            wrong.append(f"{what}: {found} instead of {wanted}")
    for what, sql in (
        (
            "vouchers oversold",
            f"SELECT count(*) > {VOUCHERS} FROM coupons WHERE template = 'voucher' AND state <> 'revoked'",
        ),
        ("prizes oversold", f"SELECT count(*) > {TENS} FROM draw_plays WHERE prize = 'ten'"),
        ("the budget overdrawn", "SELECT max(points) > 3000 FROM limit_usage WHERE rule = 'bonus'"),
    ):
        if await world.value("points", sql):
            wrong.append(what)
    return wrong


async def retried(port: int) -> Counter[str]:
    async with httpx.AsyncClient(timeout=10) as client:
        return engine.retried((await client.get(f"http://127.0.0.1:{port}/metrics")).text)


def report(callers: Callers, seconds: float, again: Counter[str], deadlocks: int) -> str:
    """How much was asked and answered, for people."""
    asked = callers.answers.total()
    by_status = Counter[int]()
    for (_, status), number in callers.answers.items():
        by_status[status] += number
    return (
        f"{asked} requests in {seconds:.1f} s: {asked / seconds:.0f}/s, slowest {callers.slowest_seconds:.2f} s, "
        f"{dict(by_status)}; batches again: {dict(again)}; deadlocks: {deadlocks}; {dict(callers.answers)}"
    )
