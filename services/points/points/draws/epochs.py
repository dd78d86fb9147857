"""Epochs of a draw: the seed is committed to and sealed, plays happen, the seed is revealed, everybody checks."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.security.audit import audit
from common.security.callers import SYSTEM, Caller
from common.storage import Transaction
from points import keyring
from points.draws import domain, proof, store
from points.draws.domain import OVER, Draw, Epoch, EpochUnknownError, NotRevealedError, Play
from points.draws.proof import Difference, Place, Played, Promise, Replay
from points.incentives import handlers as incentives
from points.incentives.domain import ACTIVE, DRAW, Incentive, IncentiveStateError, IncentiveUnknownError

SEED_BYTES = 32
PART = 1_000
"""Plays that are held in memory at a time while an epoch is verified."""
LAST_EPOCH = 2**31 - 1


async def open_epoch(tx: Transaction, incentive: Incentive) -> Epoch:
    """Commit to a new seed, with what is left of the prizes. Raises PersonalDataClosedError without a master key."""
    draw, newest = Draw.of(incentive), await store.newest_epoch(tx, incentive.key)
    number = 1 if newest is None else newest.epoch + 1
    seed = secrets.token_bytes(SEED_BYTES)
    given = await store.given(tx, draw.key)
    stocks = {
        prize.key: None if prize.stock is None else max(0, prize.stock - given.get(prize.key, 0))
        for prize in draw.prizes
    }
    await store.open_epoch(
        tx,
        draw=draw.key,
        epoch=number,
        commitment=proof.commitment_of(seed, promise(draw, number, stocks)),
        sealed_seed=keyring.current().masters.seal(seed, about=_about(draw.key, number)),
        prizes=json.dumps([{"key": prize.key, "weight": prize.weight} for prize in draw.prizes]),
        stocks=stocks,
    )
    return await one(tx, draw.key, number)


async def close_epoch(tx: Transaction, incentive: Incentive) -> Epoch:
    """Reveal the seed of the open epoch. It waits for plays that are under way. Raises EpochUnknownError."""
    newest = await store.newest_epoch(tx, incentive.key, locked=True)
    if newest is None or newest.closed_at is not None:
        raise EpochUnknownError(incentive.key, 1 if newest is None else newest.epoch + 1)
    await store.close_epoch(tx, incentive.key, newest.epoch, open_seed(newest).hex())
    return await one(tx, incentive.key, newest.epoch)


async def renew(tx: Transaction, caller: Caller, key: str) -> tuple[Epoch, Epoch]:
    """Reveal the open epoch and begin the next one: (revealed, opened). Raises IncentiveUnknownError,
    IncentiveStateError.
    """
    incentive = await incentives.one(tx, DRAW, key, locked=True)
    if incentive.state != ACTIVE:
        raise IncentiveStateError(DRAW, key, incentive.state, "only an active draw has an open epoch")
    revealed = await close_epoch(tx, incentive)
    opened = await open_epoch(tx, incentive)
    await audit(tx, caller, "draw.revealed", key, epoch=revealed.epoch)
    return revealed, opened


async def end_over(tx: Transaction) -> None:
    """Timed job: draws whose `closes_at` is over are ended, so that nobody has to ask for their seeds."""
    if not keyring.given():
        return
    for found in await incentives.active(tx, DRAW):
        if domain.closed_reason(Draw.of(found), tx.now) == OVER:
            incentive = await incentives.one(tx, DRAW, found.key, locked=True)
            if incentive.state == ACTIVE:
                await close_epoch(tx, await incentives.end(tx, SYSTEM, DRAW, found.key))


def open_seed(epoch: Epoch) -> bytes:
    """The server seed. Raises PersonalDataClosedError, SealBrokenError."""
    return keyring.current().masters.open(epoch.sealed_seed, about=_about(epoch.draw, epoch.epoch))


async def seeds_rewrapped(tx: Transaction) -> None:
    """Timed job: after a new master key, seal with it the seeds that are not revealed yet."""
    if keyring.given():
        masters = keyring.current().masters
        for epoch in await store.open_epochs(tx):
            if masters.key_id_of(epoch.sealed_seed) != masters.current_id:
                sealed = masters.seal(open_seed(epoch), about=_about(epoch.draw, epoch.epoch))
                await store.reseal(tx, epoch.draw, epoch.epoch, sealed)


def _about(draw: str, epoch: int) -> bytes:
    return f"draw|{draw}|{epoch}".encode()


async def one(tx: Transaction, key: str, number: int) -> Epoch:
    """Raises EpochUnknownError."""
    found = await store.epoch(tx, key, number)
    if found is None:
        raise EpochUnknownError(key, number)
    return found


async def some(tx: Transaction, key: str, *, before: int | None, limit: int) -> list[Epoch]:
    """The newest first. Raises IncentiveUnknownError."""
    await incentives.one(tx, DRAW, key)
    return await store.epochs(tx, key, before=before or LAST_EPOCH, limit=limit)


def promise(draw: Draw, number: int, stocks: Mapping[str, int | None]) -> Promise:
    """What the epoch's commitment binds: the prizes in their order, with their stocks at the opening."""
    prizes = [
        Place(
            key=prize.key,
            weight=prize.weight,
            stock=stocks[prize.key],
            kind=prize.kind,
            points=prize.points,
            coupon=prize.coupon,
            reward=prize.reward,
        )
        for prize in draw.prizes
    ]
    return Promise(draw=draw.key, epoch=number, total=draw.total, fallback=draw.fallback, prizes=prizes)


