"""Pools of imported codes: upload in batches, withdraw, see what became of each."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Body, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field, model_validator

from common.http import (
    CurrentCaller,
    Page,
    Paging,
    RequestBody,
    ResponseBody,
    Router,
    Tx,
    allow,
    may_answer,
    page,
    paged,
)
from common.http.fields import Key, ShortText, storable
from common.storage import Database
from points.coupon_codes.domain import MAX_IMPORTED
from points.coupon_pools import handlers
from points.coupon_pools.domain import MAX_CODES, codes_of_csv
from points.coupon_templates.forms import Slug

router = Router(tags=["coupon pools"])

ByKey = paged(str)
ByPosition = paged(int)
EXPORTED_AT_A_TIME = 2_000
MAX_CSV = 900_000
COLUMNS = (
    *("position", "batch", "state", "given_at", "coupon_id", "member_id", "coupon_state", "expires_at", "used_at"),
    *("order_source", "order_id"),
)

CodeState = Literal["free", "given", "withdrawn"]
Batch = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class NewPool(RequestBody):
    pool: Slug
    name: ShortText = ""


class PoolResponse(ResponseBody):
    pool: str
    name: str
    created_at: datetime
    created_by: str
    free: int = Field(description="Codes nobody has.")
    given: int
    withdrawn: int


class Upload(RequestBody):
    """Codes as a list, or as CSV text with a head line (`column`) or of one column."""

    codes: list[Annotated[Key, Field(max_length=3 * MAX_IMPORTED)]] | None = Field(
        default=None, min_length=1, max_length=MAX_CODES, repr=False
    )
    csv: str | None = Field(default=None, min_length=1, max_length=MAX_CSV, repr=False)
    column: ShortText = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.codes is None) == (self.csv is None):
            raise ValueError("give either codes or csv")
        if self.csv is not None:
            storable(self.csv)
        return self


class UploadResponse(ResponseBody):
    pool: str
    batch: str
    codes: int
    taken_in: bool = Field(description="False: the same batch was taken in before.")


class WithdrawnResponse(ResponseBody):
    pool: str
    batch: str
    withdrawn: int


class PoolCode(ResponseBody):
    """What became of one code; the code itself is not told."""

    position: int
    batch: str
    state: CodeState
    given_at: datetime | None
    coupon_id: UUID | None
    member_id: UUID | None
    coupon_state: str | None
    expires_at: datetime | None
    used_at: datetime | None
    order_source: str | None
    order_id: str | None


def _pool(row: Any) -> PoolResponse:
    return PoolResponse.model_validate(row._asdict())


def _code(row: Any) -> PoolCode:
    return PoolCode.model_validate(row._asdict())


@router.get(
    "/v1/coupon-pools",
    dependencies=[allow("coupons:read")],
    responses=may_answer(422),
    summary="Pools, by key, with how many codes are left",
)
async def pools(tx: Tx, paging: Annotated[Paging[tuple[str]], ByKey]) -> Page[PoolResponse]:
    rows = await handlers.pools(tx, after=paging.after[0] if paging.after else "", limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.pool,), item=_pool)


@router.post(
    "/v1/coupon-pools",
    dependencies=[allow("coupons:write")],
    responses=may_answer(409, 422),
    status_code=201,
    summary="A new, empty pool",
)
async def create(body: Annotated[NewPool, Body()], tx: Tx, caller: CurrentCaller) -> PoolResponse:
    return _pool(await handlers.create(tx, caller, body.pool, body.name))


@router.get(
    "/v1/coupon-pools/{pool}",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="One pool",
)
async def pool(pool: Slug, tx: Tx) -> PoolResponse:
    return _pool(await handlers.find(tx, pool))


@router.put(
    "/v1/coupon-pools/{pool}/batches/{batch}",
    dependencies=[allow("coupons:write")],
    responses=may_answer(404, 409, 422),
    summary="Upload a batch of codes: all of them or none",
)
async def take_in(
    pool: Slug, batch: Batch, body: Annotated[Upload, Body()], tx: Tx, caller: CurrentCaller
) -> UploadResponse:
    """A long list comes in several batches. Codes that are there twice or in use are named by their place."""
    codes = body.codes if body.codes is not None else codes_of_csv(body.csv or "", body.column)
    taken_in = await handlers.take_in(tx, caller, pool, batch, codes)
    return UploadResponse(pool=pool, batch=batch, codes=len(codes), taken_in=taken_in)


@router.post(
    "/v1/coupon-pools/{pool}/batches/{batch}/withdraw",
    dependencies=[allow("coupons:write")],
    responses=may_answer(404, 422),
    summary="Give out no more codes of this batch",
)
async def withdraw(pool: Slug, batch: Batch, tx: Tx, caller: CurrentCaller) -> WithdrawnResponse:
    withdrawn = await handlers.withdraw(tx, caller, pool, batch)
    return WithdrawnResponse(pool=pool, batch=batch, withdrawn=withdrawn)


@router.get(
    "/v1/coupon-pools/{pool}/codes",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="What became of each code, in the order of the import",
)
async def codes(
    pool: Slug,
    tx: Tx,
    paging: Annotated[Paging[tuple[int]], ByPosition],
    state: Annotated[CodeState | None, Query()] = None,
) -> Page[PoolCode]:
    rows = await handlers.codes(tx, pool, state, after=paging.after[0] if paging.after else 0, limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.position,), item=_code)


@router.get(
    "/v1/coupon-pools/{pool}/export",
    dependencies=[allow("coupons:read")],
    responses={**may_answer(404, 422), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=Response,
    summary="The same as CSV, whole",
)
async def export(pool: Slug, tx: Tx, request: Request) -> StreamingResponse:
    """Read in parts, so a pool of any size can be exported; each part is as of when it was read."""
    await handlers.find(tx, pool)
    database: Database = request.app.state.database
    return StreamingResponse(
        _lines(database, pool),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{pool}.csv"'},
    )


async def _lines(database: Database, pool: str) -> AsyncIterator[str]:
    yield _csv([COLUMNS])
    after = 0
    while True:
        async with database.transaction() as tx:
            rows = await handlers.codes(tx, pool, None, after=after, limit=EXPORTED_AT_A_TIME)
        if not rows:
            return
        yield _csv([[_cell(getattr(row, name)) for name in COLUMNS] for row in rows])
        after = rows[-1].position


def _cell(value: object) -> str:
    """A cell that a spreadsheet takes for text, never for a formula."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _csv(rows: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
