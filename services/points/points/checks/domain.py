"""Does the ledger hold? Balances, debts, lots and the programme's accounts say the same, per type of wallet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from points.ledger.wallet import (
    CLAWBACK,
    DEBT,
    EXPIRY,
    HELD,
    ISSUE,
    MEMBERS_ACCOUNTS,
    PENDING,
    REDEMPTION,
    WALLET,
    WRITE_OFF,
)

MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """How many points went from one account to another, in how many transfers."""

    from_account: str
    to_account: str
    kind: str
    transfers: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the tables that are kept up to date say of one type of wallet. `lots` are all, those that wait too."""

    balance: int
    debt: int
    lots: int
    pending: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A member's wallet that does not agree with its transfers: what is written, and what they add up to."""

    member_id: UUID
    what: str
    written: int
    folded: int

    def facts(self) -> dict[str, str | int]:
        return {
            "member_id": str(self.member_id),
            "what": self.what,
            "written": self.written,
            "folded": self.folded,
            "difference": self.written - self.folded,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found for one type of wallet. `difference` is the sum over all accounts: 0 if the ledger holds."""

    wallet: str
    transfers: int
    balance: int
    debt: int
    pending: int
    held: int
    lots: int
    issued: int
    clawed_back: int
    written_off: int
    expired: int
    redeemed: int
    difference: int
    problems: Sequence[Mapping[str, str | int]]

    @property
    def holds(self) -> bool:
        return self.difference == 0 and not self.problems


def net_of(movements: Sequence[Movement], account: str) -> int:
    """What an account holds: what went in, less what went out."""
    into = sum(one.points for one in movements if one.to_account == account)
    return into - sum(one.points for one in movements if one.from_account == account)


def judge(wallet: str, movements: Sequence[Movement], stored: Stored, differences: Sequence[Difference]) -> Finding:
    """The members' side as it is stored against the programme's side folded from transfers."""
    accounts = {one.from_account for one in movements} | {one.to_account for one in movements}
    programme = {account: net_of(movements, account) for account in accounts - MEMBERS_ACCOUNTS}
    problems = [one.facts() for one in differences[:MAX_PROBLEMS]]
    members = {account: net_of(movements, account) for account in MEMBERS_ACCOUNTS}
    for what, written, added_up in (
        ("sum of balances", stored.balance, members[WALLET]),
        ("sum of debts", stored.debt, -members[DEBT]),
        ("sum of pending", stored.pending, members[PENDING]),
        ("sum of held", stored.held, members[HELD]),
        ("sum of lots", stored.lots, stored.balance + stored.pending),
    ):
        if written != added_up:
            problems.append({"what": what, "written": written, "folded": added_up, "difference": written - added_up})
    return Finding(
        wallet=wallet,
        transfers=sum(one.transfers for one in movements),
        balance=stored.balance,
        debt=stored.debt,
        pending=stored.pending,
        held=stored.held,
        lots=stored.lots,
        issued=-programme.get(ISSUE, 0),
        clawed_back=programme.get(CLAWBACK, 0),
        written_off=-programme.get(WRITE_OFF, 0),
        expired=programme.get(EXPIRY, 0),
        redeemed=programme.get(REDEMPTION, 0),
        difference=stored.balance + stored.pending + stored.held - stored.debt + sum(programme.values()),
        problems=problems,
    )
