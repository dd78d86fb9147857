"""`loyalty verify-ledger` against a real API: wallet by wallet what holds and what does not."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest

from common.storage import Database
from tests.cli.ops import loyalty, served
from tests.points.conftest import app as app
from tests.points.world import happen, member, purchase, rate, value


@pytest.fixture
async def environment(app: Any, token: Callable[..., str]) -> AsyncIterator[dict[str, str]]:
    async with served(app) as url:
        yield {"LOYALTY_POINTS_URL": url, "LOYALTY_TOKEN": token(role="auditor")}


async def test_chains_that_hold_are_said_wallet_by_wallet(
    points_database: Database, environment: dict[str, str]
) -> None:
    await rate(points_database, wallet="growth")
    await rate(points_database)
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00))
    head = await value(points_database, "SELECT encode(head, 'hex') FROM wallets WHERE wallet = 'points'")
    done = await loyalty("verify-ledger", str(someone), environment=environment)
    assert done.exit_code == 0, done.output
    assert f"points: 2 transfers, holds; head {head}" in done.stdout
    told = json.loads((await loyalty("verify-ledger", str(someone), "--json", environment=environment)).stdout)
    assert (told["holds"], told["member_id"]) == (True, str(someone))


async def test_transfer_that_was_changed_is_named_and_the_exit_code_says_so(
    points_database: Database, environment: dict[str, str]
) -> None:
    someone = await member(points_database)
    await happen(points_database, purchase(someone, "a", 10_00), purchase(someone, "b", 10_00))
    async with points_database.transaction() as tx:
        await tx.execute("ALTER TABLE transfers DISABLE TRIGGER transfers_append_only")
        await tx.execute("UPDATE transfers SET order_id = 'x' WHERE sequence = 1")
    done = await loyalty("verify-ledger", str(someone), environment=environment)
    assert (done.exit_code, "points: 2 transfers, does not hold, 1 problems" in done.stdout) == (1, True), done.output
    assert "points: transfer 1 was changed." in done.stderr
    assert (await loyalty("verify-ledger", str(someone), "--json", environment=environment)).exit_code == 1


async def test_unknown_member_and_what_is_no_id_are_said_in_a_line(
    environment: dict[str, str], token: Callable[..., str]
) -> None:
    stranger = await loyalty("verify-ledger", str(uuid4()), environment=environment)
    assert (stranger.exit_code, "not known" in stranger.stderr.lower()) == (1, True), stranger.output
    assert (await loyalty("verify-ledger", "ann", environment=environment)).exit_code == 2
    closed = await loyalty(
        "verify-ledger", str(uuid4()), environment={**environment, "LOYALTY_TOKEN": token(role="checkout")}
    )
    assert (closed.exit_code, "ledger:verify" in closed.stderr) == (1, True), closed.output
