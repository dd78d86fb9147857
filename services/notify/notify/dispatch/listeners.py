"""What notify hears of points besides purchases and returns, by the nouns of the events. The table is `occasions`."""

from collections.abc import Sequence
from typing import Any

from common.events import Event
from common.events.points import PointsGivenBack
from common.messaging import Outcome, retry
from common.storage import Transaction
from notify.dispatch import store
from notify.dispatch.handlers import NOTICED_WALLET, asks_of, correct, dispatch, keep_balances
from notify.dispatch.occasions import OCCASIONS, REDEMPTION
from notify.preferences import handlers as preferences
from notify.since import handlers as since


async def points_moved(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _heard(tx, events)


async def rewards_ordered(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _heard(tx, events)


async def coupons_changed(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _heard(tx, events)


async def streaks_reached(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _heard(tx, events)


async def tasks_completed(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _heard(tx, events)


async def badges_changed(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _heard(tx, events)


async def draws_played(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    return await _heard(tx, events)


async def _heard(tx: Transaction, events: Sequence[Event[Any]]) -> Sequence[Outcome]:
    """Any event of OCCASIONS: what others are judged by is kept, what the member may want to hear is asked for."""
    said = [(event, OCCASIONS[type(event.data)](event.data)) for event in events]
    known = await preferences.recipients(tx, {one.member_id for _, one in said if one.member_id is not None})
    await since.keep_things(tx, (one.thing for _, one in said if one.thing))
    mine = [event for event, one in said if one.member_id in known]
    await keep_balances(tx, [event.data for event in mine])
    await correct(tx, (_given_back(event.data) for event in mine if isinstance(event.data, PointsGivenBack)))
    strangers = [
        retry(event, "unknown_member") for event, one in said if one.key and one.member_id not in {None, *known}
    ]
    return [*strangers, *await dispatch(tx, asks_of(mine, known))]


def _given_back(back: PointsGivenBack) -> store.NewCorrection | None:
    if back.wallet != NOTICED_WALLET:
        return None
    return store.NewCorrection(
        member_id=back.member_id,
        wallet=back.wallet,
        sequence=back.sequence,
        order_source=REDEMPTION,
        order_id=back.redemption_id,
        clawed_back=back.points,
        repriced=0,
        balance=back.balance,
    )
