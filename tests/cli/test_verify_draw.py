"""`loyalty verify-draw` with a list that was kept: no service is asked."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from loyalty import fairness
from loyalty.main import app
from points.draws.proof import commitment_of

SEED = bytes(range(32))
MEMBER = UUID(int=7)
PRIZES = [{"key": "mug", "weight": 30, "stock": 2}, {"key": "nothing", "weight": 70, "stock": None}]


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
        "draw": "spin", "epoch": 1, "commitment": commitment_of(SEED), "seed": SEED.hex(), "total": 100,
        "fallback": "nothing", "prizes": PRIZES, "plays": plays,
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


@pytest.mark.parametrize("document", ["{}", "[]", "not json", '{"seed": "zz"}', '{"seed": "00", "total": "x"}'])
def test_what_is_no_list_is_refused_in_one_line(tmp_path: Path, document: str) -> None:
    done = run(tmp_path, document)
    assert done.exit_code == 2
    assert len(done.output.strip().splitlines()) <= 3
