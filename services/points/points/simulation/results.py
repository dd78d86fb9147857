"""What came out of a replay, as it is kept and shown."""

from collections.abc import Mapping
from fractions import Fraction
from uuid import UUID

from pydantic import Field

from common.http import ResponseBody
from points.liability.domain import worth
from points.simulation.domain import Change, Comparison


class ChangeBody(ResponseBody):
    before: int = Field(description="Under the rules that are published.")
    after: int = Field(description="Under the rules that were tried.")
    difference: int


class WalletResult(ChangeBody):
    wallet: str
    cost: int | None = Field(
        description="Minor units that the difference costs if all of it is spent; null if unknown."
    )
    liability: int | None = Field(
        description="Minor units of the difference that are expected to be spent, by the rate at which members have "
        "spent so far; null while nothing is known of that."
    )


class TierResult(ChangeBody):
    wallet: str
    tier: str


class RuleResult(ChangeBody):
    """What returns took back of a purchase is taken off its rules in proportion to what each gave of the credit,
    whatever lines came back: which rule gave what for which line is not kept.
    """

    wallet: str
    rule: str


class MonthResult(ChangeBody):
    wallet: str
    month: str = Field(description="Local month of the programme, 2026-03.")


class MemberResult(ChangeBody):
    wallet: str
    member_id: UUID


class CouponResult(ChangeBody):
    template: str


class DoublePayment(ResponseBody):
    """Two rules that both pay the same purchase in one wallet, or both multiply what others pay for it."""

    wallet: str
    rules: tuple[str, str]
    purchases_before: int
    purchases_after: int
    points: int = Field(description="What the smaller of the two payments adds up to.")
    is_new: bool = Field(description="Under the published rules no purchase was paid by both.")


class Result(ResponseBody):
    """All sums are net of what returns took back."""

    purchases: int
    better: int = Field(description="Purchases that would have earned more.")
    worse: int = Field(description="Purchases that would have earned less.")
    wallets: list[WalletResult]
    tiers: list[TierResult]
    rules: list[RuleResult]
    months: list[MonthResult]
    winners: list[MemberResult] = Field(description="Of each wallet those who would get most more.")
    losers: list[MemberResult] = Field(description="Of each wallet those who would get most less.")
    coupons: list[CouponResult]
    double_payments: list[DoublePayment]


def _fields(change: Change) -> dict[str, int]:
    return {"before": change.before, "after": change.after, "difference": change.difference}


def result_of(found: Comparison, *, value: tuple[int, int], spent_rates: Mapping[str, Fraction | None]) -> Result:
    """`value`: (points, minor units) that they are worth; `spent_rates`: which share is spent in the end, by wallet."""
    return Result(
        purchases=found.purchases,
        better=found.better,
        worse=found.worse,
        wallets=[
            WalletResult(
                wallet=wallet,
                cost=_cost(change.difference, value) if wallet in spent_rates else None,
                liability=_liability(change.difference, value, spent_rates.get(wallet)),
                **_fields(change),
            )
            for wallet, change in sorted(found.by_wallet.items())
        ],
        tiers=[TierResult(wallet=at[0], tier=at[1], **_fields(one)) for at, one in sorted(found.by_tier.items())],
        rules=[RuleResult(wallet=at[0], rule=at[1], **_fields(one)) for at, one in sorted(found.by_rule.items())],
        months=[MonthResult(wallet=at[0], month=at[1], **_fields(one)) for at, one in sorted(found.by_month.items())],
        winners=[
            MemberResult(wallet=wallet, member_id=member, **_fields(one))
            for wallet in sorted(found.by_wallet)
            for member, one in found.winners(wallet)
        ],
        losers=[
            MemberResult(wallet=wallet, member_id=member, **_fields(one))
            for wallet in sorted(found.by_wallet)
            for member, one in found.losers(wallet)
        ],
        coupons=[CouponResult(template=at, **_fields(one)) for at, one in sorted(found.coupons.items())],
        double_payments=[
            DoublePayment(
                wallet=wallet,
                rules=(one, other),
                purchases_before=overlap.before,
                purchases_after=overlap.after,
                points=overlap.points,
                is_new=overlap.after > 0 and overlap.before == 0,
            )
            for (wallet, one, other), overlap in sorted(
                found.overlaps.items(), key=lambda item: (-item[1].points, item[0])
            )
        ],
    )


def _cost(points: int, value: tuple[int, int]) -> int:
    return worth(points, value[1], value[0])


def _liability(points: int, value: tuple[int, int], rate: Fraction | None) -> int | None:
    if rate is None:
        return None
    expected = points * rate
    return worth(expected.numerator, value[1], value[0] * expected.denominator)
