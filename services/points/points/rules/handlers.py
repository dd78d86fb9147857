"""Publishing earning rules, and finding the version that is valid."""

from common.storage import Transaction
from points.rules import store
from points.rules.domain import PURCHASE_RATE, RuleBook


async def rule_book(tx: Transaction) -> RuleBook:
    """All published versions of the purchase rate."""
    return RuleBook(await store.published(tx, PURCHASE_RATE))
