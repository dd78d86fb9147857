"""HTTP door to the figures of this service: what the demo and operators look at first."""

from common.http import ResponseBody, Router, Tx, allow
from members.figures import store
from members.purchases import handlers as purchases
from members.registry import handlers as registry
from members.tiers import handlers as tiers

router = Router(tags=["figures"])


class FiguresResponse(ResponseBody):
    """Counts of everything at this moment. `duplicates` are messages that came again and had no further effect."""

    members: int
    purchases: int
    returns: int
    returns_waiting: int
    returns_refused: int
    duplicates: int
    dead_letters: int
    tiers_now: dict[str, int]
    tiers_ever: dict[str, int]


@router.get("/v1/figures", dependencies=[allow("members:read")])
async def figures(tx: Tx) -> FiguresResponse:
    bought = await purchases.counts(tx)
    now, ever = await tiers.counts(tx)
    duplicates, dead = await store.messages(tx)
    return FiguresResponse(
        members=await registry.count(tx),
        purchases=bought.purchases,
        returns=bought.returns,
        returns_waiting=bought.waiting,
        returns_refused=bought.refused,
        duplicates=duplicates,
        dead_letters=dead,
        tiers_now=now,
        tiers_ever=ever,
    )
