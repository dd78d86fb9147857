"""A late word on a member's tier corrects what purchases earned, so that the order of arrival does not matter."""

from collections.abc import Sequence
from uuid import UUID

from common.events import Event
from common.events.members import MemberTierChanged
from common.events.points import PointsRepriced
from common.storage import Transaction
from common.storage.programme import programme
from points.accruals import handlers as accruals
from points.accruals.domain import Repricing
from points.facts import handlers as facts
from points.facts.domain import first_difference, first_tier, tier_before
from points.ledger import handlers as ledger
from points.ledger.domain import ISSUE, REPRICED, Cause, Wallet, credit, take
from points.repricing.domain import TIER_HISTORY, Correction, correct
from points.rules import handlers as rules


async def tiers_changed(tx: Transaction, events: Sequence[Event[MemberTierChanged]]) -> None:
    """Keep the newest history of each member, and correct the purchases whose tier it changes."""
    wallets, changes = await facts.keep_histories(tx, events)
    settings = await programme(tx)
    first = first_tier((step.rank, step.key) for step in settings.tiers)
    since = [
        (change.after.member_id, instant)
        for change in changes
        if (instant := first_difference(change.before, change.after, first)) is not None
    ]
    affected = await accruals.after(tx, since)
    if not affected:
        return
    book = await rules.rule_book(tx)
    histories = {change.after.member_id: change for change in changes}
    corrections: list[Correction] = []
    for accrual in affected:
        rule = book.version(accrual.rule_version)
        tier = tier_before(histories[accrual.member_id].after, accrual.occurred_at, first)
        correction = None if rule is None else correct(accrual, rule, tier)
        if correction is not None:
            corrections.append(correction)
    causes = {member_id: change.event for member_id, change in histories.items()}
    await _save(tx, wallets, corrections, causes, settings.negative_policy)


async def _save(
    tx: Transaction,
    wallets: ledger.Wallets,
    corrections: Sequence[Correction],
    causes: dict[UUID, Event[MemberTierChanged]],
    policy: str,
) -> None:
    falling = [correction.before for correction in corrections if correction.points < 0]
    of_falling = {(one.member_id, one.wallet): wallets.of(one.member_id, one.wallet) for one in falling}
    await ledger.load_lots(tx, list(of_falling.values()))
    for correction in corrections:
        if correction.points:
            wallet = wallets.of(correction.after.member_id, correction.after.wallet)
            sequence, shortfall = _move(tx, wallet, correction, policy)
            told = _told(correction, wallet, sequence, shortfall, policy)
            tx.emit(told, cause=causes[wallet.member_id])
    await accruals.change(tx, [correction.after for correction in corrections])
    await accruals.add_repricings(tx, [_note(tx, correction) for correction in corrections])
    await ledger.save(tx, wallets)


def _move(tx: Transaction, wallet: Wallet, correction: Correction, policy: str) -> tuple[int, int]:
    """The first transfer's sequence, and what was not there."""
    after = correction.after
    cause = Cause(REPRICED, after.source, after.order_id, "", after.occurred_at, tx.now)
    # There is nothing to review here: a correction takes what is there, and what is missing is debt under
    # `allow_negative`, otherwise written off.
    if correction.points > 0:
        return credit(wallet, correction.points, cause, after.expires_at), 0
    taken = take(wallet, -correction.points, cause, ISSUE, policy)
    return taken.sequence, taken.shortfall


def _told(correction: Correction, wallet: Wallet, sequence: int, shortfall: int, policy: str) -> PointsRepriced:
    return PointsRepriced(
        member_id=wallet.member_id,
        wallet=wallet.name,
        sequence=sequence,
        points=correction.points,
        balance=wallet.spendable,
        debt=wallet.debt,
        occurred_at=correction.after.occurred_at,
        order_source=correction.after.source,
        order_id=correction.after.order_id,
        reason=TIER_HISTORY,
        shortfall=shortfall,
        policy=policy,
    )


def _note(tx: Transaction, correction: Correction) -> Repricing:
    before, after = correction.before, correction.after
    return Repricing(
        source=after.source,
        order_id=after.order_id,
        number=0,
        previous_tier=before.tier,
        tier=after.tier,
        previous_earned=before.earned,
        earned=after.earned,
        points=correction.points,
        reason=TIER_HISTORY,
        recorded_at=tx.now,
    )
