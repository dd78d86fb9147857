"""What an evaluation gives: credits, each with what every rule gave of it, and coupons."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from points.evaluation.entry import MULTIPLIER, RATE
from points.evaluation.expiry import expires_at
from points.evaluation.formula import Formula
from points.evaluation.occasion import FOR_EVER, Expiry, Line, Occasion, Terms
from points.evaluation.rule import Rule, Waiting
from points.evaluation.summing import Sum
from points.evaluation.sums import rounded, spread, whole_parts
from points.times import days_later


class Share(NamedTuple):
    """What one rule version gave of a credit: `points` of it, exactly `numerator` / `denominator`.

    `basis` is what its rate applied to (minor units), `factor` the multiplier as written; `cut` whole points were taken
    off by `limit` ("member:month:points"). All shares' points of a wallet add up to what the wallet got.
    """

    rule: str
    version: int
    points: int
    numerator: int
    denominator: int
    basis: int
    factor: str
    cut: int
    limit: str


_tuple = tuple.__new__
"""Makes a named tuple of its values in half the time its own name takes."""


class Earned(NamedTuple):
    """One credit. `by_line` splits it over the occasion's lines, None where there are none.

    `available_at`: it waits until then; `waits`: for the event of that name ("" for no event).
    """

    wallet: str
    points: int
    shares: tuple[Share, ...]
    by_line: tuple[int, ...] | None
    expires_at: datetime | None
    available_at: datetime | None
    waits: str


class CouponGrant(NamedTuple):
    template: str
    rule: str
    version: int


class Used(NamedTuple):
    """What a rule with limits gave: for `Usage.take`. `by_line` as in `Earned`; None: as the lines' nets are."""

    rule: Rule
    points: int
    by_line: tuple[int, ...] | None = None


class Evaluation(NamedTuple):
    """What an occasion earns. A wallet has one credit, or several where rules differ in waiting or expiry."""

    earned: tuple[Earned, ...]
    grants: tuple[CouponGrant, ...]
    used: tuple[Used, ...]


def earned_in(found: Sum, wallet: str, occasion: Occasion, terms: Terms) -> tuple[list[Earned], list[Used]]:
    """The credits of one wallet, and what of them limits have to know."""
    formula, points = found.formula, found.points(terms.rounding)
    used = _used(found, points) if formula.limited else []
    if not formula.own_terms:
        total = sum(points)
        shares = _shares(found, points, range(len(points)))
        return (
            ([earned_at_once(wallet, total, shares, _by_line(found, total, occasion.lines), occasion, terms)], used)
            if total
            else ([], used)
        )
    return [
        Earned(
            wallet,
            total,
            _shares(found, points, places),
            _by_line(found, total, occasion.lines),
            end_of(expiry, wallet, occasion.occurred_at, terms),
            days_later(occasion.occurred_at, waiting.days, terms.zone) if waiting and waiting.days else None,
            waiting.until if waiting else "",
        )
        for (waiting, expiry), places in _credits(found, points).items()
        if (total := sum(points[place] for place in places))
    ], used


def _used(found: Sum, points: Sequence[int]) -> list[Used]:
    used: list[Used] = []
    for place, entry in enumerate(found.formula.entries):
        given = points[place]
        if entry.limited and given > 0:
            by_line = found.by_line_of(place)
            used.append(Used(entry.rule, given, None if by_line is None else spread(given, by_line)))
    return used


def earned_at_once(
    wallet: str,
    points: int,
    shares: tuple[Share, ...],
    by_line: tuple[int, ...] | None,
    occasion: Occasion,
    terms: Terms,
) -> Earned:
    """A credit on the terms of its wallet."""
    return Earned(wallet, points, shares, by_line, end_of(None, wallet, occasion.occurred_at, terms), None, "")


def simply_earned(formula: Formula, wallet: str, occasion: Occasion, terms: Terms) -> Earned | None:
    """The usual case, said shorter: a `simple` formula, and no lines that rules look at. None when it is nothing."""
    basis, denominator = occasion.basis, formula.denominator
    numerators = [basis * each + fixed for each, fixed in formula.simple]
    whole = rounded(sum(numerators), denominator, terms.rounding)
    if not whole:
        return None
    points = whole_parts(numerators, denominator, whole)
    shares = tuple(
        [
            _tuple(Share, (rule, version, given, numerator, denominator, basis if is_rate else 0, factor, 0, ""))
            for (rule, version, is_rate, factor), given, numerator in zip(formula.told, points, numerators, strict=True)
            if numerator
        ]
    )
    by_line = spread(whole, [line.net for line in occasion.lines]) if occasion.lines else None
    return earned_at_once(wallet, whole, shares, by_line, occasion, terms)


def _shares(found: Sum, points: Sequence[int], places: Iterable[int]) -> tuple[Share, ...]:
    formula, numerators, bases = found.formula, found.numerators, found.bases
    entries, denominator, factors, cuts, limits = (
        formula.entries,
        found.denominator,
        formula.factors,
        found.cuts,
        found.limits,
    )
    shares: list[Share] = []
    for place in places:
        numerator = numerators[place]
        cut = cuts[place] if cuts else 0
        if not (numerator or cut):
            continue
        rule = entries[place].rule
        limit = limits[place] if limits else None
        name = limit.name if limit else ""
        told = (rule.key, rule.version, points[place], numerator, denominator, bases[place], factors[place], cut, name)
        shares.append(_tuple(Share, told))
    return tuple(shares)


_Terms = tuple[Waiting | None, Expiry | None]


def _credits(found: Sum, points: Sequence[int]) -> dict[_Terms, list[int]]:
    """Which rules share a credit: those that wait and expire alike. A multiplier without own terms follows the first
    rate.
    """
    entries = found.formula.entries
    rate = next((entry.rule for entry in entries if entry.kind == RATE), entries[0].rule)
    credits: dict[_Terms, list[int]] = {}
    for place, entry in enumerate(entries):
        rule = rate if entry.kind == MULTIPLIER and not entry.own_terms else entry.rule
        credits.setdefault((rule.waiting, rule.expiry), []).append(place)
    if any(sum(points[place] for place in places) < 0 for places in credits.values()):
        return {(rate.waiting, rate.expiry): list(range(len(entries)))}
    return credits


def _by_line(found: Sum, total: int, lines: Sequence[Line]) -> tuple[int, ...] | None:
    if not lines:
        return None
    if len(lines) == 1:
        return (total,)
    nets = [line.net for line in lines]
    by_line = found.by_line()
    if by_line is None:
        return spread(total, nets)
    whole = sum(nets)
    rest = max(0, sum(found.numerators) - sum(by_line))
    return spread(total, [of_line * whole + rest * net for of_line, net in zip(by_line, nets, strict=True)])


def end_of(expiry: Expiry | None, wallet: str, earned_at: datetime, terms: Terms) -> datetime | None:
    """When points earned then are gone: as the rule says, else the wallet type, else the programme."""
    wanted = expiry or terms.expiry_by_wallet.get(wallet) or terms.of_programme
    return None if wanted is FOR_EVER else expires_at(wanted, earned_at, terms.zone)
