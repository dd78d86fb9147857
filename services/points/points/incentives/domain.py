"""What streaks, tasks, badges and draws have in common: drafted, active, ended; for whom they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STREAK, TASK, BADGE, DRAW = "streak", "task", "badge", "draw"
DRAFT, ACTIVE, ENDED = "draft", "active", "ended"

WORDS = ("name", "description")
"""What may be changed while an incentive is active: the words. What it promises may not; end it and begin another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incentive:
    """One definition. What occurred from `active_from` on counts, from `ended_at` on it does not."""

    kind: str
    key: str
    revision: int
    state: str
    definition: Mapping[str, Any]
    active_from: datetime | None
    ended_at: datetime | None
    created_at: datetime
    changed_at: datetime
    changed_by: str

    def counts(self, occurred_at: datetime) -> bool:
        """Whether something that occurred then counts, whenever it is learned."""
        if self.active_from is None or occurred_at < self.active_from:
            return False
        return self.ended_at is None or occurred_at < self.ended_at

    @property
    def name(self) -> str:
        """In Chinese, as the shop's members read it; in English where there is no Chinese name."""
        name = self.definition["name"]
        return str(name["zh"] or name["en"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Members of one of these tiers, and in one of these segments; an empty set stands for everybody."""

    tiers: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Audience":
        return cls(tiers=frozenset(facts.get("tiers", ())), segments=frozenset(facts.get("segments", ())))

    @property
    def is_everybody(self) -> bool:
        return not self.tiers and not self.segments

    def includes(self, tier: str, segments: frozenset[str]) -> bool:
        return (not self.tiers or tier in self.tiers) and (not self.segments or bool(self.segments & segments))


class IncentiveUnknownError(Exception):
    """There is no such streak, task, badge or draw (or it is not active, where that is needed)."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"There is no {kind} {key}.")
        self.kind = kind
        self.key = key


class IncentiveExistsError(Exception):
    """The key is taken, perhaps by one that has ended: members' histories name it."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"There is a {kind} {key} already.")
        self.kind = kind
        self.key = key


class IncentiveStateError(Exception):
    """What was asked for is not possible in this state."""

    def __init__(self, kind: str, key: str, state: str, needs: str) -> None:
        super().__init__(f"The {kind} {key} is {state}; {needs}.")
        self.kind = kind
        self.key = key
        self.state = state


class ReferenceMissingError(Exception):
    """The definition names something that is not there."""

    def __init__(self, kind: str, key: str, missing: str) -> None:
        super().__init__(f"The {kind} {key} names {missing}, which is not there or not active.")
        self.kind = kind
        self.key = key
        self.missing = missing


class NotInAudienceError(Exception):
    """The incentive is for members of other tiers or segments."""

    def __init__(self, key: str, tier: str, audience: Audience) -> None:
        super().__init__(f"{key} is not for this member.")
        self.key = key
        self.tier = tier
        self.tiers = sorted(audience.tiers)
        self.segments = sorted(audience.segments)


class LimitReachedError(Exception):
    """One of the limits is used up. `resets_at` is None when it never does."""

    def __init__(self, key: str, limit: str, allowed: int, resets_at: datetime | None) -> None:
        until = "it does not reset" if resets_at is None else f"again from {resets_at.isoformat()} on"
        super().__init__(f"{limit} of {key} is {allowed}; {until}.")
        self.key = key
        self.limit = limit
        self.allowed = allowed
        self.resets_at = resets_at


def change_problem(before: Incentive, after: Mapping[str, Any]) -> str:
    """Why the definition may not be changed to this; "" when it may."""
    if before.state == ENDED:
        return "what has ended is not changed"
    if before.state == DRAFT:
        return ""
    changed = sorted(name for name in {*before.definition, *after} if before.definition.get(name) != after.get(name))
    promised = [name for name in changed if name not in WORDS]
    return f"only {' and '.join(WORDS)} can be changed then, not {', '.join(promised)}" if promised else ""


def named(incentive: Incentive) -> list[tuple[str, str]]:
    """The streaks and badges it asks for or gives: (kind, key)."""
    definition = incentive.definition
    measures = [goal["measure"] for goal in definition.get("goals", ())]
    if incentive.kind == BADGE and definition["measure"] is not None:
        measures.append(definition["measure"])
    found = [(STREAK, measure["streak"]) for measure in measures if measure["of"] == "streak"]
    if incentive.kind == TASK and definition["reward"]["badge"]:
        found.append((BADGE, definition["reward"]["badge"]))
    return found


def wallets(incentive: Incentive) -> list[tuple[str, bool]]:
    """The types of wallets it gives to, and whether it takes points from there as well."""
    definition = incentive.definition
    if incentive.kind == TASK:
        return [(definition["reward"]["wallet"], False)]
    spends = incentive.kind == DRAW and definition["cost"] > 0
    makes_up = incentive.kind == STREAK and definition["make_up"] is not None and definition["make_up"]["cost"] > 0
    return [(definition["wallet"], spends or makes_up)]


def templates(incentive: Incentive) -> list[str]:
    """The templates of the coupons it gives."""
    definition = incentive.definition
    if incentive.kind == TASK:
        return [definition["reward"]["coupon"]] if definition["reward"]["coupon"] else []
    return sorted({prize["coupon"] for prize in definition.get("prizes", ()) if prize["coupon"]})
