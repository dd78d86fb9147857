"""Saved drafts as rules under trial: as they are now, whatever becomes of them."""

from collections.abc import Sequence

from common.storage import Transaction
from points.rules import handlers as rules
from points.rules.definition import Definition
from points.rules.domain import RuleUnknownError
from points.simulation.changes import Changes, RuleUnderTrial


async def with_drafts(tx: Transaction, drafts: Sequence[str], changes: Changes) -> Changes:
    """The changes, and these saved drafts for the published rules of their keys. Raises DraftUnknownError, and
    RuleUnknownError for a rule to leave out that was never published.
    """
    published = {rule.key for rule in (await rules.book(tx)).rules}
    for rule in changes.without:
        if rule not in published:
            raise RuleUnknownError(rule)
    saved = [
        RuleUnderTrial(rule=rule, definition=Definition.model_validate_json((await rules.draft(tx, rule)).definition))
        for rule in drafts
    ]
    return changes.model_copy(update={"rules": [*saved, *changes.rules]})
