"""How a play is decided, so that anybody can check it afterwards. Standard library only.

Before the first play of an epoch the commitment is published, and every play's answer repeats it:

    commitment = SHA-256(server seed (32 bytes) + table)        the table as JSON in UTF-8: keys sorted, no spaces
    table = {"draw", "epoch", "total", "fallback", "prizes": [{"key", "weight", "stock", "kind", "points", "coupon",
    "reward"}]}                                                 stock: at the opening, null for without end

So neither the seed nor the odds, the stocks or what a prize is worth can be other ones afterwards. A play is

    digest = HMAC-SHA256(server seed, "<client seed>|<play number>|<pseudonym>")        UTF-8; the first attempt
    digest = HMAC-SHA256(server seed, "<client seed>|<play number>|<pseudonym>|<n>")    further attempts, n = 1, 2 …

The first 8 bytes, big-endian, are x. With L = 2^64 − (2^64 mod total), an x ≥ L is thrown away and the next attempt
is made: below L every remainder is there equally often, so the ticket = x mod total has no bias. The prizes in their
order own the tickets: the first 0 … weight − 1, the next those that follow. A prize whose stock is used up by earlier
plays of the epoch gives the fallback. Play numbers are dense from 1, the client seed is chosen by the player, and the
pseudonym is SHA-256("<draw>|<epoch>|<member id>"), its first 32 hexadecimal characters: the house can choose none of
them freely.

What this shows: all was decided by a seed chosen before the plays. What no seed of a house can show: that nobody who
could open it (it is sealed by the master key) played, or let others play in between.
"""

import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from uuid import UUID

SPACE = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A prize in the order of the table. `stock` at the opening of the epoch; None: without end."""

    key: str
    weight: int
    stock: int | None = None
    kind: str = "nothing"
    points: int = 0
    coupon: str | None = None
    reward: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is promised before the first play of an epoch, beside the seed."""

    draw: str
    epoch: int
    total: int
    fallback: str
    prizes: Sequence[Place]


def table_of(promise: Promise) -> str:
    """The table as it is committed to."""
    return json.dumps(asdict(promise), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def commitment_of(seed: bytes, promise: Promise) -> str:
    """What is published before the plays, in hexadecimal."""
    return sha256(seed + table_of(promise).encode()).hexdigest()


def pseudonym_of(draw: str, epoch: int, member_id: UUID) -> str:
    return sha256(f"{draw}|{epoch}|{member_id}".encode()).hexdigest()[:32]


def ticket_of(seed: bytes, client_seed: str, number: int, pseudonym: str, total: int) -> int:
    """From 0 to total − 1, each equally likely."""
    limit, message, attempt = SPACE - SPACE % total, f"{client_seed}|{number}|{pseudonym}", 0
    while True:
        text = f"{message}|{attempt}" if attempt else message
        x = int.from_bytes(hmac.new(seed, text.encode(), sha256).digest()[:8], "big")
        if x < limit:
            return x % total
        attempt += 1


def drawn_by(ticket: int, prizes: Sequence[Place]) -> Place:
    """The prize that owns the ticket."""
    for prize in prizes:
        if ticket < prize.weight:
            return prize
        ticket -= prize.weight
    raise ValueError(f"no prize owns ticket {ticket}: the weights do not add up to the total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A line of the public list."""

    number: int
    pseudonym: str
    client_seed: str
    ticket: int
    drawn: str
    prize: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    number: int
    problem: str


class Replay:
    """Plays an epoch again, line by line in order; `differences` is empty when everything is as it should be."""

    def __init__(self, seed: bytes, commitment: str, promise: Promise) -> None:
        self._seed, self._total, self._prizes, self._fallback = seed, promise.total, promise.prizes, promise.fallback
        self._given: dict[str, int] = {}
        self._expected = 1
        self.differences: list[Difference] = []
        if commitment_of(seed, promise) != commitment:
            problem = "the seed or the table is not the one that was committed to"
            self.differences.append(Difference(number=0, problem=problem))
        if sum(prize.weight for prize in promise.prizes) != promise.total:
            self.differences.append(Difference(number=0, problem="the weights do not add up to the total"))

    @property
    def plays(self) -> int:
        return self._expected - 1

    def play(self, one: Played) -> None:
        if one.number != self._expected:
            self._differs(one.number, f"play {self._expected} is missing")
        self._expected = one.number + 1
        ticket = ticket_of(self._seed, one.client_seed, one.number, one.pseudonym, self._total)
        drawn = drawn_by(ticket, self._prizes)
        given = self._given.get(drawn.key, 0)
        prize = self._fallback if drawn.stock is not None and given >= drawn.stock else drawn.key
        self._given[prize] = self._given.get(prize, 0) + 1
        if one.ticket != ticket:
            self._differs(one.number, f"its ticket is {ticket}, not {one.ticket}")
        if one.drawn != drawn.key:
            self._differs(one.number, f"{drawn.key} was drawn, not {one.drawn}")
        if one.prize != prize:
            self._differs(one.number, f"{prize} was to be given, not {one.prize}")

    def _differs(self, number: int, problem: str) -> None:
        self.differences.append(Difference(number=number, problem=problem))


def replay(seed: bytes, commitment: str, promise: Promise, plays: Iterable[Played]) -> list[Difference]:
    """Everything that is wrong with a revealed epoch."""
    again = Replay(seed, commitment, promise)
    for one in plays:
        again.play(one)
    return again.differences
