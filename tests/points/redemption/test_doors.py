"""Who may move points, and what each role of ours can do of it."""

from typing import Any
from uuid import UUID

import pytest

ID = UUID(int=1)
DOORS = [
    ("GET", "/v1/redemption-policy", "points:read"),
    ("PUT", "/v1/redemption-policy", "programme:write"),
    ("POST", "/v1/redemptions/quote", "points:read"),
    ("POST", "/v1/redemptions", "points:redeem"),
    ("POST", "/v1/redemptions/holds", "points:redeem"),
    ("POST", f"/v1/redemptions/{ID}/confirm", "points:redeem"),
    ("POST", f"/v1/redemptions/{ID}/cancel", "points:redeem"),
    ("GET", "/v1/redemptions/lookup?reference=a", "points:read"),
    ("GET", f"/v1/redemptions/{ID}", "points:read"),
    ("GET", f"/v1/members/{ID}/redemptions", "points:read"),
    ("GET", "/v1/adjustment-policy", "points:read"),
    ("PUT", "/v1/adjustment-policy", "programme:write"),
    ("POST", "/v1/adjustments", "points:adjust"),
    ("POST", f"/v1/adjustments/{ID}/approve", "points:approve"),
    ("POST", f"/v1/adjustments/{ID}/reject", "points:approve"),
    ("POST", f"/v1/adjustments/{ID}/reverse", "points:adjust"),
    ("GET", f"/v1/adjustments/{ID}", "points:read"),
    ("GET", "/v1/adjustments", "points:read"),
    ("GET", "/v1/gift-policy", "points:read"),
    ("PUT", "/v1/gift-policy", "programme:write"),
    ("POST", "/v1/gifts", "points:transfer"),
    ("POST", f"/v1/gifts/{ID}/undo", "points:transfer"),
    ("GET", f"/v1/gifts/{ID}", "points:read"),
    ("GET", f"/v1/members/{ID}/gifts", "points:read"),
    ("POST", "/v1/merges", "points:merge"),
    ("POST", f"/v1/merges/{ID}/undo", "points:merge"),
    ("GET", f"/v1/merges/{ID}", "points:read"),
    ("GET", f"/v1/members/{ID}/merges", "points:read"),
    ("GET", f"/v1/members/{ID}/receipt", "points:read"),
]


async def test_every_door_asks_for_its_permission(client: Any) -> None:
    async with client(role="admin", permissions=["templates:read"]) as stranger:
        for method, path, permission in DOORS:
            answer = await stranger.request(method, path)
            assert (answer.status_code, answer.json()["permission"]) == (403, permission), path


@pytest.mark.parametrize(
    ("role", "missing"),
    [
        ("checkout", {"points:adjust", "points:approve", "points:transfer", "points:merge", "programme:write"}),
        ("support", {"points:approve", "points:merge", "programme:write"}),
        ("auditor", {"points:redeem", "points:adjust", "points:approve", "points:transfer", "points:merge"}),
    ],
)
async def test_roles_may_no_more_than_their_work_asks(client: Any, role: str, missing: set[str]) -> None:
    async with client(role=role) as somebody:
        for method, path, permission in DOORS:
            if permission in missing:
                assert (await somebody.request(method, path)).status_code == 403, path
            elif method == "POST":
                assert (await somebody.request(method, path)).status_code in (404, 422), path


async def test_list_of_an_unknown_members_redemptions_says_that_nobody_is_known(operator: Any) -> None:
    answer = await operator.get(f"/v1/members/{ID}/redemptions")
    assert (answer.status_code, answer.json()["code"], answer.json()["member_id"]) == (404, "unknown_member", str(ID))
