"""What a notice says of purchases, returns and tiers: JSON values, times as ISO 8601."""

from common.events.members import MemberTierChanged
from common.events.points import PointsClawedBack, PointsEarned, PointsMoved
from common.events.programme import ProgrammeSettings

Facts = dict[str, object]


def _moved(moved: PointsMoved) -> Facts:
    return {
        "points": moved.points,
        "balance": moved.balance,
        "debt": moved.debt,
        "order_source": moved.order_source,
        "order_id": moved.order_id,
        "occurred_at": moved.occurred_at.isoformat(),
    }


def earned(earned: PointsEarned) -> Facts:
    return {
        **_moved(earned),
        "amount": earned.basis,
        "currency": earned.currency,
        "tier": earned.tier,
        "expires_at": earned.expires_at.isoformat() if earned.expires_at else None,
    }


def clawed_back(taken: PointsClawedBack) -> Facts:
    return {**_moved(taken), "shortfall": taken.shortfall, "return_id": taken.return_id}


def tier(changed: MemberTierChanged, settings: ProgrammeSettings) -> Facts:
    names = {step.key: step.name or step.key for step in settings.tiers}
    return {
        "tier": changed.tier_name or names.get(changed.tier, changed.tier),
        "tier_key": changed.tier,
        "previous_tier": names.get(changed.previous_tier, changed.previous_tier),
        "occurred_at": changed.effective_at.isoformat(),
        "qualifying_amount": changed.qualifying_amount,
        "currency": settings.currency,
        "revision": changed.revision,
    }
