"""Points as money: how many may be used for an order, what they are worth, and which caps allow no more. Pure.

A policy says that `points` are worth `minor_units`. Worth is rounded down to whole minor units; what is lost by that is
less than one minor unit, and a step that is worth whole minor units loses nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is allowed of redemptions. None is no limit; `pin_above_points` None never asks for a grant."""

    revision: int = 0
    points: int = 100
    minor_units: int = 100
    step: int = 1
    minimum: int = 1
    max_share_percent: int = 100
    pin_above_points: int | None = None
    daily_points: int | None = None
    daily_times: int | None = None
    hold_seconds: int = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """One reason why no more points may be used: `balance`, `share_of_order`, `daily_points` or `daily_times`."""

    rule: str
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """At most `points` may be used, worth `value` minor units; `binding` is the rule that ends it, "" for none.

    `points` is 0 when what the caps leave is below the minimum: then `binding` is `minimum`.
    """

    points: int
    value: int
    binding: str
    caps: tuple[Cap, ...]


def worth(policy: Policy, points: int) -> int:
    """In minor units, rounded down."""
    return points * policy.minor_units // policy.points


def share_of(policy: Policy, amount: int) -> int:
    """The minor units of an order that points may pay, rounded down."""
    return amount * policy.max_share_percent // 100


def points_for_share(policy: Policy, amount: int) -> int:
    """The most points that are not worth more than the share of the order."""
    return share_of(policy, amount) * policy.points // policy.minor_units


def offer(
    policy: Policy,
    *,
    amount: int,
    spendable: int,
    left_today: int | None,
    on_order: int = 0,
    times_left: int | None = None,
) -> Offer:
    """How many points may be used for an order of `amount` minor units, on which `on_order` points are already; the
    member may use `left_today` more points in `times_left` redemptions (None: no limit).
    """
    caps = [
        Cap(rule="balance", points=max(0, spendable)),
        Cap(rule="share_of_order", points=max(0, points_for_share(policy, amount) - on_order)),
    ]
    if left_today is not None:
        caps.append(Cap(rule="daily_points", points=max(0, left_today)))
    if times_left is not None and times_left <= 0:
        caps.append(Cap(rule="daily_times", points=0))
    lowest = min(caps, key=lambda cap: cap.points)
    points = lowest.points - lowest.points % policy.step
    binding = lowest.rule if points == lowest.points else "step"
    if points < policy.minimum:
        points, binding = 0, "minimum" if lowest.points else lowest.rule
    return Offer(points=points, value=worth(policy, points), binding=binding, caps=tuple(caps))
