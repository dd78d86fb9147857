"""HTTP door to tiers: a member's standing, and the tiers there are."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field

from common.events.programme import TierStep
from common.http import CurrentCaller, IfMatch, RequestBody, ResponseBody, Router, Tx, allow, etag, may_answer
from common.http.fields import Key, Money, ShortText
from members.programme import handlers as programme
from members.programme.api import Apply
from members.purchases import handlers as purchases
from members.registry.domain import MemberNotFoundError
from members.tiers import handlers
from members.tiers.domain import Standing
from members.tiers.rules import Rules, next_tier

router = Router(tags=["tiers"])


class HeldSince(ResponseBody):
    tier: str
    name: str
    since: datetime
    reason: str


class NextTier(ResponseBody):
    """The tier above: `missing` more (minor units) reaches it."""

    tier: str
    name: str
    threshold: int
    missing: int


class Keeping(ResponseBody):
    """What keeps the tier held: `threshold`, and until when it lasts if nothing more is bought (null: for ever)."""

    threshold: int
    until: datetime | None
    then: str | None


class StandingResponse(ResponseBody):
    """Where a member stands at this moment. Amounts in minor units of the programme's currency."""

    member_id: UUID
    tier: str
    name: str
    since: datetime
    reason: str
    qualifying_amount: int
    next: NextTier | None
    keeping: Keeping
    history: list[HeldSince]


class TierBody(RequestBody):
    key: Annotated[Key, Field(max_length=50)]
    name: ShortText = ""
    rank: Annotated[int, Field(ge=0, le=100)]
    threshold: Annotated[Money, Field(description="Qualifying amount from which the tier is held, minor units.")]


class TiersBody(RequestBody):
    """All tiers. The first has key `base`, rank 0 and threshold 0; thresholds ascend with rank."""

    tiers: Annotated[tuple[TierBody, ...], Field(min_length=1, max_length=20)]


class TiersResponse(ResponseBody):
    """The tiers in force; `waiting_for_review` members still stand by earlier rules."""

    revision: int
    tiers: list[TierStep]
    window_days: int
    downgrade: str
    waiting_for_review: int


@router.get("/v1/members/{member_id}/tier", dependencies=[allow("tiers:read")])
async def standing(member_id: UUID, tx: Tx) -> StandingResponse:
    """Tier now, since when and why, what is missing to the next, what keeps the present one, and the history."""
    life = await purchases.life_of(tx, member_id)
    found = await handlers.standing_of(tx, member_id, life)
    if found is None:
        raise MemberNotFoundError(member_id)
    return _answer(member_id, found, await handlers.rules_now(tx))


@router.get("/v1/tiers", dependencies=[allow("tiers:read")])
async def tiers(tx: Tx, response: Response) -> TiersResponse:
    return await _tiers(tx, response)


@router.put("/v1/tiers", dependencies=[allow("tiers:write")], responses=may_answer(412))
async def define(
    body: TiersBody, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response, tiers_apply: Apply = None
) -> TiersResponse:
    """Defines all tiers anew, as part of the programme's settings; members are reviewed in the background."""
    wanted = {"tiers": [tier.model_dump() for tier in body.tiers]}
    await programme.patch(tx, caller, wanted, seen=seen, tiers_apply=tiers_apply)
    return await _tiers(tx, response)


async def _tiers(tx: Tx, response: Response) -> TiersResponse:
    current = await programme.current(tx)
    response.headers["ETag"] = etag(current.revision)
    return TiersResponse(
        revision=current.revision,
        tiers=sorted(current.settings.tiers, key=lambda step: step.rank),
        window_days=current.settings.tier_window_days,
        downgrade=current.settings.tier_downgrade,
        waiting_for_review=await handlers.behind(tx),
    )


def _answer(member_id: UUID, found: Standing, rules: Rules) -> StandingResponse:
    names = {tier.key: tier.name for tier in rules.tiers}
    above, falls = next_tier(rules, found.tier), found.coming
    lower = falls is not None and (target := rules.tier_named(falls.tier)) is not None and target.rank < found.tier.rank
    latest = found.history[-1]
    return StandingResponse(
        member_id=member_id,
        tier=latest.tier,
        name=names.get(latest.tier, latest.tier),
        since=latest.since,
        reason=latest.reason,
        qualifying_amount=found.qualifying,
        next=NextTier(
            tier=above.key,
            name=above.name,
            threshold=above.threshold,
            missing=max(0, above.threshold - found.qualifying),
        )
        if above
        else None,
        keeping=Keeping(
            threshold=found.tier.threshold,
            until=falls.since if falls and lower else None,
            then=falls.tier if falls and lower else None,
        ),
        history=[
            HeldSince(tier=entry.tier, name=names.get(entry.tier, entry.tier), since=entry.since, reason=entry.reason)
            for entry in found.history
        ],
    )
