"""Drafting, checking, publishing and retiring earning rules; reading them and their history."""

from typing import Annotated, Any, Literal

from fastapi import Body, Path, Query, Response

from common.http import (
    CurrentCaller,
    IfMatch,
    Page,
    Paging,
    ProblemError,
    Router,
    Tx,
    allow,
    check_revision,
    etag,
    may_answer,
    page,
    paged,
    problem,
)
from common.http.fields import ShortText
from points.rules import handlers
from points.rules.bodies import (
    ChangeResponse,
    Checking,
    CheckResponse,
    DraftResponse,
    PublishedResponse,
    Publishing,
    Retiring,
    SummaryResponse,
    VersionResponse,
    change_response,
    checked_response,
    findings_response,
    summary_response,
    version_fields,
)
from points.rules.definition import Definition, RuleKey, WalletKey, schema
from points.rules.domain import DraftUnknownError
from points.rules.findings import Finding

router = Router(tags=["earning rules"])

ByKey = paged(str)
ByNumber = paged(int)

Rule = Annotated[RuleKey, Path(description="The rule's key.")]
RULE_INVALID = problem(422, "rule_invalid", "The rule cannot be published")


async def _draft(tx: Tx, row: Any, response: Response) -> DraftResponse:
    definition = Definition.model_validate_json(row.definition)
    response.headers["ETag"] = etag(row.revision)
    return DraftResponse(
        rule=row.rule,
        revision=row.revision,
        definition=definition,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
        check=checked_response(await handlers.check(tx, row.rule, definition)),
    )


@router.get(
    "/v1/earning-rules",
    dependencies=[allow("rules:read")],
    responses=may_answer(422),
    summary="All rules by key, as they are now",
)
async def rules(
    tx: Tx,
    paging: Annotated[Paging[tuple[str]], ByKey],
    state: Annotated[Literal["draft", "published", "retired"] | None, Query()] = None,
    has_draft: Annotated[bool | None, Query(description="With, or without, a draft of the next version.")] = None,
    wallet: Annotated[WalletKey | None, Query()] = None,
    effect: Annotated[Literal["rate", "fixed", "multiplier", "coupon"] | None, Query()] = None,
    occasion: Annotated[Literal["purchase", "activity"] | None, Query()] = None,
    words: Annotated[ShortText | None, Query(description="Part of the key or of a name.")] = None,
) -> Page[SummaryResponse]:
    rows = await handlers.summaries(
        tx,
        after=paging.after[0] if paging.after else "",
        limit=paging.fetch,
        state=state,
        drafted=has_draft,
        wallet=wallet,
        effect=effect,
        occasion=occasion,
        words=words or None,
    )
    return page(rows, paging, key=lambda row: (row.rule,), item=summary_response)


@router.get(
    "/v1/earning-rules/schema", dependencies=[allow("rules:read")], summary="JSON Schema of a definition, for forms"
)
async def definition_schema() -> dict[str, Any]:
    return schema()


@router.post(
    "/v1/earning-rules/validate",
    dependencies=[allow("rules:read")],
    responses=may_answer(422),
    summary="What is wrong with a definition, and what may be; nothing is kept",
)
async def validate(body: Annotated[Checking, Body()], tx: Tx) -> CheckResponse:
    return checked_response(await handlers.check(tx, body.rule, body.definition))


@router.get(
    "/v1/earning-rules/{rule}", dependencies=[allow("rules:read")], responses=may_answer(404, 422), summary="One rule"
)
async def rule(rule: Rule, tx: Tx) -> SummaryResponse:
    return summary_response(await handlers.summary(tx, rule))


@router.get(
    "/v1/earning-rules/{rule}/versions",
    dependencies=[allow("rules:read")],
    responses=may_answer(404, 422),
    summary="Published versions of a rule, the newest first",
)
async def versions(rule: Rule, tx: Tx, paging: Annotated[Paging[tuple[int]], ByNumber]) -> Page[VersionResponse]:
    """For an occasion the version with the greatest `effective_from` not after it counts; of several the newest."""
    rows = await handlers.versions(tx, rule, before=_number(paging), limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.version,), item=lambda row: VersionResponse(**version_fields(row)))


