"""All contracts, by publisher: what AsyncAPI, golden files, permissions and dead letters are made from."""

from common.events.contract import Contract
from common.events.members import MemberRegistered, MemberTierChanged, MemberUpdated
from common.events.notices import NoticeFailed, NoticeSent, NoticeSuppressed
from common.events.points import PointsClawedBack, PointsEarned, PointsRepriced
from common.events.programme import ProgrammeUpdated
from common.events.purchases import (
    PurchaseCompleted,
    PurchaseRefunded,
    PurchaseSubmitted,
)

PUBLISHERS: dict[str, tuple[type[Contract], ...]] = {
    "outside": (PurchaseCompleted, PurchaseRefunded, PurchaseSubmitted),
    "members": (
        PurchaseCompleted,
        PurchaseRefunded,
        PurchaseSubmitted,
        MemberRegistered,
        MemberUpdated,
        MemberTierChanged,
        ProgrammeUpdated,
    ),
    "points": (PointsEarned, PointsClawedBack, PointsRepriced),
    "notify": (NoticeSent, NoticeFailed, NoticeSuppressed),
    "analytics": (),
}

CONTRACTS: dict[str, type[Contract]] = {
    contract.TYPE: contract for contracts in PUBLISHERS.values() for contract in contracts
}

SUBSCRIBERS: dict[str, tuple[str, ...]] = {
    "members": (
        ProgrammeUpdated.TYPE,
        PurchaseCompleted.TYPE,
        PurchaseRefunded.TYPE,
        PurchaseSubmitted.TYPE,
    ),
    "points": (
        ProgrammeUpdated.TYPE,
        MemberRegistered.TYPE,
        MemberUpdated.TYPE,
        MemberTierChanged.TYPE,
        PurchaseCompleted.TYPE,
        PurchaseRefunded.TYPE,
    ),
    "notify": (
        ProgrammeUpdated.TYPE,
        MemberRegistered.TYPE,
        MemberUpdated.TYPE,
        MemberTierChanged.TYPE,
        PointsEarned.TYPE,
        PointsClawedBack.TYPE,
        PointsRepriced.TYPE,
    ),
    "analytics": (
        ProgrammeUpdated.TYPE,
        MemberRegistered.TYPE,
        MemberUpdated.TYPE,
        MemberTierChanged.TYPE,
        PurchaseCompleted.TYPE,
        PurchaseRefunded.TYPE,
        PointsEarned.TYPE,
        PointsClawedBack.TYPE,
        PointsRepriced.TYPE,
        NoticeSent.TYPE,
        NoticeFailed.TYPE,
        NoticeSuppressed.TYPE,
    ),
}
"""Who hears what; a test holds each service's SUBSCRIPTIONS against it."""
