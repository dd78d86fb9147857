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
    contract.TYPE: contract
    for contracts in PUBLISHERS.values()
    for contract in contracts
}
