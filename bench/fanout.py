"""How many purchases a second go through all four services, until the last notice and the last figure are written."""

import asyncio
from contextlib import ExitStack
from statistics import median
from uuid import UUID

import httpx

from bench import world as worlds
from bench.counting import until
from bench.progress import say
from bench.world import ADMIN_EMAIL, ADMIN_PASSWORD, MEMBERS, SERVICES, World
from common.events.purchases import PurchaseCompleted

COUNT = 10_000
WITHIN_SECONDS = 180.0
BATCH = 500

_WRITTEN = {
    "members": ("SELECT count(*) FROM purchases WHERE order_id LIKE '{run}-%'",),
    "points": ("SELECT count(*) FROM purchases WHERE order_id LIKE '{run}-%'",),
    "notify": ("SELECT count(*) FROM notices WHERE about LIKE '{run}-%' AND template = 'points_earned'",),
    "analytics": (
        "SELECT count(*) FROM purchases WHERE order_id LIKE '{run}-%'",
        "SELECT count(*) FROM movements WHERE order_id LIKE '{run}-%'",
        "SELECT count(*) - {before} FROM notices WHERE template = 'points_earned' AND channel = 'inbox'",
    ),
}


async def measure(world: World, rounds: int) -> float:
    """Median purchases a second; the slowest service decides, and so does the shop's publishing."""
    rates: list[float] = []
    with ExitStack() as workers:
        for service in SERVICES:
            workers.enter_context(world.running(service, "worker", service=service))
        members = await _register(world)
        await worlds.until(world, "notify", "SELECT count(*) FROM contacts", len(members))
        await worlds.until(world, "points", "SELECT count(*) FROM members", len(members))
        for number in range(1, rounds + 1):
            rates.append(await _round(world, members, f"fanout{number}", COUNT * (number - 1)))
            say(f"fan-out round {number}/{rounds}: {rates[-1]:>9,.0f} purchases/s through all four services")
    return median(rates)


async def _round(world: World, members: list[UUID], run: str, before: int) -> float:
    async def written() -> int:
        counts = [
            world.fetch(service, sql.format(run=run, before=before))
            for service, sqls in _WRITTEN.items()
            for sql in sqls
        ]
        return min(await asyncio.gather(*counts))

    bodies = worlds.purchases(COUNT, run=run, members=members)
    began = asyncio.get_running_loop().time()
    publishing = asyncio.create_task(worlds.publish(world, bodies, key=PurchaseCompleted.TYPE))
    await until(written, COUNT, within_seconds=WITHIN_SECONDS)
    took = asyncio.get_running_loop().time() - began
    await publishing
    return COUNT / took


async def _register(world: World) -> list[UUID]:
    """As many members as elsewhere, through the API; they want notices in the inbox and no mail."""
    port = str(world.ports.pick())
    with world.running("members", "api", service="members", API_PORT=port):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            await _answers(client)
            credentials = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
            answer = (await client.post("/v1/staff/login", json=credentials)).raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            members: list[UUID] = []
            for at in range(0, len(MEMBERS), BATCH):
                new = [
                    {"external_ids": [{"system": "bench", "id": str(number)}], "preferences": {"email": False}}
                    for number in range(at, at + BATCH)
                ]
                answer = (await client.post("/v1/members/batch", json={"members": new})).raise_for_status()
                members += [UUID(item["member_id"]) for item in answer.json()["items"]]
    return members


async def _answers(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                (await client.get("/health/ready")).raise_for_status()
                return
            except httpx.HTTPError:
                await asyncio.sleep(0.1)
