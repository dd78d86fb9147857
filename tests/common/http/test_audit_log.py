"""The audit log: written with the deed, read page by page, changed by nobody."""

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from common.storage import Database


async def test_what_was_done_stands_in_the_log(
    app: FastAPI, operator: httpx.AsyncClient, token: Callable[..., str]
) -> None:
    for name in ("first", "second", "third"):
        await operator.post("/v1/things", json={"name": name, "amount": 3})
    assert (await operator.get("/v1/audit-log")).status_code == 403
    headers = {"Authorization": f"Bearer {token(role='auditor')}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://things", headers=headers
    ) as auditor:
        newest = (await auditor.get("/v1/audit-log", params={"limit": 2, "action": "thing.made"})).json()
        assert [entry["subject"] for entry in newest["items"]] == ["third", "second"]
        older = (await auditor.get("/v1/audit-log", params={"limit": 1, "cursor": newest["next"]})).json()
        entry = older["items"][0]
        assert (entry["subject"], entry["actor"], entry["actor_kind"]) == ("first", "staff:test", "staff")
        assert entry["facts"] == {"amount": 3}
        assert len(entry["trace_id"]) == 32
        filters = {"actor": "staff:test", "subject": "second", "from": entry["at"], "to": "2999-01-01T00:00:00Z"}
        assert len((await auditor.get("/v1/audit-log", params=filters)).json()["items"]) == 1
        assert (await auditor.get("/v1/audit-log", params={"to": entry["at"], "subject": "third"})).json()[
            "items"
        ] == []
        for wrong in ({"from": "never"}, {"actor": ""}, {"actor": "\x00"}, {"cursor": "x"}):
            assert (await auditor.get("/v1/audit-log", params=wrong)).status_code == 422


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_the_database_refuses_to_change_the_log(database: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.transaction() as tx:
            await tx.execute(statement)
