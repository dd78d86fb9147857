"""What points tells of earning rules."""

from typing import ClassVar

from pydantic import Field

from common.events.contract import Contract, Instant, Key, Text


class EarningRule(Contract):
    """A version of a rule."""

    rule: Key
    version: int = Field(ge=1)
    name: Text = ""
    wallet: Key = "points"

    def subject(self) -> str:
        return self.rule


class RulePublished(EarningRule):
    """This version is valid for what occurs from `effective_from` on."""

    TYPE: ClassVar[str] = "rule.published.v1"

    effective_from: Instant
    published_by: Text = ""


class RuleRetired(EarningRule):
    """The rule is no longer valid for what occurs from `retired_from` on."""

    TYPE: ClassVar[str] = "rule.retired.v1"

    retired_from: Instant
    retired_by: Text = ""


class BudgetExhausted(EarningRule):
    """A rule's budget is used up; it pays again when returns give some back or the next period begins."""

    TYPE: ClassVar[str] = "budget.exhausted.v1"

    budget: int
    resets_at: Instant | None = None
    occurred_at: Instant
