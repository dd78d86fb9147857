"""A made-up subject: things with a name and an amount, in the forms that real subjects have."""

import asyncio
from typing import Annotated, Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from common.http import (
    CurrentCaller,
    IfMatch,
    Page,
    Paging,
    RequestBody,
    Router,
    Tx,
    allow,
    check_revision,
    page,
    paged,
    problem,
    public,
)
from common.http.fields import Instant, Key, Money, Text
from common.security.audit import audit

TABLE = """
    CREATE TABLE things (
        name text PRIMARY KEY, amount bigint NOT NULL, calls int NOT NULL DEFAULT 1, revision int NOT NULL DEFAULT 1,
        checked text UNIQUE DEFERRABLE INITIALLY DEFERRED
    )
"""
router = Router(tags=["things"])


class TooMuchError(Exception):
    def __init__(self, amount: int, limit: int) -> None:
        super().__init__(f"{amount} is more than {limit}")
        self.amount = amount
        self.limit = limit
        self._secret = "not for the public"


class UnknownThingError(Exception):
    """No such thing."""


PROBLEMS = {
    TooMuchError: problem(409, "too_much", "Too much"),
    UnknownThingError: problem(404, "unknown_thing", "No such thing"),
}


class NewThing(RequestBody):
    name: Key
    amount: Money
    note: Text = ""
    since: Instant | None = None
    checked: Key | None = None


class Thing(BaseModel):
    name: str
    amount: int
    calls: int


@router.post("/v1/things", status_code=201, dependencies=[allow("rules:write")])
async def make(body: NewThing, tx: Tx, caller: CurrentCaller, response: Response) -> Thing:
    """Makes it, or counts how often it was asked for."""
    sql = """
        INSERT INTO things (name, amount, checked) VALUES (:name, :amount, :checked)
        ON CONFLICT (name) DO UPDATE SET calls = things.calls + 1 RETURNING name, amount, calls
    """
    row = await tx.fetch_one(sql, {"name": body.name, "amount": body.amount, "checked": body.checked})
    assert row is not None
    await audit(tx, caller, "thing.made", body.name, amount=body.amount)
    if body.amount > 1_000:
        raise TooMuchError(body.amount, 1_000)
    if body.note == "slow":
        await asyncio.sleep(0.3)
    if body.note == "very slow":
        await asyncio.sleep(1.5)
    if body.note == "break":
        raise RuntimeError("the password is swordfish")
    response.headers["Location"] = f"/v1/things/{body.name}"
    return Thing.model_validate(row, from_attributes=True)


@router.get("/v1/things", dependencies=[allow("rules:read")])
async def every(tx: Tx, paging: Annotated[Paging[tuple[int, str]], paged(int, str)]) -> Page[Thing]:
    after = paging.after or (-1, "")
    sql = """
        SELECT name, amount, calls FROM things
        WHERE (amount, name) > (:amount, :name) ORDER BY amount, name LIMIT :limit
    """
    rows = await tx.fetch_all(sql, {"amount": after[0], "name": after[1], "limit": paging.fetch})
    return page(
        rows,
        paging,
        key=lambda row: (row.amount, row.name),
        item=lambda row: Thing.model_validate(row, from_attributes=True),
    )


@router.get("/v1/things/{name}", dependencies=[allow("rules:read")])
async def one(name: Key, tx: Tx) -> Thing:
    row = await tx.fetch_one("SELECT name, amount, calls FROM things WHERE name = :name", {"name": name})
    if row is None:
        raise UnknownThingError("There is no thing of this name.")
    return Thing.model_validate(row, from_attributes=True)


@router.put("/v1/things/{name}", dependencies=[allow("rules:write")])
async def change(name: Key, body: NewThing, tx: Tx, seen: IfMatch) -> dict[str, int]:
    current = await tx.fetch_value("SELECT revision FROM things WHERE name = :name FOR UPDATE", {"name": name})
    check_revision(seen, current)
    sql = "UPDATE things SET amount = :amount, revision = revision + 1 WHERE name = :name"
    await tx.execute(sql, {"name": name, "amount": body.amount})
    return {"revision": current + 1}


@router.post("/v1/raw", dependencies=[allow("rules:write")])
async def raw(body: dict[str, Any], tx: Tx) -> dict[str, Any]:
    """Careless on purpose: hands the database whatever came."""
    found = {
        name: await tx.fetch_value(f"SELECT CAST(:value AS {name})", {"value": value}) for name, value in body.items()
    }
    return {name: str(value) for name, value in found.items()}


@router.post("/v1/sql", dependencies=[allow("rules:write")])
async def sql(body: dict[str, str], tx: Tx) -> dict[str, str]:
    for statement in body.values():
        await tx.execute(statement)
    return {}


@router.post("/v1/stream", dependencies=[allow("rules:write")])
async def stream() -> StreamingResponse:
    return StreamingResponse(iter([b"a", b"b"]))


@router.post("/v1/bytes", dependencies=[public()])
async def count(request: Request) -> dict[str, int]:
    """Reads the body itself, as a token endpoint or a callback does."""
    return {"bytes": len(await request.body())}


@router.get("/v1/untouched", dependencies=[allow("rules:read")])
async def untouched() -> dict[str, str]:
    """Needs no database."""
    return {"answer": "yes"}
