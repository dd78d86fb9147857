"""Which of the rules that match may pay: priorities, exclusive rules, groups of which the best for the member pays."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

from points.evaluation.book import Plan
from points.evaluation.entry import FIXED, Entry
from points.evaluation.matching import Situation
from points.evaluation.rule import Room, Rule, Usage
from points.evaluation.summing import Sum
from points.evaluation.teams import Team, best, without_beaten

MAX_COMBINATIONS = 64
MAX_ROUNDS = 16

OUTRANKED, CLOSED, NO_MATCH = "outranked", "limit_reached", "no_match"

Note = Callable[[Entry, str, Entry | None], None]
"""Hears of each rule that is left out: why, and by whom."""


def counting(
    plan: Plan, situation: Situation, usage: Usage | None, rooms: dict[str, Room], note: Note | None = None
) -> list[Entry]:
    """The rules that match and are not ended by others, before groups; `rooms` gets what limits leave to them.

    A rule whose limit leaves nothing does not count, so that what it would have displaced pays instead.
    """
    entries = plan.narrowed(situation) if note is None else plan.entries
    if not plan.ends and note is None:
        return [
            entry
            for entry in entries
            if (entry.test is None or entry.test(situation))
            and (not entry.limited or _open(entry.rule, situation, usage, rooms))
        ]
    chosen: list[Entry] = []
    ended: dict[str, Entry] = {}
    for entry in entries:
        end = ended.get(entry.wallet)
        if end is not None and (end.rule.exclusive or entry.rule.priority < end.rule.priority):
            reason, by = OUTRANKED, end
        elif entry.test is not None and not entry.test(situation):
            reason, by = NO_MATCH, None
        elif entry.limited and not _open(entry.rule, situation, usage, rooms):
            reason, by = CLOSED, None
        else:
            chosen.append(entry)
            if entry.rule.exclusive or (entry.rule.stop and end is None):
                ended[entry.wallet] = entry
            continue
        if note is not None:
            note(entry, reason, by)
    return chosen


def _open(rule: Rule, situation: Situation, usage: Usage | None, rooms: dict[str, Room]) -> bool:
    if usage is None:
        return True
    room = usage.room(rule, situation.person, situation.local.date())
    rooms[rule.key] = room
    return room.closed is None


def best_of_groups(
    plan: Plan, team: Team, situation: Situation, rooms: Mapping[str, Room]
) -> tuple[list[Entry], dict[str, Entry]]:
    """Of each contested group only the rule with which the wallet gets most, limits considered; a draw goes to the one
    that comes first. Also gives who was left out, with who was better, by key.
    """
    entries, groups = team.formula.entries, team.contested
    grouped = {id(entry) for group in groups for entry in group}

    def worth(combination: Iterable[Entry]) -> tuple[int, int]:
        wanted = set(map(id, combination))
        rest = tuple(entry for entry in entries if id(entry) not in grouped or id(entry) in wanted)
        found = Sum(plan.formula(rest, situation.person.tier), situation.occasion, rooms)
        return sum(found.numerators), found.denominator

    if all(entry.kind == FIXED for group in groups for entry in group):
        # What else pays does not change what fixed points are worth.
        winners: Sequence[Entry] = [best(group, lambda entry: _fixed(entry, rooms)) for group in groups]
    else:
        winners = _winners(groups, worth)
    return without_beaten(entries, groups, winners)


def _fixed(entry: Entry, rooms: Mapping[str, Room]) -> int:
    room = rooms.get(entry.rule.key)
    return entry.points if room is None or room.points is None else min(entry.points, room.points)


def _winners(groups: Sequence[Sequence[Entry]], worth: Callable[[Iterable[Entry]], tuple[int, int]]) -> Sequence[Entry]:
    combinations = 1
    for group in groups:
        combinations *= len(group)
    if combinations <= MAX_COMBINATIONS:
        return _most(product(*groups), worth)
    # Too many to try all: improve one group after another until none can be improved alone.
    best = [group[0] for group in groups]
    for _ in range(MAX_ROUNDS):
        before = list(best)
        for place, group in enumerate(groups):
            best = list(_most(([*best[:place], entry, *best[place + 1 :]] for entry in group), worth))
        if best == before:
            break
    return best


def _most(
    combinations: Iterable[Sequence[Entry]], worth: Callable[[Iterable[Entry]], tuple[int, int]]
) -> Sequence[Entry]:
    best: Sequence[Entry] = ()
    most, per = -1, 1
    for combination in combinations:
        numerator, denominator = worth(combination)
        if numerator * per > most * denominator:
            best, most, per = combination, numerator, denominator
    return best
