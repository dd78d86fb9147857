"""What a purchase is earned on, and how its lines, its credits and its factors are written down."""

from collections.abc import Iterable, Sequence

from points.accruals.domain import PURCHASE, Accrual, Purchase
from points.evaluation.earned import Earned, Share
from points.evaluation.occasion import Line, Occasion
from points.evaluation.sums import spread

MAX_EARNED = 10**15
"""No single occasion earns more: beyond it a rule, or an amount, is a mistake."""


NO_SHARE = Share("none", 0, 0, 0, 1, 0, "", 0, "")


def basis_of(amount: int, discount: int, tax: int, delivery: int, *, on_tax: bool, on_delivery: bool) -> int:
    """What is earned on: goods net of discount, tax and delivery by switch. How it was paid does not matter."""
    return amount - discount + (tax if on_tax else 0) + (delivery if on_delivery else 0)


def nets_of(lines: Sequence[tuple[int, int]], discount: int) -> list[int]:
    """Lines (amount, discount) after the order's whole discount: what no line was told to bear is spread over all."""
    nets = [amount - own for amount, own in lines]
    rest = discount - sum(own for _, own in lines)
    return [net - part for net, part in zip(nets, spread(rest, nets), strict=True)] if rest > 0 else nets


def occasion_of(purchase: Purchase) -> Occasion:
    """The purchase as rules see it."""
    return Occasion(
        PURCHASE,
        purchase.source,
        purchase.order_id,
        purchase.occurred_at,
        purchase.amount,
        purchase.basis,
        purchase.channel,
        purchase.shop,
        tuple(Line(*line) for line in purchase.lines) if purchase.lines else (),
    )


def accruals_of(kind: str, source: str, occasion_id: str, earned: Sequence[Earned]) -> list[Accrual]:
    """The credits as they are kept; those of one wallet are numbered."""
    if len(earned) == 1:
        return [_accrual(kind, source, occasion_id, 1, earned[0])]
    parts: dict[str, int] = {}
    found: list[Accrual] = []
    for one in earned:
        parts[one.wallet] = part = parts.get(one.wallet, 0) + 1
        found.append(_accrual(kind, source, occasion_id, part, one))
    return found


def _accrual(kind: str, source: str, occasion_id: str, part: int, one: Earned) -> Accrual:
    wallet, points, shares, by_line, expires_at, available_at, waits = one
    return Accrual(
        kind,
        source,
        occasion_id,
        wallet,
        part,
        points,
        0,
        expires_at,
        available_at,
        waits,
        shares,
        by_line,
    )


def greatest(shares: Iterable[Share]) -> Share:
    """The share that gave the most; the first of several."""
    return max(shares, key=lambda share: share.points, default=NO_SHARE)
