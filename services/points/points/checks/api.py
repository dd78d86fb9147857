"""Whether the ledger holds, and the figures of the whole programme."""

from datetime import datetime

from pydantic import Field

from common.http import ResponseBody, Router, Tx, allow
from points.checks import handlers

router = Router(tags=["ledger"])


class WalletCheck(ResponseBody):
    wallet: str
    holds: bool
    transfers: int
    balance: int = Field(description="Sum of all members' wallets, as they are kept.")
    debt: int
    pending: int = Field(description="Points that wait.")
    held: int = Field(description="Points that are reserved.")
    issued: int = Field(description="Folded from transfers, less what repricing took back.")
    clawed_back: int
    written_off: int
    expired: int
    redeemed: int = Field(description="Spent for good, less what was given back.")
    difference: int = Field(description="Sum over all accounts: 0 in a ledger that holds.")
    problems: list[dict[str, str | int]] = Field(description="Member, what is written, what its transfers add up to.")
    all_read_at: datetime | None = Field(description="When every transfer and lot was last read from the beginning.")


class CheckResponse(ResponseBody):
    as_of: datetime
    holds: bool
    wallets: list[WalletCheck]


@router.get("/v1/ledger/check", dependencies=[allow("ledger:verify")], summary="Does the ledger hold, now?")
async def check(tx: Tx) -> CheckResponse:
    """Compares wallets and lots with the sums of all transfers, per type of wallet, in one snapshot.

    Transfers that an earlier check has added up are not read again; once a day all are.
    """
    complete = await handlers.latest_complete(tx)
    wallets = [
        WalletCheck(
            wallet=one.wallet,
            holds=one.holds,
            transfers=one.transfers,
            balance=one.balance,
            debt=one.debt,
            pending=one.pending,
            held=one.held,
            issued=one.issued,
            clawed_back=one.clawed_back,
            written_off=one.written_off,
            expired=one.expired,
            redeemed=one.redeemed,
            difference=one.difference,
            problems=[dict(problem) for problem in one.problems],
            all_read_at=complete.get(one.wallet),
        )
        for one in await handlers.look(tx)
    ]
    return CheckResponse(as_of=tx.now, holds=all(one.holds for one in wallets), wallets=wallets)


class WalletFiguresResponse(ResponseBody):
    wallet: str
    issued: int
    repriced_up: int
    repriced_down: int
    clawed_back: int
    shortfall: int
    debt_repaid: int
    outstanding: int
    pending: int
    held: int
    expired: int
    redeemed: int
    debt: int
    transfers: int
    sum: int = Field(description="Over all accounts: 0.")
    problems: int


class FiguresResponse(ResponseBody):
    as_of: datetime
    members: int
    purchases: int = Field(description="Recorded, those that earned nothing included.")
    duplicates: int = Field(description="Messages that repeated what was known, and had no effect.")
    returns: int
    returns_waiting: int
    returns_in_review: int
    returns_refused: int
    repricings: int
    wallets: list[WalletFiguresResponse]


@router.get("/v1/figures", dependencies=[allow("points:read")], summary="What has happened here so far")
async def figures(tx: Tx) -> FiguresResponse:
    """Counted now, in one snapshot per table."""
    counts, wallets = await handlers.figures(tx)
    return FiguresResponse(
        as_of=tx.now,
        members=counts.members,
        purchases=counts.purchases,
        duplicates=counts.duplicates,
        returns=counts.returns,
        returns_waiting=counts.returns_waiting,
        returns_in_review=counts.returns_in_review,
        returns_refused=counts.returns_refused,
        repricings=counts.repricings,
        wallets=[WalletFiguresResponse.model_validate(one, from_attributes=True) for one in wallets],
    )
