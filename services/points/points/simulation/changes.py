"""What is asked: which rules come in, which are left out, over which purchases."""

from datetime import UTC, datetime
from typing import Self

from pydantic import Field, model_validator

from common.http import RequestBody
from points.evaluation.book import Book
from points.evaluation.rule import Rule
from points.rules.definition import Definition, RuleKey, compile_rule

MAX_RULES = 50
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)


class RuleUnderTrial(RequestBody):
    """A rule as it might be published. A published rule of the same key is left out for it."""

    rule: RuleKey
    definition: Definition


class Changes(RequestBody):
    """How the rules under trial differ from those that are published."""

    rules: list[RuleUnderTrial] = Field(default=[], max_length=MAX_RULES)
    without: list[RuleKey] = Field(default=[], max_length=MAX_RULES, description="Published rules that are left out.")

    @model_validator(mode="after")
    def _name_each_rule_once(self) -> Self:
        names = [one.rule for one in self.rules] + self.without
        if len(set(names)) < len(names):
            raise ValueError("a rule is named twice")
        return self


def changed(book: Book, changes: Changes) -> Book:
    """The published rules with the changes: rules under trial count for all that ever occurred."""
    gone = {one.rule for one in changes.rules} | set(changes.without)
    kept: list[Rule] = [rule for rule in book.rules if rule.key not in gone]
    tried = [
        compile_rule(one.rule, 0, one.definition, effective_from=ALWAYS, published_at=ALWAYS) for one in changes.rules
    ]
    return Book([*kept, *tried], [end for end in book.retirements if end.rule not in gone])
