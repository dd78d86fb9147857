"""HTTP door: what one member may order, and why not."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

from common.http import Page, Paging, Router, Tx, allow, may_answer, page, paged
from common.storage.programme import programme
from points.reward_offers import handlers
from points.reward_offers.models import OfferResponse
from points.rewards import handlers as rewards
from points.rewards.models import Kind, Option

router = Router(tags=["rewards"])

BySort = paged(int, str)
FIRST = (-(2**31), "")
KeyInPath = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


@router.get(
    "/v1/rewards/available",
    dependencies=[allow("rewards:read")],
    responses=may_answer(404, 422),
    summary="Published rewards for one member, and why not",
)
async def available(
    member_id: UUID,
    tx: Tx,
    paging: Annotated[Paging[tuple[int, str]], BySort],
    kind: Annotated[Kind | None, Query()] = None,
    affordable: Annotated[
        bool | None, Query(description="Only those the member has (or lacks) the points for.")
    ] = None,
    available: Annotated[bool | None, Query(description="Only those the member can (or cannot) order now.")] = None,
) -> Page[OfferResponse]:
    """One piece of each, by the option that needs the fewest points."""
    rows = await handlers.offers(
        tx,
        member_id,
        kind=kind,
        affordable=affordable,
        available=available,
        after=paging.after or FIRST,
        limit=paging.fetch,
    )
    terms = rewards.terms_of(await programme(tx))
    return page(
        rows,
        paging,
        key=lambda offer: (offer.reward.sort, offer.reward.reward),
        item=lambda offer: OfferResponse.of(offer, terms),
    )


@router.get(
    "/v1/rewards/{reward}/availability",
    dependencies=[allow("rewards:read")],
    responses=may_answer(404, 422),
    summary="One reward for one member, and why not",
)
async def availability(
    reward: KeyInPath,
    member_id: UUID,
    tx: Tx,
    quantity: Annotated[int, Query(ge=1, le=100)] = 1,
    option: Annotated[
        Option | None, Query(description="How it would be paid; default: with the fewest points.")
    ] = None,
) -> OfferResponse:
    offer = await handlers.offer(tx, member_id, reward, quantity=quantity, option=option or "")
    return OfferResponse.of(offer, rewards.terms_of(await programme(tx)))