@router.get(
    "/v1/earning-rules/{rule}/versions/{version}",
    dependencies=[allow("rules:read")],
    responses=may_answer(404, 422),
    summary="One published version",
)
async def version(rule: Rule, version: Annotated[int, Path(ge=1, lt=handlers.MAX_VERSION)], tx: Tx) -> VersionResponse:
    return VersionResponse(**version_fields(await handlers.version(tx, rule, version)))


@router.get(
    "/v1/earning-rules/{rule}/history",
    dependencies=[allow("rules:read")],
    responses=may_answer(404, 422),
    summary="What became of a rule, the newest first",
)
async def history(rule: Rule, tx: Tx, paging: Annotated[Paging[tuple[int]], ByNumber]) -> Page[ChangeResponse]:
    rows = await handlers.changes(tx, rule, before=_number(paging), limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.number,), item=change_response)


def _number(paging: Paging[tuple[int]]) -> int | None:
    return max(0, min(paging.after[0], handlers.MAX_VERSION)) if paging.after else None


@router.get(
    "/v1/earning-rules/{rule}/draft",
    dependencies=[allow("rules:read")],
    responses=may_answer(404, 422),
    summary="The draft of a rule's next version, checked",
)
async def draft(rule: Rule, tx: Tx, response: Response) -> DraftResponse:
    return await _draft(tx, await handlers.draft(tx, rule), response)


@router.put(
    "/v1/earning-rules/{rule}/draft",
    dependencies=[allow("rules:write")],
    responses=may_answer(412, 422),
    summary="Create or replace the draft of a rule's next version",
)
async def keep_draft(
    rule: Rule, body: Annotated[Definition, Body()], tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> DraftResponse:
    """A draft may contradict itself; the answer says how. Revision 0 (`If-Match: "0"`) means: only if there is none."""
    known: Any = await handlers.lock_draft(tx, rule)
    check_revision(seen, known.revision if known else 0)
    return await _draft(tx, await handlers.keep_draft(tx, caller, rule, body), response)


@router.delete(
    "/v1/earning-rules/{rule}/draft",
    dependencies=[allow("rules:write")],
    responses=may_answer(404, 412, 422),
    status_code=204,
    summary="Delete the draft; what was published stays",
)
async def drop_draft(rule: Rule, tx: Tx, caller: CurrentCaller, seen: IfMatch) -> None:
    await _locked(tx, rule, seen)
    await handlers.drop_draft(tx, caller, rule)


async def _locked(tx: Tx, rule: str, seen: int | None) -> Any:
    known: Any = await handlers.lock_draft(tx, rule)
    if known is None:
        raise DraftUnknownError(rule)
    check_revision(seen, known.revision)
    return known


@router.post(
    "/v1/earning-rules/{rule}/publish",
    dependencies=[allow("rules:publish")],
    responses=may_answer(404, 412, 422),
    status_code=201,
    summary="Publish the draft as the next version, which never changes",
)
async def publish(
    rule: Rule, body: Annotated[Publishing, Body()], tx: Tx, caller: CurrentCaller, seen: IfMatch
) -> PublishedResponse:
    """Purchases recorded before keep the version they were credited by, and so do their returns."""
    found = await _locked(tx, rule, seen)
    try:
        row, checked = await handlers.publish(tx, caller, rule, found, body.effective_from)
    except handlers.RuleInvalidError as error:
        raise ProblemError(RULE_INVALID, str(error), errors=_named(error.findings)) from error
    return PublishedResponse(**version_fields(row), warnings=findings_response(checked.warnings))


def _named(findings: Any) -> list[dict[str, str]]:
    found: list[Finding] = list(findings)
    return [{"field": f"definition.{one.field}", "reason": one.reason} for one in found]


@router.post(
    "/v1/earning-rules/{rule}/retire",
    dependencies=[allow("rules:publish")],
    responses=may_answer(404, 409, 422),
    summary="Let a rule pay nothing for what occurs from an instant on",
)
async def retire(rule: Rule, body: Annotated[Retiring, Body()], tx: Tx, caller: CurrentCaller) -> SummaryResponse:
    """What was credited stays; late purchases that occurred before still earn by it."""
    await handlers.retire(tx, caller, rule, body.retired_from, body.reason)
    return summary_response(await handlers.summary(tx, rule))
