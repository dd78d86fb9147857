"""Balances, and the proof that a member's ledger was not changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from common.http import ResponseBody, Router, Tx, allow, may_answer
from common.http.fields import Instant
from points.ledger import handlers

router = Router(tags=["ledger"])


class WalletBalance(ResponseBody):
    wallet: str
    available: int = Field(description="Points that can be spent; what has expired is not among them.")
    pending: int = Field(description="Points that wait, for a time or for the return window to close.")
    held: int = Field(description="Points reserved for redemptions that are not confirmed yet.")
    debt: int = Field(description="Points owed; the next credit repays them first.")
    expiring: int = Field(description="Of the available points, those that expire within `within_days`.")
    next_expiry: datetime | None = Field(description="When the next points expire.")
    next_release: datetime | None = Field(description="When the next of the points that wait can be spent.")


class BalanceResponse(ResponseBody):
    member_id: UUID
    as_of: datetime
    recorded_until: datetime
    wallets: list[WalletBalance]


@router.get(
    "/v1/members/{member_id}/balance",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 422),
    summary="Points of a member, now or as of two times",
)
async def balance(
    member_id: UUID,
    tx: Tx,
    within_days: Annotated[int, Query(ge=1, le=3660, description="What counts as expiring soon.")] = 30,
    as_of: Annotated[
        Instant | None, Query(description="Count what had occurred then, with what expired by then. Default: now.")
    ] = None,
    recorded_until: Annotated[
        Instant | None, Query(description="Count only what was known here then. Default: all that is known.")
    ] = None,
) -> BalanceResponse:
    """Two times may be asked: what we knew at `recorded_until` about `as_of`."""
    if as_of is None and recorded_until is None:
        known = await handlers.balances(tx, member_id, soon=tx.now + timedelta(days=within_days))
        return BalanceResponse(member_id=member_id, as_of=tx.now, recorded_until=tx.now, wallets=_wallets(known))
    occurred_at, recorded_at = as_of or tx.now, recorded_until or tx.now
    past = await handlers.balances_as_of(tx, member_id, occurred_at=occurred_at, recorded_at=recorded_at)
    return BalanceResponse(member_id=member_id, as_of=occurred_at, recorded_until=recorded_at, wallets=_wallets(past))


def _wallets(known: Sequence[handlers.Balance]) -> list[WalletBalance]:
    return [WalletBalance.model_validate(one, from_attributes=True) for one in known]


class ChainBreak(ResponseBody):
    wallet: str
    sequence: int
    problem: str


class ChainResponse(ResponseBody):
    wallet: str
    transfers: int
    head: str = Field(description="Hash of the newest transfer, in hexadecimal: a receipt for all before it.")
    holds: bool
    breaks: list[ChainBreak]


class VerifyResponse(ResponseBody):
    member_id: UUID
    holds: bool
    chains: list[ChainResponse]


@router.get(
    "/v1/members/{member_id}/ledger/verify",
    dependencies=[allow("ledger:verify")],
    responses=may_answer(404, 422),
    summary="Verify the hash chains of a member's wallets",
)
async def verify(member_id: UUID, tx: Tx) -> VerifyResponse:
    """Reads every transfer of the member again and follows the hashes from the first one on."""
    chains = [
        ChainResponse(
            wallet=one.wallet,
            transfers=one.transfers,
            head=one.head,
            holds=not one.breaks,
            breaks=[ChainBreak(wallet=at.wallet, sequence=at.sequence, problem=at.problem) for at in one.breaks],
        )
        for one in await handlers.verify(tx, member_id)
    ]
    return VerifyResponse(member_id=member_id, holds=all(chain.holds for chain in chains), chains=chains)
