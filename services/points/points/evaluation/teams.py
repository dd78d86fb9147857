"""Rules that match together, wallet by wallet: what can be said of them whatever the occasion is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from points.evaluation.entry import FIXED, Entry
from points.evaluation.formula import Formula


class Team(NamedTuple):
    """The rules that pay into one wallet ("" for coupons), and their formula. While `contested` is not empty, the
    occasion has to say which of each of these groups pays.

    `beaten` are rules left out for a better one of their group, by key.
    """

    wallet: str
    formula: Formula
    contested: tuple[tuple[Entry, ...], ...]
    beaten: Mapping[str, Entry]


def teams_of(chosen: Iterable[Entry], tier: str) -> tuple[Team, ...]:
    """Fixed points without limits are worth the same on every occasion: among them the best is known beforehand."""
    by_wallet: dict[str, list[Entry]] = {}
    for entry in chosen:
        by_wallet.setdefault(entry.wallet, []).append(entry)
    found: list[Team] = []
    for wallet, entries in by_wallet.items():
        groups = contested(entries)
        if all(entry.kind == FIXED and not entry.limited for group in groups for entry in group):
            entries, beaten = without_beaten(entries, groups, [best(group, lambda one: one.points) for group in groups])
            groups = ()
        else:
            beaten = {}
        found.append(Team(wallet, Formula(entries, tier), groups, beaten))
    return tuple(found)


def contested(entries: Iterable[Entry]) -> tuple[tuple[Entry, ...], ...]:
    """The groups of which more than one rule matches."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.rule.group:
            groups.setdefault(entry.rule.group, []).append(entry)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def best(group: Iterable[Entry], worth: Callable[[Entry], int]) -> Entry:
    """A draw goes to the one that comes first."""
    return max(group, key=worth)


def without_beaten(
    entries: Sequence[Entry], groups: Sequence[Sequence[Entry]], winners: Sequence[Entry]
) -> tuple[list[Entry], dict[str, Entry]]:
    """What is left of the rules once each group has its winner; and who was beaten by whom."""
    beaten = {
        entry.rule.key: winner
        for group, winner in zip(groups, winners, strict=True)
        for entry in group
        if entry is not winner
    }
    return [entry for entry in entries if entry.rule.key not in beaten], beaten
