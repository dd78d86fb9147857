"""Callers of the points API over real HTTP that do anything at random, and keep count of what was answered."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import httpx

from common.security.signing import SigningKey, jwks_of
from tests.faults.world import SHOP
from tests.points.rewards.world import ADDRESS

REFUSED = frozenset({404, 409})
"""What may be answered to a wish that cannot be granted: too few points, out of stock, over already …"""


@contextmanager
def published_keys(key: SigningKey) -> Iterator[str]:
    """The address where an issuer publishes this key."""
    body = json.dumps(jwks_of([key.public])).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/jwks"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Callers:
    """`points` is what all answers together have added to (taken from) the members, `answers` how many of each kind."""

    clients: Sequence[httpx.AsyncClient]
    members: Sequence[UUID]
    orders: Sequence[tuple[str, UUID]]
    """Orders that coupons may be put on, and who buys them."""
    points: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    slowest_seconds: float = 0
    started: dict[str, list[str]] = field(default_factory=dict)
    coupons: list[tuple[str, str]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(5))

    async def one(self) -> None:
        """One deed of one caller."""
        deeds = (
            *[self.redeem] * 3,
            *[self.hold] * 3,
            *[self.end_hold] * 3,
            self.give_back,
            *[self.gift] * 3,
            self.undo_gift,
            *[self.order] * 3,
            *[self.cancel_order] * 2,
            *[self.play] * 2,
            self.undo_play,
            *[self.put_coupon] * 4,
            *[self.adjust] * 2,
            self.reverse,
        )
        await self.chance.choice(deeds)()

    async def ask(self, path: str, body: dict[str, Any]) -> Any:
        """The answer's body when the wish was granted, else None."""
        answer = await self.chance.choice(self.clients).post(path, json=body)
        self.slowest_seconds = max(self.slowest_seconds, answer.elapsed.total_seconds())
        kind = "/".join(part for part in path.split("/")[2:] if not _is_id(part))
        self.answers[kind, answer.status_code] += 1
        if answer.status_code in (200, 201):
            return answer.json()
        if answer.status_code not in REFUSED:
            self.surprises.append(f"{path}: {answer.status_code} {answer.text[:300]}")
        return None

    def some(self, what: str) -> str | None:
        """Something of that kind which was started before."""
        found = self.started.get(what)
        return self.chance.choice(found) if found else None

    def note(self, what: str, key: str) -> None:
        self.started.setdefault(what, []).append(key)

    def member(self) -> str:
        return str(self.chance.choice(self.members))

    async def redeem(self) -> None:
        wish = {"member_id": self.member(), "points": self.chance.randint(1, 40)}
        if done := await self.ask("/v1/redemptions", wish):
            self.points -= done["points"]
            self.note("redemption", done["redemption_id"])

    async def give_back(self) -> None:
        """A part of a redemption, so that what each answer gave back is known."""
        key = self.some("redemption")
        reference = f"back-{self.chance.getrandbits(64)}"
        if key and (done := await self.ask(f"/v1/redemptions/{key}/cancel", {"points": 1, "reference": reference})):
            self.points += sum(one["points"] for one in done["returns"] if one["reference"] == reference)

    async def hold(self) -> None:
        wish = {"member_id": self.member(), "points": self.chance.randint(1, 40)}
        if done := await self.ask("/v1/redemptions/holds", wish):
            self.note("hold", done["redemption_id"])

    async def end_hold(self) -> None:
        """Once for each hold: a second confirmation would be answered as the first."""
        if held := self.started.get("hold"):
            key = held.pop(self.chance.randrange(len(held)))
            if self.chance.random() < 0.5:
                await self.ask(f"/v1/redemptions/{key}/cancel", {})
            elif done := await self.ask(f"/v1/redemptions/{key}/confirm", {}):
                self.points -= done["points"]

    async def gift(self) -> None:
        giver, taker = self.chance.sample(self.members, 2)
        wish = {"member_id": str(giver), "recipient_id": str(taker), "points": self.chance.randint(1, 30)}
        if done := await self.ask("/v1/gifts", wish):
            self.note("gift", done["gift_id"])

    async def undo_gift(self) -> None:
        if key := self.some("gift"):
            await self.ask(f"/v1/gifts/{key}/undo", {})

    async def order(self) -> None:
        """A mug, or a coupon whose template is limited."""
        reward = self.chance.choice(("mug", "voucher"))
        wish: dict[str, Any] = {"member_id": self.member(), "reward": reward, "quantity": self.chance.randint(1, 2)}
        if reward == "mug":
            wish["address"] = ADDRESS
        if done := await self.ask("/v1/reward-orders", wish):
            self.points -= done["points"]
            self.note("order", done["order_id"])
            self.coupons += [(coupon, wish["member_id"]) for coupon in done["coupon_ids"]]

    async def cancel_order(self) -> None:
        if orders := self.started.get("order"):
            key = orders.pop(self.chance.randrange(len(orders)))
            if done := await self.ask(f"/v1/reward-orders/{key}/cancellation", {}):
                self.points += done["points"]["points"]

    async def play(self) -> None:
        if done := await self.ask(f"/v1/members/{self.member()}/draws/spin/plays", {"client_seed": "mine"}):
            self.points += done["points"] - done["cost"]
            self.note("play", done["play_id"])

    async def undo_play(self) -> None:
        if plays := self.started.get("play"):
            key = plays.pop(self.chance.randrange(len(plays)))
            if done := await self.ask(f"/v1/draw-plays/{key}/undo", {"reason": "test"}):
                self.points += done["cost"] - done["points"]

    async def put_coupon(self) -> None:
        """A coupon is locked for an order, used on it, or let go; by codes nobody guesses, for they are told by id."""
        if not self.coupons:
            return
        coupon, owner = self.chance.choice(self.coupons)
        mine = [order for order, member in self.orders if str(member) == owner]
        on = {"order_source": SHOP, "order_id": self.chance.choice(mine)}
        cart = {"member_id": owner, "currency": "CNY", "lines": [{"sku": "a", "amount": 90_00}], "coupon_ids": [coupon]}
        match self.chance.randrange(4):
            case 0:
                await self.ask("/v1/coupons/release", on)
            case 1:
                await self.ask("/v1/coupons/use", {**on, "cart": cart})
            case 2:
                await self.ask("/v1/coupons/use", on)
            case _:
                await self.ask("/v1/coupons/lock", {**on, "cart": cart})

    async def adjust(self) -> None:
        kind, points = self.chance.choice(("credit", "debit")), self.chance.randint(1, 30)
        wish = {"member_id": self.member(), "kind": kind, "points": points, "reason": "test"}
        if done := await self.ask("/v1/adjustments", wish):
            self.points += points if kind == "credit" else -points
            self.note(f"adjustment {kind}", done["adjustment_id"])

    async def reverse(self) -> None:
        kind = self.chance.choice(("credit", "debit"))
        if posted := self.started.get(f"adjustment {kind}"):
            key = posted.pop(self.chance.randrange(len(posted)))
            if done := await self.ask(f"/v1/adjustments/{key}/reverse", {}):
                self.points += -done["points"] if kind == "credit" else done["points"]


def _is_id(part: str) -> bool:
    return len(part) == 36 and part.count("-") == 4
