"""HTTP door to the programme's settings."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import ConfigDict, ValidationError, create_model

from common.events.contract import MAX_BIGINT
from common.events.programme import ProgrammeSettings
from common.http import (
    CurrentCaller,
    IfMatch,
    Page,
    Paging,
    RequestBody,
    ResponseBody,
    Router,
    Tx,
    allow,
    etag,
    invalid,
    may_answer,
    page,
    paged,
)
from members.programme import handlers, store
from members.programme.handlers import Programme, TiersApply

router = Router(tags=["programme"])

Apply = Annotated[
    TiersApply | None,
    Query(
        description="Whether changed tier rules hold from now on or as if they had always held. "
        "Not given: always as long as no purchase is recorded, then from now on."
    ),
]


class ProgrammeBody(ProgrammeSettings):
    """All settings; those that are not given take their defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


ProgrammePatch: type[RequestBody] = create_model(
    "ProgrammePatch",
    __base__=RequestBody,
    __doc__="Only the settings that are to be others.",
    **{name: (field.annotation, None) for name, field in ProgrammeSettings.model_fields.items()},  # type: ignore[call-overload]
)


class ProgrammeResponse(ResponseBody):
    """The settings in force; `revision` is what `If-Match` names."""

    revision: int
    effective_at: datetime | None
    settings: ProgrammeSettings


class ProgrammeVersion(ResponseBody):
    """One version: who put it in force, when, and what was changed."""

    revision: int
    at: datetime
    actor: str
    actor_kind: str
    changed: list[str]
    before: dict[str, Any] | None
    after: dict[str, Any]


@router.get("/v1/programme", dependencies=[allow("programme:read")])
async def read_programme(tx: Tx, response: Response) -> ProgrammeResponse:
    return _answer(await handlers.current(tx), response)


@router.put("/v1/programme", dependencies=[allow("programme:write")], responses=may_answer(409, 412))
async def replace_programme(
    body: ProgrammeBody, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response, tiers_apply: Apply = None
) -> ProgrammeResponse:
    settings = ProgrammeSettings.model_validate(body.model_dump())
    return _answer(await handlers.change(tx, caller, settings, seen=seen, tiers_apply=tiers_apply), response)


@router.patch("/v1/programme", dependencies=[allow("programme:write")], responses=may_answer(409, 412))
async def change_programme(
    body: ProgrammePatch,
    tx: Tx,
    caller: CurrentCaller,
    seen: IfMatch,
    response: Response,
    tiers_apply: Apply = None,
) -> ProgrammeResponse:
    fields = body.model_dump(exclude_unset=True)
    try:
        programme = await handlers.patch(tx, caller, fields, seen=seen, tiers_apply=tiers_apply)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid(".".join(["body", *map(str, first["loc"])]), first["msg"]) from None
    return _answer(programme, response)


@router.get("/v1/programme/history", dependencies=[allow("programme:read")])
async def read_history(tx: Tx, paging: Annotated[Paging[tuple[int]], paged(int)]) -> Page[ProgrammeVersion]:
    """Every version, the newest first."""
    below = paging.after[0] if paging.after else MAX_BIGINT
    rows = await store.history(tx, below=below, limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.revision,), item=lambda row: ProgrammeVersion(**row._mapping))


def _answer(programme: Programme, response: Response) -> ProgrammeResponse:
    response.headers["ETag"] = etag(programme.revision)
    return ProgrammeResponse(
        revision=programme.revision, effective_at=programme.effective_at, settings=programme.settings
    )
