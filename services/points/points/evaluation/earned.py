"""Exact sums: rates add, multipliers multiply them one after another, fixed points come on top, limits cut last."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import lcm
from typing import NamedTuple

from points.evaluation.book import FIXED, MULTIPLIER, RATE, Entry
from points.evaluation.expiry import days_later, expires_at
from points.evaluation.occasion import FOR_EVER, Expiry, Line, Occasion, Terms
from points.evaluation.rule import Limit, Room, Rule, Waiting
from points.evaluation.sums import rounded, spread, whole_parts


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
    """What a rule with limits gave: for `Usage.take`."""

    rule: Rule
    points: int


class Evaluation(NamedTuple):
    """What an occasion earns. A wallet has one credit, or several where rules differ in waiting or expiry."""

    earned: tuple[Earned, ...]
    grants: tuple[CouponGrant, ...]
    used: tuple[Used, ...]


class Sum:
    """One wallet's rules and what each gives: `numerators[i]` / `denominator` points by `entries[i]`."""

    __slots__ = ("bases", "by_line", "cuts", "denominator", "entries", "factors", "limits", "numerators")

    def __init__(self, entries: Sequence[Entry], occasion: Occasion, tier: str, rooms: Mapping[str, Room]) -> None:
        self.entries = entries
        self.denominator = 1
        self.numerators = [0] * len(entries)
        self.bases = [0] * len(entries)
        self.factors = [""] * len(entries)
        self.by_line: list[int] | None = None
        self.cuts: list[int] | None = None
        self.limits: list[Limit | None] | None = None
        self._add(entries, occasion, tier)
        if rooms:
            self._cut(rooms)

    def _add(self, entries: Sequence[Entry], occasion: Occasion, tier: str) -> None:
        denominator, later, filtered = 1, False, False
        for entry in entries:
            if denominator % entry.per:
                denominator = lcm(denominator, entry.per)
            later = later or entry.kind != RATE
            filtered = filtered or entry.lines is not None
        self.denominator = denominator
        lines = occasion.lines
        running, by_line = 0, [0] * len(lines) if filtered and lines else None
        for place, entry in enumerate(entries):
            if entry.kind == RATE:
                scale = entry.points * (denominator // entry.per)
                basis = occasion.basis if entry.lines is None else sum(_nets(entry, lines))
                self.bases[place], self.numerators[place] = basis, basis * scale
                running += basis * scale
                if by_line is not None:
                    for number, net in enumerate(_nets(entry, lines)):
                        by_line[number] += net * scale
        self.by_line = by_line
        if later:
            for place, entry in enumerate(entries):
                if entry.kind == MULTIPLIER:
                    running = self._multiply(place, entry, running, tier, lines)
            for place, entry in enumerate(entries):
                if entry.kind == FIXED:
                    self.numerators[place] = entry.points * self.denominator

    def _multiply(self, place: int, entry: Entry, running: int, tier: str, lines: Sequence[Line]) -> int:
        """The share of a multiplier is what it adds to what rates and earlier multipliers gave."""
        text, up, down = entry.by_tier.get(tier, entry.factor)
        self.factors[place] = text
        by_line = self.by_line
        if down != 1:
            self.denominator *= down
            self.numerators = [numerator * down for numerator in self.numerators]
        if entry.lines is None:
            extra = running * (up - down)
            if by_line is not None:
                self.by_line = [of_line * up for of_line in by_line]
        elif by_line is None:
            extra = 0
        else:
            takes = [entry.lines.takes(line) for line in lines]
            extra = sum(of_line for of_line, taken in zip(by_line, takes, strict=True) if taken) * (up - down)
            self.by_line = [of_line * (up if taken else down) for of_line, taken in zip(by_line, takes, strict=True)]
        self.numerators[place] = extra
        return running * down + extra

    def _cut(self, rooms: Mapping[str, Room]) -> None:
        self.cuts = [0] * len(self.entries)
        self.limits = [None] * len(self.entries)
        for place, entry in enumerate(self.entries):
            room = rooms.get(entry.rule.key) if entry.limited else None
            if room is not None and room.points is not None:
                over = self.numerators[place] - room.points * self.denominator
                if over > 0:
                    self.numerators[place] -= over
                    self.cuts[place] = -(-over // self.denominator)
                    self.limits[place] = room.tightest
        missing = -sum(self.numerators)
        for place in reversed(range(len(self.entries))):
            if missing <= 0:
                break
            # A factor below 1 took from points that limits have cut away: it takes no more than there is.
            if self.numerators[place] < 0:
                less = min(missing, -self.numerators[place])
                self.numerators[place] += less
                missing -= less

    def points(self, rounding: str) -> list[int]:
        """Whole points of each rule: together the sum, rounded once."""
        total = rounded(sum(self.numerators), self.denominator, rounding)
        if len(self.numerators) == 1:
            return [total]
        return whole_parts(self.numerators, self.denominator, total)


def _nets(entry: Entry, lines: Sequence[Line]) -> list[int]:
    wanted = entry.lines
    return [line.net if wanted is None or wanted.takes(line) else 0 for line in lines]


def earned_in(found: Sum, wallet: str, occasion: Occasion, terms: Terms) -> tuple[list[Earned], list[Used]]:
    """The credits of one wallet, and what of them limits have to know."""
    entries, points = found.entries, found.points(terms.rounding)
    used: list[Used] = []
    own_terms = False
    for entry, given in zip(entries, points, strict=True):
        if entry.limited and given > 0:
            used.append(Used(entry.rule, given))
        own_terms = own_terms or entry.own_terms
    if not own_terms:
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


def of_one_rate(entry: Entry, occasion: Occasion, terms: Terms) -> Earned | None:
    """The usual case, said shorter: one rate on the whole basis, without limits or terms of its own."""
    rule, basis, per = entry.rule, occasion.basis, entry.per
    numerator = basis * entry.points
    whole = rounded(numerator, per, terms.rounding)
    if not whole:
        return None
    share = Share(rule.key, rule.version, whole, numerator, per, basis, "", 0, "")
    by_line = spread(whole, [line.net for line in occasion.lines]) if occasion.lines else None
    return earned_at_once(entry.wallet, whole, (share,), by_line, occasion, terms)


def _shares(found: Sum, points: Sequence[int], places: Iterable[int]) -> tuple[Share, ...]:
    numerators, denominator, bases, factors = found.numerators, found.denominator, found.bases, found.factors
    cuts, limits = found.cuts, found.limits
    shares: list[Share] = []
    for place in places:
        cut = cuts[place] if cuts else 0
        if not (numerators[place] or cut):
            continue
        rule = found.entries[place].rule
        limit = limits[place] if limits else None
        name = limit.name if limit else ""
        shares.append(
            Share(
                rule.key,
                rule.version,
                points[place],
                numerators[place],
                denominator,
                bases[place],
                factors[place],
                cut,
                name,
            )
        )
    return tuple(shares)


_Terms = tuple[Waiting | None, Expiry | None]


def _credits(found: Sum, points: Sequence[int]) -> dict[_Terms, list[int]]:
    """Which rules share a credit: those that wait and expire alike. A multiplier without own terms follows the first
    rate.
    """
    entries = found.entries
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
    nets = [line.net for line in lines]
    if found.by_line is None:
        return spread(total, nets)
    whole = sum(nets)
    rest = max(0, sum(found.numerators) - sum(found.by_line))
    return spread(total, [of_line * whole + rest * net for of_line, net in zip(found.by_line, nets, strict=True)])


def end_of(expiry: Expiry | None, wallet: str, earned_at: datetime, terms: Terms) -> datetime | None:
    """When points earned then are gone: as the rule says, else the wallet type, else the programme."""
    wanted = expiry or terms.expiry_by_wallet.get(wallet) or terms.of_programme
    return None if wanted is FOR_EVER else expires_at(wanted, earned_at, terms.zone)
