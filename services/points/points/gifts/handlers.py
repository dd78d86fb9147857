"""Points go from one member to another, through the clearing account `gift`."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from common.events.points import PointsTransferred
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from common.storage.programme import programme
from points.errors import MemberUnknownError
from points.facts import handlers as facts
from points.gifts import domain, store
from points.gifts.domain import GIVEN, GIVEN_AWAY, RECEIVED, TAKEN_BACK, UNDONE, UNDONE_IN_PART, Gift, Policy
from points.gifts.errors import GiftGoneError, GiftUnknownError, NotTransferableError, SelfGiftError
from points.ledger import handlers as ledger
from points.ledger.domain import GIFT, Cause, Wallet
from points.merges import finding
from points.merges import handlers as merges
from points.policies import handlers as policies
from points.times import day_of
from points.wallet_types import handlers as wallet_types


async def policy(tx: Transaction) -> Policy:
    kept = await policies.current(tx, policies.GIFT)
    return Policy(revision=kept.revision, **kept.settings)


async def give(
    tx: Transaction, caller: Caller, member_id: UUID, recipient_id: UUID, wallet: str, points: int, message: str
) -> Gift:
    """Points of one member become another's, with the expiry they had.

    Raises MemberUnknownError, SelfGiftError, NotTransferableError, GiftsClosedError, GiftSizeError, LimitReachedError,
    InsufficientPointsError, WalletNotSpendableError.
    """
    giver_id, taker_id = people = [await merges.survivor(tx, one) for one in (member_id, recipient_id)]
    if giver_id == taker_id:
        raise SelfGiftError(member_id)
    if not (await wallet_types.load(tx)).of(wallet).transferable:
        raise NotTransferableError(wallet)
    # Both at once and in order: of two who give to one another neither waits for the other for ever.
    wallets = await ledger.lock(tx, [giver_id, taker_id])
    for known, told in ((giver_id, member_id), (taker_id, recipient_id)):
        if not wallets.knows(known):
            raise MemberUnknownError(told)
    if await merges.with_survivors(tx, people) != sorted(people):
        await ledger.begin_again(tx)  # a merge was waited for
    zone = ZoneInfo((await programme(tx)).time_zone)
    used = await store.used_since(tx, await facts.group(tx, giver_id), wallet, *day_of(tx.now, zone))
    domain.check(await policy(tx), points, used)
    gift_id = uuid4()
    giver, taker = wallets.of(giver_id, wallet), wallets.of(taker_id, wallet)
    cause = Cause(GIVEN_AWAY, "", "", str(gift_id), tx.now, tx.now)
    sequence = await ledger.spend(tx, giver, points, cause, to_account=GIFT)
    credits = domain.receive(taker, domain.groups(giver, sequence), cause._replace(kind=RECEIVED))
    gift = Gift(
        gift_id=gift_id,
        member_id=giver_id,
        recipient_id=taker_id,
        wallet=wallet,
        points=points,
        message=message,
        state=GIVEN,
        debit_sequence=sequence,
        credit_sequences=credits,
        taken_back=0,
        created_at=tx.now,
        created_by=caller.subject,
        undone_at=None,
        undone_by="",
    )
    await store.add(tx, gift)
    await audit(tx, caller, "gift.given", gift_id, member_id=giver_id, recipient_id=taker_id, points=points)
    await ledger.save(tx, wallets)
    _tell(tx, gift, giver, taker, points, "gift", sequence, credits[0])
    return gift


async def undo(tx: Transaction, caller: Caller, gift_id: UUID) -> Gift:
    """Take back what is left of a gift, with the recipient or whom it was merged into; the giver's lots are as they
    were. Twice changes nothing more.

    Raises GiftUnknownError, GiftGoneError.
    """
    found = await store.by_id(tx, gift_id)
    if found is None:
        raise GiftUnknownError(gift_id)
    wallets = await finding.lock_with_survivors(tx, [found.member_id, found.recipient_id])
    gift = await store.locked(tx, gift_id) or found
    if gift.state == UNDONE:
        return gift
    giver = wallets.of(gift.member_id, gift.wallet)
    cause = Cause(TAKEN_BACK, "", "", str(gift_id), tx.now, tx.now)
    taken: list[tuple[Wallet, int, int]] = []
    places = await finding.lots_now(tx, gift.recipient_id, gift.wallet, gift.credit_sequences)
    for member_id, sequences in places.items():
        taker = wallets.of(member_id, gift.wallet)
        await ledger.load_named(tx, taker, sequences)
        if some := domain.take_back(taker, sequences, cause):
            taken.append((taker, some, taker.sequence))
    points = sum(some for _, some, _ in taken)
    if not points:
        raise GiftGoneError(gift_id)
    back = await ledger.give_back(tx, giver, gift.debit_sequence, points, cause, from_account=GIFT, grace_days=0)
    total = gift.taken_back + points
    undone = replace(
        gift,
        state=UNDONE if total == gift.points else UNDONE_IN_PART,
        taken_back=total,
        undone_at=tx.now,
        undone_by=caller.subject,
    )
    await store.undone(tx, undone)
    await audit(tx, caller, "gift.undone", gift_id, member_id=gift.member_id, points=points)
    for taker, some, taken_at in taken:
        _tell(tx, gift, giver, taker, -some, "gift_undone", back.sequence, taken_at)
    await merges.forward(tx, wallets, [gift.member_id])
    await ledger.save(tx, wallets)
    return undone


def _tell(
    tx: Transaction, gift: Gift, giver: Wallet, taker: Wallet, points: int, reason: str, gave: int, took: int
) -> None:
    """Both sides."""
    for wallet, other, signed, sequence in ((giver, taker, -points, gave), (taker, giver, points, took)):
        tx.emit(
            PointsTransferred(
                member_id=wallet.member_id,
                other_member_id=other.member_id,
                wallet=wallet.name,
                sequence=sequence,
                points=signed,
                balance=wallet.spendable,
                debt=wallet.debt,
                occurred_at=tx.now,
                transfer_id=gift.gift_id,
                reason=reason,
            )
        )


async def get(tx: Transaction, gift_id: UUID) -> Gift:
    found = await store.by_id(tx, gift_id)
    if found is None:
        raise GiftUnknownError(gift_id)
    return found


async def by_ids(tx: Transaction, gift_ids: Iterable[UUID]) -> dict[UUID, Gift]:
    """Those that are known."""
    return await store.by_ids(tx, gift_ids)
