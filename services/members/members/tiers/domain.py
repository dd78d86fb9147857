"""Tiers by rolling spend: a member's whole tier history as a pure function of purchases, returns and rules.

The order in which purchases and returns became known does not matter: the same sets give the same history.

- A purchase at instant p counts in [p, p + window): it counts itself, and at p + window it does not count any more.
  Windows are lengths of time between instants, so no change of the clock moves them.
- A return lowers what its purchase counts from the return's instant on, in proportion, never below nothing.
- Rules hold from their `since` on; a change of rules does not rewrite what was before.
- Where tiers fall, the tier is always that of the amount. Where they never fall, time and new rules take no tier away;
  only a return does: from then on the member holds what would have been reached without what was given back.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

START = datetime(1, 1, 1, tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A tier and the qualifying amount (minor units) from which it is held."""

    key: str
    name: str
    rank: int
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How tiers are reached. `tiers` ascend, the first starts at 0; `window` None counts the whole life."""

    tiers: tuple[Tier, ...]
    window: timedelta | None
    falls: bool
    with_tax: bool = False
    with_delivery: bool = False
    since: datetime | None = None

    def tier_at(self, amount: int) -> Tier:
        return self.tiers[bisect_right([tier.threshold for tier in self.tiers[1:]], amount)]

    def tier_named(self, key: str) -> Tier | None:
        return next((tier for tier in self.tiers if tier.key == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A purchase as it counts: minor units; `goods` after discount."""

    at: datetime
    source: str
    order_id: str
    goods: int
    tax: int = 0
    delivery: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What was given back for the goods of the purchase (`source`, `order_id`)."""

    at: datetime
    source: str
    order_id: str
    return_id: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSince:
    """From this instant on the member held this tier."""

    tier: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a member stands: the history up to now, what counts now, and what time alone will change next."""

    history: tuple[TierSince, ...]
    tier: Tier
    qualifying: int
    coming: TierSince | None


@dataclass(frozen=True, slots=True)
class _Counted:
    """A purchase's basis and what returns take from it, each from its instant on."""

    at: datetime
    key: tuple[str, str]
    basis: int
    taken: tuple[tuple[datetime, int, str], ...] = ()


_EXIT, _RETURN, _PURCHASE = 0, 1, 2
_Move = tuple[datetime, int, tuple[str, str], int, str]  # instant, order within it, key, change of the amount, reason


def timeline(
    purchases: Sequence[Bought],
    returns: Sequence[Returned],
    rules: Sequence[Rules],
    *,
    joined_at: datetime,
    now: datetime,
) -> tuple[TierSince, ...]:
    """All tiers held up to `now`, in order. `rules` as `effective` gives them."""
    return standing(purchases, returns, rules, joined_at=joined_at, now=now).history


def standing(
    purchases: Sequence[Bought],
    returns: Sequence[Returned],
    rules: Sequence[Rules],
    *,
    joined_at: datetime,
    now: datetime,
) -> Standing:
    counted = _counted(purchases, returns, rules)
    if any(item.taken for item in counted) and not all(version.falls for version in rules):
        entries = _by_epochs(counted, rules)
    else:
        entries = _sweep(counted, rules)
    if len(entries) > 1 and entries[1].since <= joined_at:
        entries.pop(0)
    else:
        entries[0] = replace(entries[0], since=joined_at)
    in_force = _at(rules, now)
    past = [entry for entry in entries if entry.since <= now] or entries[:1]
    return Standing(
        history=tuple(past),
        tier=in_force.tier_named(past[-1].tier) or in_force.tiers[0],
        qualifying=_amount(counted, in_force, now),
        coming=next((entry for entry in entries if entry.since > now), None),
    )


def effective(versions: Iterable[Rules]) -> tuple[Rules, ...]:
    """Rules in the order they were decided → in the order they hold: a later decision replaces what it overlaps."""
    held: list[Rules] = []
    for version in versions:
        since = version.since
        held = [earlier for earlier in held if since is not None and (earlier.since is None or earlier.since < since)]
        held.append(version)
    if held:
        held[0] = replace(held[0], since=None)
    return tuple(held)


def direction(rules: Rules, before: str, after: str) -> str:
    """ "up", "down" or "none", by the ranks of today's rules; a tier that is no more ranks lowest."""
    ranks = {tier.key: tier.rank for tier in rules.tiers}
    left, right = ranks.get(before, -1), ranks.get(after, -1)
    return "up" if right > left else "down" if right < left else "none"


def next_tier(rules: Rules, tier: Tier) -> Tier | None:
    return next((above for above in rules.tiers if above.threshold > tier.threshold), None)


def _at(rules: Sequence[Rules], instant: datetime) -> Rules:
    return next((v for v in reversed(rules) if v.since is None or v.since <= instant), rules[0])


