"""`loyalty verify-receipt`: a receipt that was touched anywhere does not hold, and the words say where."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from loyalty.main import app
from loyalty.receipts import BEFORE_ALL, CANONICAL, FORMAT, Receipt, hash_of, problems_between, problems_of, read

MEMBER = "0190b6a0-0000-7000-8000-000000000001"
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEPS = (
    ("issue", "wallet", 100),
    ("wallet", "held", 30),
    ("held", "redemption", 30),
    ("issue", "pending", 20),
    ("debt", "clawback", 5),
    ("pending", "wallet", 20),
    ("wallet", "debt", 5),
)
SIGNS = {"wallet": ("balance", 1), "debt": ("debt", -1), "pending": ("pending", 1), "held": ("held", 1)}


def made(steps: int = len(STEPS)) -> dict[str, Any]:
    """A receipt that holds, of the first so many steps."""
    owner = Receipt(
        member_id=UUID(MEMBER),
        wallet="points",
        issued_at=BEGIN,
        after=None,  # type: ignore[arg-type]
        transfers=(),
        head=None,  # type: ignore[arg-type]
        complete=True,
    )
    amounts, previous, transfers = dict.fromkeys(("balance", "debt", "pending", "held"), 0), BEFORE_ALL, []
    for number, (giver, taker, points) in enumerate(STEPS[:steps], start=1):
        for account, sign in ((giver, -1), (taker, 1)):
            if account in SIGNS:
                amounts[SIGNS[account][0]] += sign * SIGNS[account][1] * points
        instant = BEGIN + timedelta(microseconds=number)
        one: dict[str, Any] = {
            "sequence": number,
            "from_account": giver,
            "to_account": taker,
            "points": points,
            **amounts,
            "kind": "moved",
            "order_source": "//shop",
            "order_id": f"订单-{number}",
            "reference": "",
            "occurred_at": instant,
            "recorded_at": instant,
            "previous_hash": previous,
        }
        previous = one["hash"] = hash_of(owner, one)
        transfers.append({**one, "occurred_at": instant.isoformat(), "recorded_at": instant.isoformat()})
    return {
        "format": FORMAT,
        "canonical": CANONICAL,
        "member_id": MEMBER,
        "wallet": "points",
        "issued_at": (BEGIN + timedelta(hours=1)).isoformat(),
        "after": {"sequence": 0, "hash": BEFORE_ALL},
        "transfers": transfers,
        "head": {"sequence": len(transfers), "hash": previous},
        "complete": True,
    }


def verified(folder: Path, receipt: Any, previous: Any = None) -> tuple[int, str]:
    (folder / "new.json").write_text(json.dumps(receipt), encoding="utf-8")
    words = ["verify-receipt", str(folder / "new.json")]
    if previous is not None:
        (folder / "old.json").write_text(json.dumps(previous), encoding="utf-8")
        words += ["--previous", str(folder / "old.json")]
    result = CliRunner().invoke(app, words)
    return result.exit_code, " ".join(result.output.split())


def test_receipt_that_holds_says_so(tmp_path: Path) -> None:
    code, said = verified(tmp_path, made(), made(3))
    assert (code, said.startswith("The receipt holds: 7 transfers of wallet points, the last is 7")) == (0, True)
    assert "balance 85, pending 0, held 0 and debt 0" in said


CHANGES: dict[str, Any] = {
    "sequence": 9,
    "from_account": "gift",
    "to_account": "gift",
    "points": 31,
    "balance": 71,
    "debt": 1,
    "pending": 1,
    "held": 31,
    "kind": "gifted",
    "order_source": "//other",
    "order_id": "o",
    "reference": "r",
    "occurred_at": "2026-01-01T12:00:00.000009+00:00",
    "recorded_at": "2026-01-01T12:00:00.000009+00:00",
    "previous_hash": "ab" * 32,
    "hash": "ab" * 32,
}


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_of_a_transfer_is_guarded(tmp_path: Path, field: str) -> None:
    receipt = made()
    assert set(receipt["transfers"][1]) == set(CHANGES)
    receipt["transfers"][1][field] = CHANGES[field]
    code, said = verified(tmp_path, receipt)
    assert (code, "Transfer" in said) == (1, True), said
    assert "2" in said or "9" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(member_id=MEMBER.replace("1", "2")), "Transfer 1 was changed"),
        (lambda one: one.update(wallet="growth"), "Transfer 1 was changed"),
        (lambda one: one.update(issued_at="2025-01-01T00:00:00Z"), "recorded after the receipt was issued"),
        (lambda one: one.update(complete=False), "says that it is not complete"),
        (lambda one: one["after"].update(hash="ab" * 32), "does not begin where every wallet begins"),
        (lambda one: one["after"].update(sequence=1), "transfers are missing, or in the wrong order"),
        (lambda one: one["head"].update(hash="ab" * 32), "not at the head it names"),
        (lambda one: one["head"].update(sequence=8), "not at the head it names"),
        (lambda one: one["transfers"].pop(), "not at the head it names"),
        (lambda one: one["transfers"].pop(2), "After transfer 2 comes 4: transfers are missing"),
        (lambda one: one["transfers"].reverse(), "wrong order"),
        (lambda one: one["transfers"].insert(1, one["transfers"][0]), "After transfer 1 comes 1"),
    ],
)
def test_everything_else_is_guarded_too(tmp_path: Path, change: Callable[[Any], None], words: str) -> None:
    receipt = made()
    change(receipt)
    code, said = verified(tmp_path, receipt)
    assert (code, words in said) == (1, True), said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(format="other"), "no receipt of the format"),
        (lambda one: one.update(canonical="MD5"), "another way to make a hash"),
        (lambda one: one.update(transfers=None), "no list of transfers"),
        (lambda one: one.update(member_id="me"), "which member"),
        (lambda one: one.pop("wallet"), "which wallet"),
        (lambda one: one.pop("head"), "sequence of head"),
        (lambda one: one["transfers"][0].pop("points"), "entry 1 of the transfers points is missing"),
        (lambda one: one["transfers"][0].update(points=1.5), "no whole number"),
        (lambda one: one["transfers"][0].update(kind=None), "no text"),
        (lambda one: one["transfers"][0].update(kind="a\0b"), "NUL"),
        (lambda one: one["transfers"][0].update(hash="00"), "64 hexadecimal digits"),
        (lambda one: one["transfers"][0].update(occurred_at="2026-01-01"), "without a zone"),
        (lambda one: one["transfers"].append(7), "Entry 8"),
    ],
)
def test_what_is_no_receipt_is_told_from_one_that_does_not_hold(
    tmp_path: Path, change: Callable[[Any], Any], words: str
) -> None:
    receipt = made()
    change(receipt)
    code, said = verified(tmp_path, receipt)
    assert (code, words in said) == (2, True), said


def test_files_that_are_missing_or_no_json(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["verify-receipt", str(tmp_path / "none.json")]).exit_code == 2
    (tmp_path / "odd.json").write_bytes(b"\xff\xfe{")
    assert CliRunner().invoke(app, ["verify-receipt", str(tmp_path / "odd.json")]).exit_code == 2
    assert verified(tmp_path, [])[0] == 2


def rewritten() -> dict[str, Any]:
    """A receipt whose past was written anew, all hashes made to fit."""
    receipt = made()
    owner, previous = read(json.dumps(receipt)), BEFORE_ALL
    for one, parsed in zip(receipt["transfers"], owner.transfers, strict=True):
        parsed.update(previous_hash=previous, order_id="forged")
        previous = hash_of(owner, parsed)
        one.update(previous_hash=parsed["previous_hash"], order_id="forged", hash=previous)
    receipt["head"]["hash"] = previous
    return receipt


def test_past_that_was_written_anew_contradicts_an_earlier_receipt(tmp_path: Path) -> None:
    assert verified(tmp_path, rewritten())[0] == 0
    code, said = verified(tmp_path, rewritten(), made(3))
    assert (code, "Transfer 1 is another one than in the earlier receipt" in said) == (1, True), said


def test_balances_must_add_up_even_where_all_hashes_fit(tmp_path: Path) -> None:
    receipt = made(1)
    owner = read(json.dumps(receipt))
    owner.transfers[0]["balance"] = receipt["transfers"][0]["balance"] = 1_000
    receipt["transfers"][0]["hash"] = receipt["head"]["hash"] = hash_of(owner, owner.transfers[0])
    code, said = verified(tmp_path, receipt)
    assert (code, said) == (1, "Transfer 1 leaves balance 1000, but 100 is what it adds up to.")


def test_earlier_receipts_of_others_or_with_a_gap_prove_nothing(tmp_path: Path) -> None:
    assert "some are gone" in verified(tmp_path, made(3), made())[1]
    other = made(3)
    other["wallet"] = "growth"
    assert "of another member or wallet" in verified(tmp_path, made(), other)[1]
    late = made()
    late.update(after={"sequence": 5, "hash": late["transfers"][4]["hash"]}, transfers=late["transfers"][5:])
    assert verified(tmp_path, late)[0] == 0
    assert "ask for a receipt after transfer 3" in verified(tmp_path, late, made(3))[1]


def test_receipt_that_is_not_complete_says_how_to_go_on(tmp_path: Path) -> None:
    part = made()
    part.update(transfers=part["transfers"][:3], complete=False)
    code, said = verified(tmp_path, part)
    assert (code, f"sequence=3&hash={part['transfers'][2]['hash']}" in said) == (0, True)


@given(st.integers(0, len(STEPS) - 1), st.sampled_from(sorted(CHANGES)), st.data())
def test_any_change_anywhere_is_found(number: int, field: str, data: st.DataObject) -> None:
    receipt = made()
    before = receipt["transfers"][number][field]
    if isinstance(before, int):
        after: Any = data.draw(st.integers(-(2**63), 2**63 - 1))
    elif field.endswith("_at"):
        after = data.draw(st.datetimes(timezones=st.just(UTC))).isoformat()
    elif field.endswith("hash"):
        after = data.draw(st.binary(min_size=32, max_size=32)).hex()
    else:
        after = data.draw(st.text(st.characters(exclude_characters="\0")))
    changed = deepcopy(receipt)
    changed["transfers"][number][field] = after
    found = list(problems_of(read(json.dumps(changed))))
    assert bool(found) == (after != before)
    assert list(problems_between(read(json.dumps(receipt)), read(json.dumps(receipt)))) == []
