"""The ledger's rules, without a database."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.ledger.domain import (
    ALLOW_NEGATIVE,
    CLAMP,
    CLAWBACK,
    CLAWED_BACK,
    DEBT,
    EARNED,
    GENESIS,
    ISSUE,
    PENDING_ONLY,
    WALLET,
    WRITE_OFF,
    Cause,
    Lot,
    Wallet,
    breaks,
    chained,
    credit,
    load,
    microseconds,
    reachable,
    rehashed,
    take,
)
from tests.points.world import NOON, SHOP, day

MEMBER = UUID("018f0000-0000-7000-8000-000000000001")


def wallet() -> Wallet:
    return Wallet(MEMBER, "points", lots=[])


def cause(order: str, *, kind: str = EARNED, at: int = 0) -> Cause:
    return Cause(kind, SHOP, order, "", day(at), NOON)


def back(order: str) -> Cause:
    return cause(order, kind=CLAWED_BACK)


def moves(of: Wallet) -> list[tuple[str, str, int]]:
    return [(one.from_account, one.to_account, one.points) for one in of.transfers]


def test_credit_is_one_transfer_from_issue_and_opens_a_lot() -> None:
    mine = wallet()
    credit(mine, 60, cause("a"), None)
    assert moves(mine) == [(ISSUE, WALLET, 60)]
    assert [(lot.sequence, lot.points, lot.remaining) for lot in mine.opened] == [(1, 60, 60)]
    assert (mine.balance, mine.debt) == (60, 0)


def test_return_after_spending_leaves_debt_and_the_next_credit_repays_it_first() -> None:
    mine = wallet()
    credit(mine, 90, cause("a"), None)
    take(mine, 30, cause("spent", kind="redeemed"), "redemption", ALLOW_NEGATIVE)
    assert [lot.remaining for lot in mine.opened] == [60]

    taken = take(mine, 90, back("a"), CLAWBACK, ALLOW_NEGATIVE)
    assert (mine.balance, mine.debt, taken.shortfall) == (0, 30, 30)
    assert moves(mine)[-2:] == [(WALLET, CLAWBACK, 60), (DEBT, CLAWBACK, 30)]

    credit(mine, 50, cause("b"), None)
    assert (mine.balance, mine.debt) == (20, 0)
    assert moves(mine)[-2:] == [(ISSUE, WALLET, 50), (WALLET, DEBT, 30)]
    assert [(lot.points, lot.remaining) for lot in mine.opened] == [(90, 0), (20, 20)]


def test_credit_that_is_all_repaid_opens_no_lot() -> None:
    mine = wallet()
    take(mine, 30, back("a"), CLAWBACK, ALLOW_NEGATIVE)
    credit(mine, 30, cause("b"), None)
    assert (mine.balance, mine.debt, mine.opened) == (0, 0, [])


def test_clamp_writes_the_shortfall_off_by_an_entry() -> None:
    mine = wallet()
    credit(mine, 60, cause("a"), None)
    taken = take(mine, 90, back("a"), CLAWBACK, CLAMP)
    assert moves(mine)[1:] == [(WALLET, CLAWBACK, 60), (WRITE_OFF, CLAWBACK, 30)]
    assert (mine.balance, mine.debt, taken.shortfall) == (0, 0, 30)


def test_pending_only_takes_no_points_that_can_be_spent() -> None:
    mine = wallet()
    credit(mine, 60, cause("a"), None)
    taken = take(mine, 60, back("a"), CLAWBACK, PENDING_ONLY)
    assert (mine.balance, mine.debt, taken.shortfall) == (60, 0, 60)
    assert moves(mine)[1:] == [(WRITE_OFF, CLAWBACK, 60)]


def test_clawback_takes_the_purchases_own_lot_first_then_the_earliest_expiring() -> None:
    mine = wallet()
    credit(mine, 10, cause("never"), None)
    credit(mine, 10, cause("late"), day(90))
    credit(mine, 10, cause("own"), day(60))
    credit(mine, 10, cause("soon"), day(30))
    take(mine, 35, back("own"), CLAWBACK, ALLOW_NEGATIVE)
    assert [(used.lot_sequence, used.points) for used in mine.consumptions] == [(3, 10), (4, 10), (2, 10), (1, 5)]


def test_lots_with_the_same_expiry_go_by_time_earned_then_by_id() -> None:
    mine = wallet()
    credit(mine, 10, cause("b", at=2), day(60))
    credit(mine, 10, cause("a", at=1), day(60))
    credit(mine, 10, cause("c", at=2), day(60))
    take(mine, 25, back("other"), CLAWBACK, ALLOW_NEGATIVE)
    assert [used.lot_sequence for used in mine.consumptions] == [2, 1, 3]


def test_expired_lots_are_not_taken_except_the_purchases_own() -> None:
    mine = wallet()
    credit(mine, 10, cause("gone"), NOON)
    credit(mine, 10, cause("own"), NOON - timedelta(seconds=1))
    credit(mine, 10, cause("good"), NOON + timedelta(seconds=1))
    assert reachable(mine, back("own")) == 20
    taken = take(mine, 25, back("own"), CLAWBACK, ALLOW_NEGATIVE)
    assert ([used.lot_sequence for used in mine.consumptions], taken.shortfall) == ([2, 3], 5)


def test_expired_points_are_not_spendable_though_no_sweep_has_run() -> None:
    mine = Wallet(MEMBER, "points", balance=30)
    load(mine, [Lot(1, 10, 10, NOON, NOON, SHOP, "a"), Lot(2, 20, 20, NOON, day(1), SHOP, "b")], NOON)
    assert mine.spendable == 20


def test_taking_needs_the_lots() -> None:
    with pytest.raises(LookupError):
        take(Wallet(MEMBER, "points", balance=5), 5, back("a"), CLAWBACK, ALLOW_NEGATIVE)


def test_chain_holds_and_shows_any_change() -> None:
    mine = wallet()
    for number in range(4):
        credit(mine, 10 + number, cause(f"o{number}"), None)
    assert breaks(mine.transfers) == []

    changed = list(mine.transfers)
    changed[1] = changed[1]._replace(points=99)
    assert [(at.sequence, at.problem) for at in breaks(changed)] == [(2, "was changed")]

    changed[1] = changed[1]._replace(hash=rehashed(changed[1]))
    assert [(at.sequence, at.problem) for at in breaks(changed)] == [(3, "does not follow the transfer before it")]

    del changed[1]
    assert [(at.sequence, at.problem) for at in breaks(changed)] == [(2, "missing")]


def test_chain_can_be_followed_in_parts() -> None:
    mine = wallet()
    for number in range(4):
        credit(mine, 10 + number, cause(f"o{number}"), None)
    assert breaks(mine.transfers[2:], sequence=2, head=mine.transfers[1].hash) == []
    assert breaks(mine.transfers[2:], sequence=2, head=GENESIS) != []


def test_hash_of_a_transfer_never_changes_its_form() -> None:
    """Golden: whoever verifies receipts elsewhere relies on the documented bytes."""
    found = chained(
        GENESIS, MEMBER, "points", 1, ISSUE, WALLET, 180, 180, 0, 7, 5, Cause(EARNED, SHOP, "订单-1", "", NOON, day(1))
    )
    amounts = ("points", "1", "issue", "wallet", "180", "180", "0", "7", "5")
    fields = (*amounts, "earned", "//shop.example/tills/1", "订单-1", "")
    times = (str(microseconds(NOON)), str(microseconds(day(1))))
    assert found == sha256(bytes(32) + MEMBER.bytes + "\0".join(fields + times).encode()).digest()
    assert microseconds(NOON) == 1741608000000000
    assert found.hex() == "920f12c7a7ef26d9093c9f904cd5afa1eee5b71eb5b5919790fec1ab34143311"


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 100), st.sampled_from([None, 1, 30, 60])), max_size=30))
def test_any_sequence_of_movements_sums_to_zero_and_lots_hold_the_balance(
    steps: list[tuple[bool, int, int | None]],
) -> None:
    mine = wallet()
    for number, (is_credit, points, expires) in enumerate(steps):
        if is_credit:
            credit(mine, points, cause(str(number)), None if expires is None else day(expires))
        else:
            take(mine, points, back(str(number)), CLAWBACK, ALLOW_NEGATIVE)
    held = dict.fromkeys((WALLET, DEBT, ISSUE, CLAWBACK), 0)
    for one in mine.transfers:
        assert one.points > 0
        held[one.from_account] -= one.points
        held[one.to_account] += one.points
    assert sum(held.values()) == 0
    assert (held[WALLET], -held[DEBT]) == (mine.balance, mine.debt)
    assert sum(lot.remaining for lot in mine.opened) == mine.balance
    assert mine.balance == 0 or mine.debt == 0
    assert [one.sequence for one in mine.transfers] == list(range(1, len(mine.transfers) + 1))
    assert breaks(mine.transfers) == []
