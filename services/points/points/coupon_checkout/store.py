"""All SQL of the checkout: taking turns on an order. Coupons themselves belong to `coupons`."""

from common.storage import Transaction

_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended(:order_id, hashtextextended(:source, 1)))"


async def take_turns(tx: Transaction, source: str, order_id: str) -> None:
    """Two requests for one order go one after the other: which coupons are on it is one decision."""
    await tx.execute(_TAKE_TURNS, {"source": source, "order_id": order_id})
