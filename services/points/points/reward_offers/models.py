"""What is answered at the door of offers."""

from typing import Any, Self

from common.http import ResponseBody
from points.reward_offers.handlers import Offer
from points.rewards.domain import Terms
from points.rewards.models import PriceResponse, RewardResponse
from points.rewards.refusals import RewardRefusedError


class ReasonResponse(ResponseBody):
    """Why not: a code for machines, a sentence for people, the facts."""

    code: str
    text_en: str
    text_zh: str
    facts: dict[str, Any]

    @classmethod
    def of(cls, error: RewardRefusedError) -> Self:
        facts = {name: fact for name, fact in vars(error).items() if not name.startswith("_")}
        return cls(code=error.code, text_en=str(error), text_zh=error.chinese(), facts=facts)


class UsedResponse(ResponseBody):
    """Of a limit per member: how many in the running period."""

    per: str
    limit: int
    used: int


class OfferResponse(ResponseBody):
    """A reward for one member. `prices` are those this member would pay, one for each option."""

    reward: RewardResponse
    available: bool
    affordable: bool
    prices: list[PriceResponse]
    limits: list[UsedResponse]
    reasons: list[ReasonResponse]

    @classmethod
    def of(cls, offer: Offer, terms: Terms) -> Self:
        return cls(
            reward=RewardResponse.of(offer.reward, terms),
            available=not offer.objections,
            affordable=offer.affordable,
            prices=[PriceResponse.of(price) for price in offer.prices],
            limits=[
                UsedResponse(per=limit.per, limit=limit.quantity, used=offer.used.get(limit.per, 0))
                for limit in offer.reward.limits
            ],
            reasons=[ReasonResponse.of(error) for error in offer.objections],
        )
