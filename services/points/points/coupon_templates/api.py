"""Drafting, activating and archiving coupon templates."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Body, Query, Response
from pydantic import Field

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
    check_revision,
    etag,
    may_answer,
    page,
    paged,
)
from points.coupon_limits import handlers as limits
from points.coupon_templates import handlers
from points.coupon_templates.forms import Slug, TermsForm

router = Router(tags=["coupon templates"])

ByKey = paged(str)
ByVersion = paged(int)


class NewTemplate(RequestBody):
    template: Slug
    terms: TermsForm


class TemplateResponse(ResponseBody):
    template: str
    state: Literal["draft", "active", "archived"]
    version: int = Field(description="The version that is issued; 0 before the first activation.")
    revision: int
    terms: dict[str, Any] | None = Field(description="Of that version.")
    draft: dict[str, Any] | None = Field(description="Terms of the next version.")
    created_at: datetime
    created_by: str
    changed_at: datetime


class CountsResponse(ResponseBody):
    template: str
    issued: int = Field(description="Coupons issued, less those taken back.")
    used: int = Field(description="Coupons locked or used, less those given back.")
    members: int = Field(description="Members who were issued one.")


class VersionResponse(ResponseBody):
    template: str
    version: int
    terms: dict[str, Any]
    activated_at: datetime
    activated_by: str


def _template(row: Any) -> TemplateResponse:
    found = row._asdict()
    for name in ("terms", "draft"):
        found[name] = json.loads(found[name]) if found[name] else None
    return TemplateResponse.model_validate(found)


def _version(row: Any) -> VersionResponse:
    return VersionResponse.model_validate({**row._asdict(), "terms": json.loads(row.terms)})


@router.get(
    "/v1/coupon-templates",
    dependencies=[allow("coupons:read")],
    responses=may_answer(422),
    summary="Templates, by key",
)
async def templates(
    tx: Tx,
    paging: Annotated[Paging[tuple[str]], ByKey],
    state: Annotated[Literal["draft", "active", "archived"] | None, Query()] = None,
) -> Page[TemplateResponse]:
    rows = await handlers.templates(tx, state, after=paging.after[0] if paging.after else "", limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.template,), item=_template)


@router.post(
    "/v1/coupon-templates",
    dependencies=[allow("coupons:write")],
    responses=may_answer(409, 422),
    status_code=201,
    summary="Draft a new template",
)
async def create(body: Annotated[NewTemplate, Body()], tx: Tx, caller: CurrentCaller) -> TemplateResponse:
    return _template(await handlers.create(tx, caller, body.template, body.terms.as_json()))


@router.get(
    "/v1/coupon-templates/{template}",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="One template with its terms and its draft",
)
async def template(template: Slug, tx: Tx, response: Response) -> TemplateResponse:
    row = await handlers.find(tx, template)
    response.headers["ETag"] = etag(row.revision)
    return _template(row)


@router.get(
    "/v1/coupon-templates/{template}/versions",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="All activated versions, the newest first",
)
async def versions(template: Slug, tx: Tx, paging: Annotated[Paging[tuple[int]], ByVersion]) -> Page[VersionResponse]:
    """A version never changes; each coupon keeps the version it was issued by."""
    before = max(0, min(paging.after[0], handlers.MAX_VERSION)) if paging.after else None
    rows = await handlers.versions(tx, template, before=before, limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.version,), item=_version)


@router.get(
    "/v1/coupon-templates/{template}/counts",
    dependencies=[allow("coupons:read")],
    responses=may_answer(404, 422),
    summary="How many coupons of a template were issued and used",
)
async def counts(template: Slug, tx: Tx) -> CountsResponse:
    await handlers.find(tx, template)
    return CountsResponse(template=template, **await limits.totals(tx, template))


@router.put(
    "/v1/coupon-templates/{template}/draft",
    dependencies=[allow("coupons:write")],
    responses=may_answer(404, 409, 412, 422),
    summary="Replace the draft of the next version",
)
async def draft(
    template: Slug, body: Annotated[TermsForm, Body()], tx: Tx, caller: CurrentCaller, seen: IfMatch
) -> TemplateResponse:
    row = await handlers.lock(tx, template)
    check_revision(seen, row.revision)
    return _template(await handlers.draft(tx, caller, template, body.as_json(), row))


@router.post(
    "/v1/coupon-templates/{template}/activate",
    dependencies=[allow("coupons:write")],
    responses=may_answer(404, 409, 412, 422),
    summary="Issue by the draft from now on; or by the last version again when it was archived",
)
async def activate(template: Slug, tx: Tx, caller: CurrentCaller, seen: IfMatch) -> TemplateResponse:
    row = await handlers.lock(tx, template)
    check_revision(seen, row.revision)
    return _template(await handlers.activate(tx, caller, template, row))


@router.post(
    "/v1/coupon-templates/{template}/archive",
    dependencies=[allow("coupons:write")],
    responses=may_answer(404, 409, 412, 422),
    summary="Issue no more; coupons that members have stay usable",
)
async def archive(template: Slug, tx: Tx, caller: CurrentCaller, seen: IfMatch) -> TemplateResponse:
    row = await handlers.lock(tx, template)
    check_revision(seen, row.revision)
    return _template(await handlers.archive(tx, caller, template, row))
