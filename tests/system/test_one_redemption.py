"""One redemption through the whole house: the member's PIN, a grant, points spent, a notice, a figure."""

from typing import Any

import httpx
import pytest

from tests.faults.oracle import nothing_under_way
from tests.faults.world import Running
from tests.system.test_one_purchase import ADMIN, House, bought_once
from tests.system.test_one_purchase import house as house

pytestmark = pytest.mark.slow

ISSUER = "http://members.test"
PIN = "846153"


class Door:
    """The API of a service, as the first admin."""

    def __init__(self, api: Running, bearer: str = "") -> None:
        self._url = f"http://127.0.0.1:{api.port}"
        self.bearer = bearer

    async def ask(self, method: str, path: str, json: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        async with httpx.AsyncClient(base_url=self._url, timeout=30, headers=headers) as client:
            return await client.request(method, path, json=json)


async def doors(house: House) -> tuple[Door, Door]:
    """Members and points, which believes what members signs."""
    members = await house.world.started("members", "api", TOKEN_ISSUER=ISSUER)
    keys = f"http://127.0.0.1:{members.port}/.well-known/jwks.json"
    points = await house.world.started("points", "api", TOKEN_ISSUER=ISSUER, TOKEN_JWKS_URL=keys)
    bearer = str((await Door(members).ask("POST", "/v1/staff/login", ADMIN)).json()["access_token"])
    return Door(members, bearer), Door(points, bearer)


async def test_a_redemption_with_the_members_pin_is_told_and_counted_once(house: House) -> None:
    world, member = house.world, str(house.member)
    await bought_once(house)
    members, points = await doors(house)
    policy = await points.ask("PUT", "/v1/redemption-policy", {"pin_above_points": 50})
    assert policy.status_code == 200, policy.text
    wish = {"member_id": member, "points": 100, "reference": "R-1"}

    refused = await points.ask("POST", "/v1/redemptions", wish)
    assert refused.status_code == 403, refused.text
    assert (await members.ask("PUT", f"/v1/members/{member}/pin", {"pin": PIN})).status_code == 204
    asked = {"pin": PIN, "purpose": "redeem", "max_points": 100}
    grant = (await members.ask("POST", f"/v1/members/{member}/pin-grants", asked)).json()["grant"]
    for status in (201, 201):  # sent again it is the same redemption
        answer = await points.ask("POST", "/v1/redemptions", {**wish, "grant": grant})
        assert answer.status_code == status, answer.text
    again = await points.ask("POST", "/v1/redemptions", {**wish, "reference": "R-2", "grant": grant})
    assert again.status_code in (403, 409), again.text

    told = "SELECT count(*) FROM notices WHERE template = 'points_redeemed'"
    await world.until_value("notify", told, 2)
    await world.until_value("analytics", "SELECT sum(points) FROM points_days WHERE kind = 'redeemed'", 100)
    await nothing_under_way(world)
    (inbox,) = await world.rows(
        "notify", "SELECT subject, text FROM notices WHERE template = 'points_redeemed' AND channel = 'inbox'"
    )
    assert inbox.subject == "You spent 100 points"
    assert "158" in inbox.text
    assert await world.value("notify", told) == 2
    assert await world.value("points", "SELECT sum(balance) FROM wallets WHERE wallet = 'points'") == 158
    for service in ("members", "points", "notify", "analytics"):
        assert await world.value(service, "SELECT count(*) FROM dead_letters") == 0