def _counted(purchases: Sequence[Bought], returns: Sequence[Returned], rules: Sequence[Rules]) -> list[_Counted]:
    back: dict[tuple[str, str], list[Returned]] = {}
    for entry in returns:
        back.setdefault((entry.source, entry.order_id), []).append(entry)
    single = rules[0] if len(rules) == 1 else None
    counted = []
    for bought in purchases:
        version = single or _at(rules, bought.at)
        basis = bought.goods + bought.tax * version.with_tax + bought.delivery * version.with_delivery
        key = (bought.source, bought.order_id)
        taken = _taken(bought, basis, back[key]) if key in back else ()
        counted.append(_Counted(bought.at, key, basis, taken))
    return counted


def _taken(bought: Bought, basis: int, returns: list[Returned]) -> tuple[tuple[datetime, int, str], ...]:
    """What each return takes from the basis: cumulative, so that any split of a return takes the same."""
    back, before, taken = 0, 0, []
    for entry in sorted(returns, key=lambda entry: (entry.at, entry.return_id)):
        back += entry.amount
        total = basis * min(back, bought.goods) // bought.goods if bought.goods else 0
        taken.append((max(entry.at, bought.at), total - before, entry.return_id))
        before = total
    return tuple(taken)


def _amount(counted: Sequence[_Counted], rules: Rules, at: datetime) -> int:
    return sum(
        item.basis - sum(amount for when, amount, _ in item.taken if when <= at)
        for item in counted
        if item.at <= at and (rules.window is None or at < item.at + rules.window)
    )


def _sweep(counted: Sequence[_Counted], rules: Sequence[Rules]) -> list[TierSince]:
    """Walk through all instants at which the amount changes; the future is walked as if nothing more were bought."""
    entries = [TierSince(tier=rules[0].tiers[0].key, since=START, reason="joined")]
    for place, version in enumerate(rules):
        start = version.since or START
        end = (rules[place + 1].since or START) if place + 1 < len(rules) else END
        moves = [move for item in counted for move in _moves(item, version.window, start, end)]
        if place:
            moves.append((start, _EXIT, ("", ""), 0, "rules"))
        moves.sort()
        _walk(moves, version, entries)
    return entries


def _moves(item: _Counted, window: timedelta | None, start: datetime, end: datetime) -> list[_Move]:
    """How one purchase changes the amount within [start, end). What counts already at `start` comes in there."""
    leaves = item.at + window if window is not None else END
    if item.at >= end or leaves <= start:
        return []
    carried = item.at < start
    enters = start if carried else item.at
    moves = [
        (
            enters,
            _EXIT if carried else _PURCHASE,
            item.key,
            item.basis,
            "rules" if carried else f"purchase {item.key[1]}",
        )
    ]
    left = item.basis
    for at, amount, return_id in item.taken:
        at = max(at, enters)
        if at < min(leaves, end):
            before = carried and at == start
            moves.append(
                (at, _EXIT if before else _RETURN, item.key, -amount, "rules" if before else f"return {return_id}")
            )
            left -= amount
    if leaves < end:
        moves.append((leaves, _EXIT, item.key, -left, "window"))
    return moves


def _walk(moves: Sequence[_Move], rules: Rules, entries: list[TierSince]) -> None:
    """Append to `entries` each change of tier that the sorted moves make."""
    thresholds = [tier.threshold for tier in rules.tiers[1:]]
    held = rules.tier_named(entries[-1].tier)
    amount = place = 0
    while place < len(moves):
        instant, reason, rank = moves[place][0], moves[place][4], bisect_right(thresholds, amount)
        while place < len(moves) and moves[place][0] == instant:
            amount += moves[place][3]
            if (now := bisect_right(thresholds, amount)) != rank:
                rank, reason = now, moves[place][4]
            place += 1
        reached = rules.tiers[rank]
        if held is reached or (held is not None and not rules.falls and reached.rank <= held.rank):
            continue
        _enter(entries, TierSince(tier=reached.key, since=instant, reason=reason))
        held = reached


def _enter(entries: list[TierSince], entry: TierSince) -> None:
    """A tier held for no time at all is no history."""
    if entries[-1].since >= entry.since:
        entries.pop()
    if not entries or entries[-1].tier != entry.tier:
        entries.append(entry)


def _by_epochs(counted: Sequence[_Counted], rules: Sequence[Rules]) -> list[TierSince]:
    """Where tiers never fall: after each return, what would have been reached had it never been bought."""
    instants = sorted({at for item in counted for at, _, _ in item.taken})
    entries: list[TierSince] = []
    for since, until in pairwise([START, *instants, END]):
        known = [_without(item, since) for item in counted]
        walked = _sweep(known, rules)
        held = next(entry for entry in reversed(walked) if entry.since <= since)
        if not entries:
            entries.append(held)
        elif held.tier != entries[-1].tier:
            reason = held.reason if held.since == since else _return_at(counted, since)
            _enter(entries, TierSince(tier=held.tier, since=since, reason=reason))
        for entry in walked:
            if since < entry.since < until and entry.tier != entries[-1].tier:
                _enter(entries, entry)
    return entries


def _without(item: _Counted, at: datetime) -> _Counted:
    back = sum(amount for when, amount, _ in item.taken if when <= at)
    return _Counted(item.at, item.key, item.basis - back)


def _return_at(counted: Sequence[_Counted], at: datetime) -> str:
    return "return " + min(return_id for item in counted for when, _, return_id in item.taken if when == at)