async def table(tx: Transaction, epoch: Epoch) -> Promise:
    """What was promised at the opening."""
    draw = Draw.of(await incentives.one(tx, DRAW, epoch.draw))
    stocks = {prize: stock for prize, (stock, _) in (await store.stocks(tx, epoch.draw, epoch.epoch)).items()}
    return promise(draw, epoch.epoch, stocks)


async def plays(tx: Transaction, key: str, number: int, *, after: int | None, limit: int) -> list[Play]:
    """The public list, by number. Raises EpochUnknownError."""
    await one(tx, key, number)
    return await store.plays(tx, key, number, after=after or 0, limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    epoch: Epoch
    plays: int
    differences: Sequence[Difference]


async def verify(tx: Transaction, key: str, number: int) -> Verified:
    """Play the epoch again from its revealed seed. Raises EpochUnknownError, NotRevealedError."""
    epoch = await one(tx, key, number)
    if epoch.seed is None:
        raise NotRevealedError(key, number, epoch.commitment)
    again = Replay(bytes.fromhex(epoch.seed), epoch.commitment, await table(tx, epoch))
    while part := await store.plays(tx, key, number, after=again.plays, limit=PART):
        for row in part:
            again.play(public(row))
    differences = again.differences
    if again.plays != epoch.plays:
        differences.append(Difference(number=epoch.plays, problem=f"there are {again.plays} plays"))
    return Verified(epoch=epoch, plays=again.plays, differences=differences)


def public(row: Play) -> Played:
    """What everybody may see of a play."""
    return Played(
        number=row.number,
        pseudonym=row.pseudonym,
        client_seed=row.client_seed,
        ticket=row.ticket,
        drawn=row.drawn,
        prize=row.prize,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A prize: how often it was drawn, given and undone, and what is left of it (None: without end)."""

    prize: str
    weight: int
    drawn: int
    given: int
    undone: int
    left: int | None


async def statistics(tx: Transaction, key: str) -> tuple[Draw, list[Share]]:
    """Over all epochs. Raises IncentiveUnknownError."""
    incentive = await incentives.one(tx, DRAW, key)
    if incentive.active_from is None:
        raise IncentiveUnknownError(DRAW, key)
    draw, rows, newest = Draw.of(incentive), await store.counts(tx, key), await store.newest_epoch(tx, key)
    stocks = {} if newest is None else await store.stocks(tx, key, newest.epoch)
    shares = []
    for prize in draw.prizes:
        stock, taken = stocks.get(prize.key, (prize.stock, 0))
        shares.append(
            Share(
                prize=prize.key,
                weight=prize.weight,
                drawn=sum(row.plays for row in rows if row.drawn == prize.key),
                given=sum(row.plays for row in rows if row.prize == prize.key),
                undone=sum(row.undone for row in rows if row.prize == prize.key),
                left=None if stock is None else stock - taken,
            )
        )
    return draw, shares
