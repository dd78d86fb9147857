"""`loyalty dead-letters` and `loyalty jobs` against a real API."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from common.http import create_app
from common.security.tokens import TokenVerifier
from common.storage import Database
from tests.cli.ops import loyalty, served
from tests.common.messaging.conftest import database as database
from tests.common.messaging.conftest import envelope_of, purchase
from tests.common.messaging.test_dead_letters_api import set_aside

Environment = dict[str, str]


@pytest.fixture
async def environment(
    database: Database, verifier: TokenVerifier, token: Callable[..., str]
) -> AsyncIterator[Environment]:
    app = create_app(service="points", routers=[], database=database, verifier=verifier)
    async with served(app) as url:
        yield {"LOYALTY_POINTS_URL": url, "LOYALTY_TOKEN": token(role="operator")}


async def points(environment: Environment, *arguments: str, stdin: str = "") -> Any:
    return await loyalty("dead-letters", *arguments, "--service", "points", environment=environment, stdin=stdin)


async def found(environment: Environment, *arguments: str) -> list[dict[str, Any]]:
    answer = await points(environment, "list", "--json", *arguments)
    assert answer.exit_code == 0, answer.output
    letters: list[dict[str, Any]] = json.loads(answer.stdout)
    return letters


async def test_letters_are_listed_grouped_and_shown(environment: Environment, database: Database) -> None:
    assert "No dead letters." in (await points(environment, "list")).stdout
    await set_aside(database, envelope_of(purchase("o1")), envelope_of(purchase("o2")))
    await set_aside(database, b"broken", error="not_json")
    table = (await points(environment, "list")).stdout
    assert "unknown_member" in table
    assert "o2" in table
    groups = (await points(environment, "groups")).stdout
    assert groups.index("unknown_member") < groups.index("not_json")
    (letter,) = await found(environment, "--error", "not_json")
    shown = json.loads((await points(environment, "show", letter["id"][:8])).stdout)
    assert (shown["service"], shown["id"], shown["body_hex"]) == ("points", letter["id"], b"broken".hex(" "))
    assert len(await found(environment, "--limit", "2")) == 2


async def test_replaying_by_filter_is_a_dry_run_first(environment: Environment, database: Database) -> None:
    await set_aside(database, *(envelope_of(purchase(f"o{n}")) for n in range(3)))
    tried = await points(environment, "replay", "--error", "unknown_member")
    assert "3 would be replayed" in tried.stdout
    assert "--yes" in tried.stdout
    assert len(await found(environment)) == 3
    done = await points(environment, "replay", "--error", "unknown_member", "--reason", "registered", "--yes")
    assert "3 replayed" in done.stdout
    assert await found(environment) == []
    assert {letter["reason"] for letter in await found(environment, "--state", "replayed")} == {"registered"}


async def test_one_letter_is_replayed_by_the_beginning_of_its_id(environment: Environment, database: Database) -> None:
    await set_aside(database, envelope_of(purchase("o1")))
    (letter,) = await found(environment)
    assert "replayed" in (await points(environment, "replay", letter["id"][:10])).stdout
    assert "replayed" in (await points(environment, "replay", letter["id"])).stdout
    missing = await points(environment, "replay", "ffffffff")
    assert (missing.exit_code, "there is none" in missing.stderr) == (1, True)


async def test_a_letter_is_repaired_from_a_file_and_in_the_editor(
    environment: Environment, database: Database, tmp_path: Path
) -> None:
    await set_aside(database, envelope_of(purchase("o1")))
    (letter,) = await found(environment)
    body = json.loads((await points(environment, "show", letter["id"])).stdout)["body"]
    file = tmp_path / "body.json"
    file.write_text(json.dumps(body | {"data": body["data"] | {"amount": -1}}))
    refused = await points(environment, "edit", letter["id"], "--file", str(file))
    assert (refused.exit_code, "amount" in refused.stderr) == (1, True)
    file.write_text(json.dumps(body | {"data": body["data"] | {"amount": 7}}))
    assert (await points(environment, "edit", letter["id"], "--file", str(file))).exit_code == 0
    script = tmp_path / "editor.py"
    script.write_text("import sys; f = sys.argv[1]; t = open(f).read(); open(f, 'w').write(t.replace('7', '8'))")
    edited = await points(environment | {"EDITOR": f"{sys.executable} {script}"}, "edit", letter["id"])
    assert edited.exit_code == 0, edited.output
    assert json.loads((await points(environment, "show", letter["id"])).stdout)["body_edited"]["data"]["amount"] == 8
    nothing = await points(environment | {"EDITOR": "true"}, "edit", letter["id"])
    assert (nothing.exit_code, "Nothing was changed" in nothing.stderr) == (1, True)
    assert (await points(environment, "edit", letter["id"], "--restore")).exit_code == 0
    assert json.loads((await points(environment, "show", letter["id"])).stdout)["body_edited"] is None
    wrong = await points(environment, "edit", letter["id"], "--file", "-", stdin="{")
    assert (wrong.exit_code, "not JSON" in wrong.stderr) == (2, True)


async def test_giving_up_needs_a_reason(environment: Environment, database: Database) -> None:
    await set_aside(database, envelope_of(purchase("o1")), envelope_of(purchase("o2")))
    assert (await points(environment, "discard", "--yes")).exit_code == 2
    first = (await found(environment))[0]["id"]
    assert "discarded" in (await points(environment, "discard", first, "--reason", "test")).stdout
    again = await points(environment, "replay", first)
    assert (again.exit_code, "discarded" in again.stderr) == (1, True)
    assert "1 would be discarded" in (await points(environment, "discard", "--reason", "test")).stdout
    assert "1 discarded" in (await points(environment, "discard", "--reason", "test", "--yes")).stdout
    both = await points(environment, "discard", first, "--error", "x", "--reason", "test")
    assert (both.exit_code, "not both" in both.stderr) == (2, True)


async def test_who_may_not_is_told_so(environment: Environment, token: Callable[..., str]) -> None:
    answer = await points(environment | {"LOYALTY_TOKEN": token(role="analyst")}, "list")
    assert (answer.exit_code, "dead_letters:read" in answer.stderr) == (1, True)


async def test_an_unknown_service_and_an_unknown_place_are_said(environment: Environment) -> None:
    answer = await loyalty("dead-letters", "list", "--service", "billing", environment=environment)
    assert (answer.exit_code, "no service billing" in answer.stderr) == (2, True)
    answer = await loyalty("dead-letters", "list", environment=environment)
    assert (answer.exit_code, "make up" in answer.stderr) == (2, True)
    nobody = environment | {"LOYALTY_POINTS_URL": "http://127.0.0.1:9"}
    assert (await points(nobody, "list")).exit_code == 1


async def test_jobs_are_listed_and_run(environment: Environment, database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO schedule (name, due_at, last_error) VALUES ('ledger.check', '2100-01-01', 'ValueError: no')"
        )
    listed = await loyalty("jobs", "list", "--service", "points", environment=environment)
    assert all(word in listed.stdout for word in ("ledger.check", "2100-01-01", "ValueError: no"))
    run = await loyalty("jobs", "run", "points", "ledger.check", environment=environment)
    assert (run.exit_code, "is due now" in run.stdout) == (0, True)
    async with database.transaction() as tx:
        assert await tx.fetch_value("SELECT due_at <= now() FROM schedule")
    missing = await loyalty("jobs", "run", "points", "nothing", environment=environment)
    assert (missing.exit_code, "nothing" in missing.stderr) == (1, True)
