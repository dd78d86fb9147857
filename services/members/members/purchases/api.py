"""HTTP door to what members bought."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from common.http import Page, Paging, ResponseBody, Router, Tx, allow, page, paged
from common.http.fields import Key
from members.purchases import handlers
from members.purchases.domain import PurchaseNotFoundError
from members.returns.domain import APPLIED
from members.tiers import handlers as tiers

router = Router(tags=["purchases"])


class ReturnResponse(ResponseBody):
    """What was given back for goods of the purchase, minor units. A `refused` one has no effect; `refusal` says why."""

    source: str
    return_id: str
    occurred_at: datetime
    recorded_at: datetime
    amount: int
    state: str
    refusal: str
    reason: str
    trace_id: str


class TierEffect(ResponseBody):
    """The tier that the purchase reached."""

    tier: str
    since: datetime


class PurchaseResponse(ResponseBody):
    """A purchase as it was told, with its returns. Amounts in minor units; `net` is goods less discount and returns.

    `trace_id` finds the log lines of all services about it.
    """

    source: str
    order_id: str
    member_id: UUID
    occurred_at: datetime
    recorded_at: datetime
    currency: str
    amount: int
    discount: int
    tax: int
    delivery: int
    net: int
    channel: str
    shop: str
    lines: list[dict[str, Any]]
    returns: list[ReturnResponse]
    tier_effect: TierEffect | None
    event_id: str
    trace_id: str


@router.get("/v1/members/{member_id}/purchases", dependencies=[allow("purchases:read")])
async def of_member(
    member_id: UUID, tx: Tx, paging: Annotated[Paging[tuple[datetime, str, str]], paged(datetime, str, str)]
) -> Page[PurchaseResponse]:
    """The purchases of a member, the latest first, with lines, returns and the effect on the tier."""
    rows = await handlers.of_member(tx, member_id, after=paging.after, limit=paging.fetch)
    back = await handlers.returns_of(tx, rows)
    reached = await _reached(tx, [member_id])
    return page(
        rows,
        paging,
        key=lambda row: (row.occurred_at, row.source, row.order_id),
        item=lambda row: _answer(row, back, reached),
    )


@router.get("/v1/purchases", dependencies=[allow("purchases:read")])
async def one(source: Annotated[Key, Query()], order_id: Annotated[Key, Query()], tx: Tx) -> PurchaseResponse:
    """One purchase, by the source that sent it and its number there."""
    row = await handlers.find(tx, source, order_id)
    if row is None:
        raise PurchaseNotFoundError(source=source, order_id=order_id)
    return _answer(row, await handlers.returns_of(tx, [row]), await _reached(tx, [row.member_id]))


async def _reached(tx: Tx, member_ids: Sequence[UUID]) -> Mapping[tuple[UUID, datetime, str], TierEffect]:
    """Steps in the members' tier histories, by the purchase that made them."""
    histories = await tiers.histories_of(tx, member_ids)
    return {
        (member_id, entry.since, entry.reason): TierEffect(tier=entry.tier, since=entry.since)
        for member_id, history in histories.items()
        for entry in history
    }


def _answer(
    row: Any, back: Mapping[tuple[str, str], Sequence[Any]], reached: Mapping[tuple[UUID, datetime, str], TierEffect]
) -> PurchaseResponse:
    returns = [ReturnResponse.model_validate(entry, from_attributes=True) for entry in back.get(row[:2], ())]
    goods, applied = row.amount - row.discount, [entry for entry in returns if entry.state == APPLIED]
    return PurchaseResponse(
        **row._mapping,
        net=max(0, goods - sum(entry.amount for entry in applied)),
        returns=returns,
        tier_effect=reached.get((row.member_id, row.occurred_at, f"purchase {row.order_id}")),
    )
