"""`GET /v1/members/{id}/receipt`: what a member needs to check a wallet alone, with `loyalty verify-receipt`."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from common.http import ResponseBody, Router, Tx, allow, may_answer
from common.http.fields import Key
from points.ledger.domain import Transfer
from points.ledger.handlers import FIRST_WALLET
from points.receipts import handlers

router = Router(tags=["receipts"])

FORMAT = "loyalty-receipt-1"
CANONICAL = (
    "hash = SHA-256(previous_hash as 32 bytes, member_id as 16 bytes, then UTF-8 parted by NUL: wallet, sequence, "
    "from_account, to_account, points, balance, debt, pending, held, kind, order_source, order_id, reference, "
    "occurred_at and recorded_at as microseconds since 1970-01-01T00:00:00Z). The first previous_hash is 32 zero bytes."
)
"""How a hash is made, in words, so that a receipt can be checked without our software."""

Hash = Annotated[str, Query(pattern="^[0-9a-f]{64}$", min_length=64, max_length=64)]


class ReceiptTransfer(ResponseBody):
    sequence: int
    from_account: str
    to_account: str
    points: int
    balance: int
    debt: int
    pending: int
    held: int
    kind: str
    order_source: str
    order_id: str
    reference: str
    occurred_at: datetime
    recorded_at: datetime
    previous_hash: str
    hash: str


class ReceiptPoint(ResponseBody):
    """A transfer and its hash; sequence 0 is before the first."""

    sequence: int
    hash: str


class ReceiptResponse(ResponseBody):
    format: Literal["loyalty-receipt-1"]
    canonical: str = Field(description="How a hash is made.")
    member_id: UUID
    wallet: str
    issued_at: datetime
    after: ReceiptPoint = Field(description="What the transfers follow.")
    transfers: list[ReceiptTransfer]
    head: ReceiptPoint = Field(description="The newest transfer of the wallet.")
    complete: bool = Field(description="The transfers reach the newest; else ask again after the last of them.")


def transfer_of(one: Transfer) -> ReceiptTransfer:
    values = {name: value for name, value in one._asdict().items() if name not in ("member_id", "wallet")}
    return ReceiptTransfer(**{**values, "previous_hash": one.previous_hash.hex(), "hash": one.hash.hex()})


@router.get(
    "/v1/members/{member_id}/receipt",
    dependencies=[allow("points:read")],
    responses=may_answer(404, 409, 422),
    summary="A wallet's transfers and hashes, to be checked by anybody",
)
async def receipt(
    member_id: UUID,
    tx: Tx,
    wallet: Annotated[Key, Query()] = FIRST_WALLET,
    sequence: Annotated[int, Query(ge=0, le=2**53, description="The transfer the member has already.")] = 0,
    hash: Annotated[Hash | None, Query(description="Its hash; another one here is answered with 409.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
) -> ReceiptResponse:
    """Nothing in it is personal data, so it works after the member was erased."""
    found = await handlers.receipt(
        tx, member_id, wallet, sequence=sequence, expected=bytes.fromhex(hash) if hash else None, limit=limit
    )
    return ReceiptResponse(
        format="loyalty-receipt-1",
        canonical=CANONICAL,
        member_id=member_id,
        wallet=wallet,
        issued_at=tx.now,
        after=ReceiptPoint(sequence=found.after_sequence, hash=found.after_hash.hex()),
        transfers=[transfer_of(one) for one in found.transfers],
        head=ReceiptPoint(sequence=found.head_sequence, hash=found.head_hash.hex()),
        complete=found.complete,
    )
