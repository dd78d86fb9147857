"""Checks that the ledger holds, all the time and once a day from the beginning, and tells the figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from common.runtime.logs import logger
from common.storage import Transaction
from common.storage.programme import programme
from points import metrics
from points.checks import domain, store
from points.checks.domain import MAX_PROBLEMS, Finding, Movement
from points.ledger.domain import DEBT_REPAID, EARNED, PENDING, REPRICED, SHORTFALL, WALLET


async def check(tx: Transaction) -> None:
    """Timed job: what has moved since the last check. Transfers that were folded before are not read again.

    Left out while `check_everything` is at work on another worker.
    """
    if not await store.is_turn(tx):
        return
    await _keep(
        tx,
        _findings(await store.advance(tx, zone=await _zone(tx), with_lots=False, limit=MAX_PROBLEMS)),
        complete=False,
    )


async def check_everything(tx: Transaction) -> None:
    """Timed job: every transfer and every lot from the beginning."""
    await store.start_again(tx)
    await _keep(
        tx, _findings(await store.advance(tx, zone=await _zone(tx), with_lots=True, limit=MAX_PROBLEMS)), complete=True
    )
    await store.prune(tx)


async def look(tx: Transaction) -> list[Finding]:
    """The ledger now, without keeping the result."""
    return _findings(await store.look(tx, zone=await _zone(tx), limit=MAX_PROBLEMS))


async def latest_complete(tx: Transaction) -> dict[str, datetime]:
    """When every transfer was last read, by type of wallet."""
    return {row.wallet: row.checked_at for row in await store.latest_complete(tx)}


async def by_day(tx: Transaction, wallet: str, first: date, last: date) -> Sequence[Row[Any]]:
    """`day, from_account, to_account, kind, transfers, points` of what occurred on these local days, both included:
    what the checks have folded, and what has moved since.
    """
    return await store.by_day(tx, wallet, first=first, last=last, zone=await _zone(tx))


async def _zone(tx: Transaction) -> str:
    return (await programme(tx)).time_zone


def _findings(ledger: store.Ledger) -> list[Finding]:
    return [domain.judge(wallet, *ledger[wallet]) for wallet in sorted(ledger)]


async def _keep(tx: Transaction, findings: Sequence[Finding], *, complete: bool) -> None:
    for finding in findings:
        await store.keep(tx, finding, complete=complete)
        metrics.LEDGER_DIFFERENCE.labels(finding.wallet).set(finding.difference)
        metrics.LEDGER_PROBLEMS.labels(finding.wallet).set(len(finding.problems))
        metrics.OUTSTANDING.labels(finding.wallet).set(finding.balance)
        metrics.DEBT.labels(finding.wallet).set(finding.debt)
        if not finding.holds:
            logger("ledger").error(
                "the ledger does not hold",
                wallet=finding.wallet,
                difference=finding.difference,
                problems=list(finding.problems)[:10],
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletFigures:
    """Points of one type of wallet. `sum` is over all accounts; repriced up and down are told apart."""

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
    sum: int
    problems: int


async def figures(tx: Transaction) -> tuple[Any, list[WalletFigures]]:
    """How many rows of what, and the points of each type of wallet."""
    ledger = await store.look(tx, zone=await _zone(tx), limit=MAX_PROBLEMS)
    return await store.figures(tx), [_figures_of(wallet, *ledger[wallet]) for wallet in sorted(ledger)]


def _figures_of(
    wallet: str, movements: Sequence[Movement], stored: domain.Stored, differences: Sequence[domain.Difference]
) -> WalletFigures:
    finding = domain.judge(wallet, movements, stored, differences)

    def moved(*kinds: str) -> int:
        return sum(one.points for one in movements if one.kind in kinds)

    repriced_up = sum(one.points for one in movements if one.kind == REPRICED and one.to_account in (WALLET, PENDING))
    return WalletFigures(
        wallet=wallet,
        issued=moved(EARNED),
        repriced_up=repriced_up,
        repriced_down=moved(REPRICED) - repriced_up,
        clawed_back=finding.clawed_back,
        shortfall=moved(SHORTFALL),
        debt_repaid=moved(DEBT_REPAID),
        outstanding=stored.balance,
        pending=stored.pending,
        held=stored.held,
        expired=finding.expired,
        redeemed=finding.redeemed,
        debt=stored.debt,
        transfers=finding.transfers,
        sum=finding.difference,
        problems=len(finding.problems),
    )
