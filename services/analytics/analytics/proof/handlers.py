"""The proof that roll-ups equal their facts; drift is repaired, kept and reported."""

from typing import Any

from analytics import metrics
from analytics.calendar import handlers as calendar
from analytics.proof import store
from analytics.proof.domain import Proof
from common.runtime import logs
from common.storage import Transaction
from common.storage.programme import programme

ROLLUPS = ("spend_days", "points_days", "rule_days", "notice_days")

log = logs.logger("proof")


async def prove(tx: Transaction) -> list[Proof]:
    """Compare all roll-ups with the facts. Facts with days of another zone ask for a rebuild."""
    proofs = []
    for rollup in ROLLUPS:
        proof = await store.repair(tx, rollup)
        await store.keep(tx, proof)
        metrics.ROLLUP_DRIFT.labels(rollup=rollup).set(len(proof.drifted))
        if proof.drifted:
            log.error("roll-up had drifted", rollup=rollup, drifted=len(proof.drifted), examples=proof.examples)
        proofs.append(proof)
    if await store.in_another_zone(tx, (await programme(tx)).time_zone):
        await calendar.request_rebuild(tx)
    return proofs


async def latest(tx: Transaction) -> list[Any]:
    """The newest proof of each roll-up."""
    return await store.latest(tx)
