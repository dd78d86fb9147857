"""Gives points for incentives and takes them back, always by new entries, always told by events."""

from zoneinfo import ZoneInfo

from common.events.points import PointsClawedBack, PointsEarned, PointsGivenBack, PointsRedeemed, PointsRepriced
from common.events.programme import ProgrammeSettings
from common.storage import Transaction
from points.cascade.domain import Returned
from points.ledger import handlers as ledger
from points.ledger.domain import (
    ALLOW_NEGATIVE,
    CLAWBACK,
    CLAWED_BACK,
    EARNED,
    REPRICED,
    WITHIN_BALANCE,
    Cause,
    GivenBack,
    Taken,
    Wallet,
    credit,
    take,
)
from points.payouts.domain import Occasion, Reward, expiry
from points.wallet_types import handlers as wallet_types

INCENTIVES = "//loyalty/points/incentives"
"""Stands where a purchase has its source; the reference of the occasion stands where it has its order id. So what is
taken back of an occasion comes out of its own lot first.
"""


async def give(
    tx: Transaction, wallets: ledger.Wallets, settings: ProgrammeSettings, occasion: Occasion, reward: Reward
) -> int:
    """Credit the reward's points, which can be spent at once; returns the sequence of the credit, 0 for no points."""
    if not reward.points:
        return 0
    wallet = wallets.of(occasion.member_id, reward.wallet)
    kind, zone = (await wallet_types.load(tx)).of(reward.wallet), ZoneInfo(settings.time_zone)
    expires_at = expiry(reward, occasion.occurred_at, kind, settings.expiry_months, zone)
    sequence = credit(wallet, reward.points, _cause(EARNED, occasion, tx), expires_at)
    tx.emit(
        PointsEarned(
            member_id=occasion.member_id,
            wallet=reward.wallet,
            sequence=sequence,
            points=reward.points,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=occasion.occurred_at,
            rule=occasion.key,
            rule_version=occasion.revision,
            expires_at=expires_at,
            reason=occasion.kind,
        )
    )
    return sequence


async def take_back(
    tx: Transaction,
    wallets: ledger.Wallets,
    settings: ProgrammeSettings,
    occasion: Occasion,
    wallet_name: str,
    points: int,
    *,
    returned: Returned | None = None,
) -> Taken | None:
    """Take points of a reward back: for a return (whose member holds the points now), or because a late fact lowers it.
    What is not there any more is debt or written off, by the programme's policy. None for no points.
    """
    if not points:
        return None
    wallet = wallets.of(occasion.member_id if returned is None else returned.member_id, wallet_name)
    kind = REPRICED if returned is None else CLAWED_BACK
    await ledger.load_for(tx, [ledger.Need(wallet, points, INCENTIVES, occasion.reference)])
    cause = _cause(kind, occasion, tx)
    policy = (await wallet_types.load(tx)).of(wallet_name).negative_policy or settings.negative_policy
    if policy == WITHIN_BALANCE:
        # The return itself was decided; what follows it is not decided a second time.
        policy = ALLOW_NEGATIVE
    taken = take(wallet, points, cause, CLAWBACK, policy)
    if returned is not None:
        tx.emit(
            PointsClawedBack(
                member_id=occasion.member_id,
                wallet=wallet_name,
                sequence=taken.sequence,
                points=taken.points,
                balance=wallet.spendable,
                debt=wallet.debt,
                occurred_at=returned.occurred_at,
                order_source=returned.order_source,
                order_id=returned.order_id,
                return_id=returned.return_id,
                shortfall=taken.shortfall,
                policy=policy,
                pending=taken.pending,
                unexpired=taken.unexpired,
                reason=occasion.kind,
            )
        )
        return taken
    tx.emit(
        PointsRepriced(
            member_id=occasion.member_id,
            wallet=wallet_name,
            sequence=taken.sequence,
            points=-taken.points,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=occasion.occurred_at,
            order_source=INCENTIVES,
            order_id=occasion.reference,
            reason=occasion.kind,
            shortfall=taken.shortfall,
            policy=policy,
            pending=-taken.pending,
            unexpired=-taken.unexpired,
        )
    )
    return taken


async def pay_difference(
    tx: Transaction,
    wallets: ledger.Wallets,
    settings: ProgrammeSettings,
    occasion: Occasion,
    reward: Reward,
    paid: int,
    *,
    returned: Returned | None = None,
) -> None:
    """Bring what was paid for one occasion from `paid` to what the reward says now, because of a return if one is
    named.
    """
    if reward.points > paid:
        more = Reward(points=reward.points - paid, wallet=reward.wallet, expires_days=reward.expires_days)
        await give(tx, wallets, settings, occasion, more)
    elif reward.points < paid:
        await take_back(tx, wallets, settings, occasion, reward.wallet, paid - reward.points, returned=returned)


def _cause(kind: str, occasion: Occasion, tx: Transaction) -> Cause:
    return Cause(kind, INCENTIVES, occasion.reference, "", occasion.occurred_at, tx.now)


def tell_spent(
    tx: Transaction, wallet: Wallet, sequence: int, points: int, reference: str, reason: str, *, key: str = ""
) -> None:
    """Points were spent on an incentive; `reference` is unique, `key` names the incentive."""
    tx.emit(
        PointsRedeemed(
            member_id=wallet.member_id,
            wallet=wallet.name,
            sequence=sequence,
            points=points,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=tx.now,
            redemption_id=reference,
            reason=reason,
            reference=key,
        )
    )


def tell_given_back(tx: Transaction, wallet: Wallet, back: GivenBack, reference: str, reason: str) -> None:
    """What was spent came back."""
    tx.emit(
        PointsGivenBack(
            member_id=wallet.member_id,
            wallet=wallet.name,
            sequence=back.sequence,
            points=back.points,
            balance=wallet.spendable,
            debt=wallet.debt,
            occurred_at=tx.now,
            redemption_id=reference,
            reason=reason,
            renewed=back.renewed,
            grace_until=back.grace_until,
        )
    )
