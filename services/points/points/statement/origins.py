"""What movements come from, beside purchases: redemptions, rewards, draws, corrections, gifts, merges."""

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from common.storage import Transaction
from points.adjustments import handlers as adjustments
from points.gifts import handlers as gifts
from points.ledger.domain import Transfer
from points.merges import handlers as merges
from points.redemption import handlers as redemption
from points.statement import store
from points.statement.domain import Incentive, Origin, occasion_of, word_of

OF_ADJUSTMENTS = frozenset({"adjusted", "adjustment_reversed", "debt_written_off"})
OF_GIFTS = frozenset({"gift_given", "gift_received", "gift_undone"})
OF_MERGES = frozenset({"merged_away", "merged_in", "merge_undone"})
OF_PURCHASES = frozenset({"earned", "clawed_back", "shortfall", "repriced", "released", "expired", "unexpired"})

Chosen = Callable[[Transfer], bool]


async def origins(tx: Transaction, transfers: Sequence[Transfer]) -> dict[UUID, Origin]:
    """By the reference of a movement, where that is the id of something known here; one query for each kind."""
    found: dict[UUID, Origin] = {}
    if ids := _ids(transfers, lambda one: one.kind in OF_ADJUSTMENTS or one.kind == "debt_repaid"):
        found |= {
            one.adjustment_id: Origin("adjustment", one.adjustment_id, reason=one.reason, note=one.note)
            for one in (await adjustments.by_ids(tx, ids)).values()
        }
    if ids := _ids(transfers, lambda one: one.kind in OF_GIFTS or one.kind == "debt_repaid"):
        found |= {
            one.gift_id: Origin("gift", one.gift_id, member=one.member_id, other=one.recipient_id, note=one.message)
            for one in (await gifts.by_ids(tx, ids)).values()
        }
    if ids := _ids(transfers, lambda one: one.kind in OF_MERGES or one.kind == "debt_repaid"):
        found |= {
            one.merge_id: Origin("merge", one.merge_id, member=one.member_id, other=one.absorbed_member_id)
            for one in (await merges.by_ids(tx, ids)).values()
        }
    known = OF_ADJUSTMENTS | OF_GIFTS | OF_MERGES | OF_PURCHASES
    if ids := _ids(transfers, lambda one: one.kind not in known):
        found |= await _spent(tx, ids)
    return found


async def _spent(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, Origin]:
    left = set(ids)
    found = {
        one.redemption_id: Origin("redemption", one.redemption_id, name_zh=one.order_id, name_en=one.order_id)
        for one in (await redemption.by_ids(tx, left)).values()
    }
    if left := left - found.keys():
        found |= {
            row.order_id: Origin("reward_order", row.order_id, name_zh=row.name_zh, name_en=row.name_en)
            for row in await store.reward_orders(tx, left)
        }
    if left := left - found.keys():
        found |= {
            row.play_id: Origin("draw_play", row.play_id, name_zh=row.draw, name_en=row.draw)
            for row in await store.plays(tx, left)
        }
    return found


async def incentives(tx: Transaction, transfers: Sequence[Transfer]) -> dict[str, Incentive]:
    """What gave points for taking part, or made up a day, by the movement's own word for it (`occasion_of`)."""
    told = {word: occasion for one in transfers if (occasion := occasion_of(word := word_of(one)))}
    if not told:
        return {}
    plays = {occasion.key: occasion for occasion in told.values() if occasion.kind == "draw"}
    drawn = await store.plays(tx, filter(None, map(id_in, plays))) if plays else ()
    draw_of = {str(row.play_id): row.draw for row in drawn}
    keyed = {word: one._replace(key=draw_of.get(one.key, one.key)) for word, one in told.items()}
    names = {(row.kind, row.key): row for row in await store.incentives(tx, {one.defined for one in keyed.values()})}
    return {
        word: one._replace(name_zh=row.zh or row.en, name_en=row.en or row.zh)
        if (row := names.get(one.defined))
        else one
        for word, one in keyed.items()
    }


def id_in(reference: str) -> UUID | None:
    """The id a reference is, None for other texts."""
    try:
        return UUID(reference) if len(reference) == 36 else None
    except ValueError:
        return None


def _ids(transfers: Iterable[Transfer], chosen: Chosen) -> set[UUID]:
    return {found for one in transfers if chosen(one) and (found := id_in(one.reference)) is not None}
