"""`loyalty verify-draw` with a list that was kept: no service is asked."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from loyalty import fairness
from loyalty.main import app
from points.draws.proof import Place, Promise, commitment_of

SEED = bytes(range(32))
MEMBER = UUID(int=7)
PRIZES = [Place(key="mug", weight=30, stock=2, kind="goods", reward="mug"), Place(key="nothing", weight=70)]
PROMISE = Promise(draw="spin", epoch=1, total=100, fallback="nothing", prizes=PRIZES)


def published() -> dict[str, Any]:
    plays: list[dict[str, Any]] = []
    name = fairness.pseudonym("spin", 1, str(MEMBER))
    for number in range(1, 31):
        ticket = fairness.ticket(SEED, "mine", number, name, 100)
        drawn = "mug" if ticket < 30 else "nothing"
        gone = sum(play["prize"] == "mug" for play in plays) >= 2
        plays.append({
            "number": number, "pseudonym": name, "client_seed": "mine", "ticket": ticket, "drawn": drawn,
            "prize": "nothing" if gone else drawn,
        })  # fmt: skip
    return {
        **asdict(PROMISE), "commitment": commitment_of(SEED, PROMISE), "seed": SEED.hex(), "plays": plays,
    }  # fmt: skip


def run(tmp_path: Path, document: Any, *options: str) -> Any:
    path = tmp_path / "plays.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return CliRunner().invoke(app, ["verify-draw", str(path), *options])


def test_untouched_list_holds_and_members_find_their_plays(tmp_path: Path) -> None:
    done = run(tmp_path, published(), "--member", str(MEMBER), "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["holds"], told["plays"], len(told["mine"])) == (0, True, 30, 30)
    assert "it holds" in run(tmp_path, published()).stdout


def test_changed_play_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    document = published()
    document["plays"][4]["ticket"] += 1
    done = run(tmp_path, document)
    assert done.exit_code == 1
    assert "Play 5" in done.output


def receipt(tmp_path: Path, play: int, **other: Any) -> str:
    """What a play was answered, kept by the member."""
    told = {"draw": "spin", "epoch": 1, "commitment": published()["commitment"], **published()["plays"][play - 1]}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"items": [{**told, **other}]}), encoding="utf-8")
    return str(path)


def test_kept_receipt_shows_that_the_promise_and_the_play_are_still_the_same(tmp_path: Path) -> None:
    assert run(tmp_path, published(), "--receipt", receipt(tmp_path, 4)).exit_code == 0


def test_seed_that_was_chosen_after_the_plays_is_found_by_a_receipt(tmp_path: Path) -> None:
    """The list alone would hold: a house that makes everything anew makes the commitment anew as well."""
    done = run(tmp_path, published(), "--receipt", receipt(tmp_path, 4, commitment="0" * 64))
    assert (done.exit_code, "another commitment was promised" in done.output) == (1, True)


def test_play_that_was_replaced_or_left_out_is_found_by_a_receipt(tmp_path: Path) -> None:
    done = run(tmp_path, published(), "--receipt", receipt(tmp_path, 4, client_seed="was-mine"))
    assert (done.exit_code, "client_seed was was-mine" in done.output) == (1, True)
    assert run(tmp_path, published(), "--receipt", receipt(tmp_path, 4, number=31)).exit_code == 1


def test_receipt_of_another_epoch_proves_nothing_and_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, published(), "--receipt", receipt(tmp_path, 4, epoch=2)).exit_code == 2


@pytest.mark.parametrize("document", ["{}", "[]", "not json", '{"seed": "zz"}', '{"seed": "00", "total": "x"}'])
def test_what_is_no_list_is_refused_in_one_line(tmp_path: Path, document: str) -> None:
    done = run(tmp_path, document)
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) <= 3
