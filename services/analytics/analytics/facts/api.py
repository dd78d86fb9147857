"""What analytics has heard: the numbers of facts, and whether the roll-ups were found equal to them."""

from datetime import datetime

from pydantic import Field

from analytics.calendar.api import Answer, Snapshot
from analytics.facts import handlers as facts
from analytics.notices import handlers as notices
from analytics.people import handlers as people
from analytics.points_usage import handlers as points_usage
from analytics.proof import handlers as proof
from analytics.returns import handlers as returns
from analytics.spend import handlers as spend
from common.http import ResponseBody, Router, allow

router = Router(tags=["figures"])

DEFINITION = (
    "All facts there are. purchases and returns with their amounts (gross before discount; returns whose "
    "purchase is not known wait; those that waited and contradicted it, of more than was bought, are refused: "
    "neither is in returned); unknown_members: the purchases among them whose member nobody has told of; "
    "duplicates: events that were known already, "
    "ignored, by type; points of wallet `points`: outstanding is members' balances less their debts; "
    "latest_fact_at: when the last fact was recorded."
)


class PurchasesBody(ResponseBody):
    purchases: int
    gross: int
    discount: int
    returns: int
    returned: int
    net: int
    returns_waiting: int
    returned_waiting: int
    returns_refused: int
    returned_refused: int


class UnknownMembersBody(ResponseBody):
    """Purchases of members of whom no event has come; members and points set these aside."""

    purchases: int
    gross: int


class MembersBody(ResponseBody):
    known: int
    active: int


class PointsBody(ResponseBody):
    movements: int
    earned: int
    clawed_back: int
    repriced: int
    written_off: int
    outstanding: int


class ProofBody(ResponseBody):
    rollup: str
    proved_at: datetime
    keys: int
    drifted: int = Field(description="Keys that differed from the facts and were repaired.")
    examples: str


class FiguresBody(Answer):
    purchases: PurchasesBody
    unknown_members: UnknownMembersBody
    duplicates: dict[str, int]
    members: MembersBody
    points: PointsBody
    notices: dict[str, int]
    latest_fact_at: datetime | None
    proofs: list[ProofBody]


@router.get("/v1/figures", dependencies=[allow("analytics:read")])
async def figures(view: Snapshot) -> FiguresBody:
    """Everything in one look."""
    tx = view.tx
    spent, spent_at = await spend.everything(tx)
    known = await people.people(tx)
    strangers = await facts.of_unknown_members(tx)
    points, points_at = await points_usage.everything(tx)
    outcomes, noticed_at = await notices.everything(tx)
    waiting, waiting_amount = await returns.waiting(tx)
    refused, refused_amount = await returns.refused(tx)
    heard = [at for at in (spent_at, known.recorded_at, points_at, noticed_at) if at is not None]
    return FiguresBody.model_validate(
        {
            **view.answer(DEFINITION),
            "purchases": PurchasesBody(
                purchases=spent.orders,
                gross=spent.gross,
                discount=spent.discount,
                returns=spent.returns,
                returned=spent.returned,
                net=spent.net,
                returns_waiting=waiting,
                returned_waiting=waiting_amount,
                returns_refused=refused,
                returned_refused=refused_amount,
            ),
            "unknown_members": UnknownMembersBody(purchases=strangers.purchases, gross=strangers.gross),
            "duplicates": await facts.duplicates(tx),
            "members": MembersBody(known=known.members, active=known.active),
            "points": PointsBody(
                movements=points.movements,
                earned=points.earned,
                clawed_back=points.clawed_back,
                repriced=points.repriced,
                written_off=points.written_off,
                outstanding=points.outstanding,
            ),
            "notices": outcomes,
            "latest_fact_at": max(heard, default=None),
            "proofs": [
                ProofBody(
                    rollup=row.rollup,
                    proved_at=row.proved_at,
                    keys=row.keys,
                    drifted=row.drifted,
                    examples=row.examples,
                )
                for row in await proof.latest(tx)
            ],
        }
    )
