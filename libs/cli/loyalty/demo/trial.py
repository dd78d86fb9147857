"""What if other rules had been published? The same purchases again, under a rule that pays the larger orders more."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from loyalty.clients.api import Api
from loyalty.demo.checks import Check
from loyalty.receipts import problems_of, read

NAME = "CDNOW: ten points more from 50 dollars on"
SPAN = {"occurred_from": "1997-01-01T00:00:00Z", "occurred_until": "1998-08-01T00:00:00Z"}
CHANGES: Mapping[str, Any] = {
    "rules": [
        {
            "rule": "large_orders",
            "definition": {
                "names": {"zh-CN": "大额订单加赠", "en": "Bonus for large orders"},
                "when": {"kind": "amount", "at_least": 5000},
                "effect": {"kind": "fixed", "points": 10},
            },
        }
    ]
}
OPEN = ("waiting", "running")
LIMIT_SECONDS = 300


class NotReplayedError(Exception):
    """The what-if failed, or took too long."""


def what_if(points: Api, show: Callable[[int, int], None]) -> Mapping[str, Any]:
    """The finished what-if; `show` is told how many purchases of how many were replayed. NotReplayedError otherwise."""
    found: dict[str, Any] = points.post("/v1/what-ifs", {"name": NAME, "changes": CHANGES, **SPAN})
    until = time.monotonic() + LIMIT_SECONDS
    while found["state"] in OPEN:
        if time.monotonic() > until:
            raise NotReplayedError(f"the what-if is {found['state']} after {LIMIT_SECONDS} s")
        time.sleep(0.3)
        found = points.get(f"/v1/what-ifs/{found['what_if_id']}")
        show(found["done"], found["purchases"])
    if found["state"] != "finished":
        raise NotReplayedError(f"the what-if {found['state']}: {found['problem']}")
    return found


def agrees(found: Mapping[str, Any], outstanding: int) -> Check:
    """`outstanding`: what members have, less what they owe. Today's rules replayed must give the same."""
    wallet = next(one for one in found["result"]["wallets"] if one["wallet"] == "points")
    return Check(
        what="today's rules replayed give what members have", wanted=f"{outstanding:,}", found=f"{wallet['before']:,}"
    )


def receipt(points: Api, member_id: str) -> Check:
    """A member's receipt, checked without asking anybody."""
    found = read(json.dumps(points.get(f"/v1/members/{member_id}/receipt")))
    problems = list(problems_of(found))
    wrong = f"{len(found.transfers)} transfers, {len(problems)} problems"
    return Check(
        what="a member's receipt, checked offline", wanted=f"{len(found.transfers)} transfers, 0 problems", found=wrong
    )
