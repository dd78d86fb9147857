"""Tiers by rolling spend: a member's whole tier history as a pure function of purchases, returns and rules.

The order in which purchases and returns became known does not matter: the same sets give the same history.

- A purchase at instant p counts in [p, p + window): it counts itself, and at p + window it does not count any more.
  Windows are lengths of time between instants, so no change of the clock moves them.
- A return lowers what its purchase counts from the return's instant on, in proportion, never below nothing.
- Rules hold from their `since` on; a change of rules does not rewrite what was before.
- Where tiers fall, the tier is always that of the amount. Where they never fall, time and new rules take no tier away;
  only a return does: from then on the member holds what would have been reached without what was given back.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from members.tiers.rules import Rules, Tier

START = datetime(1, 1, 1, tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
JOINED = "joined"


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
    before: Sequence[TierSince] = (),
    since: datetime = START,
) -> Standing:
    """Where somebody with this life stands at `now`.

    Somebody's history `before` may be known to hold up to `since` (see `resume_at`): it is taken over, and of the
    purchases only those are needed that count at `since` or later (see `needed_from`).
    """
    counted = _counted(purchases, returns, rules)
    entries = [TierSince(tier=rules[0].tiers[0].key, since=START, reason=JOINED)]
    entries += [entry for entry in before if entry.since < since and entry.reason != JOINED]
    if any(item.taken for item in counted) and not all(version.falls for version in rules):
        entries = _by_epochs(counted, rules, entries)
    else:
        _sweep(counted, rules, entries, since)
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


def resume_at(rules: Sequence[Rules], *changed_or_due: datetime) -> datetime:
    """From when on a history must be worked out anew; START for the whole.

    `changed_or_due`: the times of what is new, of the change that was foreseen, and of the present moment.
    """
    simple = len(rules) == 1 and rules[0].falls and rules[0].window is not None
    return min(changed_or_due) if simple else START


def needed_from(rules: Sequence[Rules], since: datetime) -> datetime:
    """Purchases before this do not count at `since` any more, nor later."""
    window = rules[0].window
    return START if since == START or window is None else since - window


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


def _sweep(
    counted: Sequence[_Counted], rules: Sequence[Rules], entries: list[TierSince], since: datetime = START
) -> None:
    """Walk through all instants from `since` on at which the amount changes, and append to `entries` what they make.

    The future is walked as if nothing more were bought.
    """
    for place, version in enumerate(rules):
        start = version.since or START
        end = (rules[place + 1].since or START) if place + 1 < len(rules) else END
        moves = [move for item in counted for move in _moves(item, version.window, start, end)]
        if place:
            moves.append((start, _EXIT, ("", ""), 0, "rules"))
        moves.sort()
        _walk(moves, version, entries, since)


def _moves(item: _Counted, window: timedelta | None, start: datetime, end: datetime) -> list[_Move]:
    """How one purchase changes the amount within [start, end). What counts already at `start` comes in there."""
    leaves = item.at + window if window is not None else END
    if item.at >= end or leaves <= start:
        return []
    carried = item.at < start
    enters = start if carried else item.at
    place, reason = (_EXIT, "rules") if carried else (_PURCHASE, f"purchase {item.key[1]}")
    moves = [(enters, place, item.key, item.basis, reason)]
    left = item.basis
    for at, amount, return_id in item.taken:
        at = max(at, enters)
        if at < min(leaves, end):
            place, reason = (_EXIT, "rules") if carried and at == start else (_RETURN, f"return {return_id}")
            moves.append((at, place, item.key, -amount, reason))
            left -= amount
    if leaves < end:
        moves.append((leaves, _EXIT, item.key, -left, "window"))
    return moves


def _walk(moves: Sequence[_Move], rules: Rules, entries: list[TierSince], since: datetime) -> None:
    """Append to `entries` each change of tier that the sorted moves make; those before `since` are in it already."""
    thresholds = [tier.threshold for tier in rules.tiers[1:]]
    held = rules.tier_named(entries[-1].tier)
    place = bisect_left(moves, (since,))
    amount = sum(move[3] for move in moves[:place])
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


def _by_epochs(counted: Sequence[_Counted], rules: Sequence[Rules], start: list[TierSince]) -> list[TierSince]:
    """Where tiers never fall: after each return, what would have been reached had it never been bought."""
    instants = sorted({at for item in counted for at, _, _ in item.taken})
    entries: list[TierSince] = []
    for since, until in pairwise([START, *instants, END]):
        known = [_without(item, since) for item in counted]
        walked = [*start]
        _sweep(known, rules, walked)
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
