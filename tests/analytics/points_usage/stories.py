"""What can happen to points, played on a real ledger: each move is what a caller, a member or a job would do.

A move that is refused changes nothing and is no part of the story.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from common.events.activities import ActivityCompleted
from common.events.event import event_of
from common.security.callers import SYSTEM
from common.storage import Database, Transaction
from points.adjustments import handlers as adjustments
from points.draws import handlers as draws
from points.expiry import handlers as expiry
from points.gifts import handlers as gifts
from points.incentives import followers
from points.ledger import handlers as ledger
from points.merges import handlers as merges
from points.problems import PROBLEMS
from points.redemption import giving_back, holds
from points.redemption import handlers as redemption
from points.reward_fulfilment import handlers as fulfilment
from points.reward_orders import handlers as orders
from points.reward_orders.domain import Wanted
from points.wallet_types import handlers as wallet_types
from points.wallet_types.domain import WalletType
from tests.points import world
from tests.points.draws.world import NOTHING, spin, ten_points
from tests.points.incentives.world import active, activity
from tests.points.rewards.world import PERSON, TILL, offer, reward


class NothingThereError(Exception):
    """What the move is about has not come yet."""


REFUSALS: tuple[type[Exception], ...] = (*PROBLEMS, NothingThereError)
DAY = timedelta(days=1)
MAKE_UP = {"per_month": 9, "cost": 5, "days_back": 7}
WAITING = {"kind": "days", "days": 3}
UNTIL_CLOSED = {"kind": "event", "event": "return_window_closed"}


async def prepare(database: Database) -> None:
    """Rules with several wallets, waits and lives; a reward, a streak, a draw."""
    lives: Any = {"kind": "days", "count": 5}
    lasts: Any = {"kind": "days", "count": 2}
    await world.rate(database, multipliers={"gold": "2"})
    waits: Any = {"waiting": WAITING, "expiry": lives}
    await world.rule(database, "slow", {"kind": "rate", "points": 1, "per_minor_units": 200}, **waits)
    await world.rule(database, "short", {"kind": "fixed", "points": 30}, expiry=lasts)
    # These points can end while they wait.
    await world.rule(database, "closed", {"kind": "fixed", "points": 20}, waiting=UNTIL_CLOSED, expiry=lives)
    await world.rule(database, "growth", {"kind": "rate", "points": 3, "per_minor_units": 100}, wallet="growth")
    await world.rule(database, "stars", {"kind": "fixed", "points": 7}, wallet="stars")
    review: Any = {"occasion": {"kind": "activity", "activity": "review"}, **waits}
    await world.rule(database, "review", {"kind": "fixed", "points": 25}, **review)
    async with database.transaction() as tx:
        await wallet_types.put(tx, WalletType(key="stars", pending_days=2, negative_policy="clamp"), "test")
    await offer(database, reward(points=40))
    rewards = [{"day": 1, "points": 3}, {"day": 2, "points": 40}, {"day": 3, "points": 9}]
    await active(database, "streak", "days", {"cycle_days": 3, "rewards": rewards, "make_up": MAKE_UP})
    await active(database, "draw", "spin", spin(ten_points(50), {**NOTHING, "weight": 50}, cost=6))


@dataclass
class Story:
    """Three members and what they did so far. `now` only goes on."""

    database: Database
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    members: list[UUID] = field(default_factory=list)
    kept: dict[str, list[Any]] = field(default_factory=dict)
    played: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Transaction]:
        async with self.database.transaction() as tx:
            tx.now = self.now
            yield tx

    async def hear(self, *events: Any) -> None:
        async with self.at_work() as tx:
            await world.deliver(tx, events)

    async def begin(self, **programme: Any) -> None:
        self.members = [uuid4() for _ in range(3)]
        revision = await world.value(self.database, "SELECT COALESCE(max(revision), 0) + 1 FROM programme")
        told = world.programme(int(revision), expiry_months=1, **programme)
        await self.hear(told, *(world.registered(one) for one in self.members))

    async def play(self, move: str, who: int, number: int) -> None:
        self.now += timedelta(minutes=7)
        try:
            await getattr(self, move)(self.members[who % 3], number)
        except REFUSALS:
            return
        self.played.append(move)

    def some(self, kind: str, number: int) -> Any:
        """One of those that came before."""
        there = self.kept.get(kind)
        if not there:
            raise NothingThereError(kind)
        return there[number % len(there)]

    def keep(self, kind: str, one: Any) -> None:
        self.kept.setdefault(kind, []).append(one)

    # what shops tell

    async def buys(self, member: UUID, number: int) -> None:
        order = f"order-{uuid4()}"
        self.keep("purchase", (order, number * 100))
        await self.hear(world.purchase(member, order, number * 100, at=self.now - number % 3 * DAY))

    async def returns(self, member: UUID, number: int) -> None:
        order, amount = self.some("purchase", number)
        part = amount if number % 2 else amount // 3
        await self.hear(world.refund(order, f"return-{uuid4()}", part, at=self.now))

    async def returns_first(self, member: UUID, number: int) -> None:
        order = f"order-{uuid4()}"
        await self.hear(world.refund(order, f"return-{uuid4()}", number * 50, at=self.now))
        await self.hear(world.purchase(member, order, number * 100, at=self.now - DAY))

    async def reviews(self, member: UUID, number: int) -> None:
        about = {"order_source": world.SHOP, "order_id": self.some("purchase", number)[0]}
        await self.hear(activity(member, f"review-{uuid4()}", "review", at=self.now, **about if number % 2 else {}))

    async def closes(self, member: UUID, number: int) -> None:
        order, _ = self.some("purchase", number)
        told = ActivityCompleted(
            activity_id=f"closed-{uuid4()}",
            member_id=member,
            activity="return_window_closed",
            occurred_at=self.now,
            order_source=world.SHOP,
            order_id=order,
        )
        await self.hear(event_of(told, source=world.SHOP))

    async def changes_tier(self, member: UUID, number: int) -> None:
        self.keep(f"tiers of {member}", None)
        revision = len(self.kept[f"tiers of {member}"])
        tier = ("gold" if number % 2 else "base", self.now - number % 9 * DAY)
        await self.hear(world.tiers(member, revision, tier))

    async def signs_in(self, member: UUID, number: int) -> None:
        await self.hear(activity(member, f"sign-in-{uuid4()}", at=self.now - number % 4 * DAY))

    # what callers ask for

    async def redeems(self, member: UUID, number: int, *, hold: bool = False) -> None:
        wish = redemption.Wish(
            member_id=member, wallet="points", points=number, source="", reference="", body_hash=b"", hold=hold
        )
        async with self.at_work() as tx:
            done = await redemption.redeem(tx, SYSTEM, wish)
        self.keep("hold" if hold else "redemption", done.redemption_id)

    async def holds(self, member: UUID, number: int) -> None:
        await self.redeems(member, number, hold=True)

    async def confirms(self, member: UUID, number: int) -> None:
        hold = self.some("hold", number)
        async with self.at_work() as tx:
            held = (await redemption.get(tx, hold)).held
            await holds.confirm(tx, hold, held if number % 2 else max(1, held // 2))
        self.keep("redemption", hold)

    async def cancels_hold(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            await holds.cancel_hold(tx, SYSTEM, self.some("hold", number))

    async def gives_back(self, member: UUID, number: int) -> None:
        part = None if number % 2 else 1 + number // 3
        wanted = giving_back.Cancellation(points=part, lines=(), reason="", reference="", body_hash=b"")
        async with self.at_work() as tx:
            await giving_back.cancel(tx, SYSTEM, self.some("redemption", number), wanted)

    async def gives_away(self, member: UUID, number: int) -> None:
        other = self.members[(self.members.index(member) + 1 + number % 2) % 3]
        async with self.at_work() as tx:
            gift = await gifts.give(tx, SYSTEM, member, other, "points", number, "")
        self.keep("gift", gift.gift_id)

    async def undoes_gift(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            await gifts.undo(tx, SYSTEM, self.some("gift", number))

    async def adjusts(self, member: UUID, number: int) -> None:
        kind = ("credit", "debit", "write_off", "debit")[number % 4]
        wish = adjustments.Wish(
            member_id=member,
            wallet="points",
            kind=kind,
            points=number,
            reason="test",
            note="",
            allow_debt=number % 8 > 3,
        )
        async with self.at_work() as tx:
            done = await adjustments.adjust(tx, SYSTEM, wish)
        self.keep("adjustment", done.adjustment_id)

    async def reverses(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            adjustment = self.some("adjustment", number)
            await adjustments.reverse(tx, SYSTEM, adjustment, note="", allow_debt=bool(number % 2))

    async def merges(self, member: UUID, number: int) -> None:
        other = self.members[(self.members.index(member) + 1 + number % 2) % 3]
        async with self.at_work() as tx:
            done = await merges.merge(tx, SYSTEM, uuid4(), member, other, self.now)
        self.keep("merge", done.merge_id)

    async def parts(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            await merges.undo(tx, SYSTEM, self.some("merge", number))

    async def orders(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            placed = await orders.order(tx, TILL, Wanted(member_id=member, reward="mug", address=PERSON))
        self.keep("order", placed.order.order_id)

    async def cancels_order(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            order = self.some("order", number)
            await fulfilment.undo(tx, SYSTEM, order, "cancelled", reason="", restock=True, seen=None)

    async def makes_up(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            await followers.make_up(tx, member, "days", (self.now - (1 + number % 5) * DAY).date())

    async def draws(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            played = await draws.play(tx, member, "spin", str(number))
        self.keep("draw", played.play_id)

    async def undoes_draw(self, member: UUID, number: int) -> None:
        async with self.at_work() as tx:
            await draws.undo(tx, SYSTEM, self.some("draw", number), "test")

    # what time brings

    async def days_pass(self, member: UUID, number: int) -> None:
        self.now += (1 + number % 4) * DAY

    async def jobs_run(self, member: UUID, number: int) -> None:
        for job in (ledger.release_due, holds.end_overdue, merges.settle, expiry.sweep):
            async with self.at_work() as tx:
                await job(tx)


OFTEN = ("buys", "returns", "changes_tier", "redeems", "holds", "confirms", "gives_back", "days_pass", "jobs_run")
MOVES = (
    *(OFTEN * 2),
    *("buys", "returns_first", "reviews", "closes", "signs_in"),
    *("cancels_hold", "gives_away", "undoes_gift", "adjusts", "reverses"),
    *("merges", "parts", "orders", "cancels_order", "makes_up", "draws", "undoes_draw"),
)
"""As often as they are to come."""
