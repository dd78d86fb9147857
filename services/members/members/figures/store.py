"""SQL of the figures: what the framework counted."""

from common.storage import Transaction

_DUPLICATES = "SELECT coalesce(sum(count), 0) FROM duplicates"
_DEAD = "SELECT count(*) FROM dead_letters WHERE state IN ('new', 'parked')"


async def messages(tx: Transaction) -> tuple[int, int]:
    """Messages that came again, and those set aside that nobody has dealt with."""
    return int(await tx.fetch_value(_DUPLICATES)), int(await tx.fetch_value(_DEAD))
