"""HTTP door for purchases and returns, one or up to 500: it writes the outbox, so it works while the broker is down."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Header
from pydantic import Field, ValidationError, WithJsonSchema

from common.http import CurrentCaller, RequestBody, Router, Tx, allow, may_answer
from common.http.fields import Key
from common.security.callers import Caller
from common.trace_context import current, trace_id_of
from members.clients import handlers as clients
from members.keyring import Keys
from members.registry.api import first_reason
from members.submissions import handlers
from members.submissions.domain import (
    CONFLICT,
    INVALID,
    OrderReusedError,
    PurchaseRefusedError,
    ReturnReusedError,
    SourceNeededError,
    SourceNotYoursError,
    source_for,
)
from members.submissions.handlers import Answer
from members.submissions.models import PurchaseBody, ReturnBody, SubmissionResponse, SubmissionsResponse

router = Router(tags=["purchases"])

MAX_BATCH = 500
Source = Annotated[
    Key | None, Header(alias="ce-source", description="Whose these are, where the body does not say (CloudEvents).")
]
OnePurchase = Annotated[
    dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/PurchaseBody"}, mode="validation")
]
OneReturn = Annotated[dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/ReturnBody"}, mode="validation")]


class PurchasesBody(RequestBody):
    """Each is answered for itself; a wrong one does not hold up the others."""

    purchases: Annotated[tuple[OnePurchase, ...], Field(min_length=1, max_length=MAX_BATCH)]


class ReturnsBody(RequestBody):
    """Each is answered for itself; a wrong one does not hold up the others."""

    returns: Annotated[tuple[OneReturn, ...], Field(min_length=1, max_length=MAX_BATCH)]


@router.post(
    "/v1/purchases", status_code=202, dependencies=[allow("purchases:write")], responses=may_answer(403, 409, 422)
)
async def purchase(
    body: PurchaseBody, tx: Tx, caller: CurrentCaller, keys: Keys, ce_source: Source = None
) -> SubmissionResponse:
    return await _one(tx, caller, keys, body, ce_source)


@router.post("/v1/purchases/batch", status_code=202, dependencies=[allow("purchases:write")])
async def purchases(
    body: PurchasesBody, tx: Tx, caller: CurrentCaller, keys: Keys, ce_source: Source = None
) -> SubmissionsResponse:
    return await _many(tx, caller, keys, PurchaseBody, body.purchases, ce_source)


@router.post(
    "/v1/returns", status_code=202, dependencies=[allow("purchases:write")], responses=may_answer(403, 409, 422)
)
async def return_(
    body: ReturnBody, tx: Tx, caller: CurrentCaller, keys: Keys, ce_source: Source = None
) -> SubmissionResponse:
    return await _one(tx, caller, keys, body, ce_source)


@router.post("/v1/returns/batch", status_code=202, dependencies=[allow("purchases:write")])
async def returns(
    body: ReturnsBody, tx: Tx, caller: CurrentCaller, keys: Keys, ce_source: Source = None
) -> SubmissionsResponse:
    return await _many(tx, caller, keys, ReturnBody, body.returns, ce_source)


async def _one(
    tx: Tx, caller: Caller, keys: Keys, body: PurchaseBody | ReturnBody, header: str | None
) -> SubmissionResponse:
    bound = await clients.source_of(tx, caller)
    source = source_for(body.source or header, bound, needs_bound="publisher" in caller.roles)
    (answer,) = await handlers.submit(tx, caller, keys.recognition, [(source, body.contract())])
    key = _key(body)
    if answer.outcome == CONFLICT:
        reused = ReturnReusedError if isinstance(body, ReturnBody) else OrderReusedError
        raise reused(source=source, key=key)
    if answer.outcome == INVALID:
        raise PurchaseRefusedError(answer.reason, answer.message)
    return _item(key, source, answer)


async def _many(
    tx: Tx,
    caller: Caller,
    keys: Keys,
    kind: type[PurchaseBody] | type[ReturnBody],
    given: Sequence[dict[str, Any]],
    header: str | None,
) -> SubmissionsResponse:
    bound = await clients.source_of(tx, caller)
    items: dict[int, SubmissionResponse] = {}
    read: dict[int, tuple[str, PurchaseBody | ReturnBody]] = {}
    for index, one in enumerate(given):
        try:
            body = kind.model_validate(one)
            source = source_for(body.source or header, bound, needs_bound="publisher" in caller.roles)
            read[index] = source, body
        except ValidationError as error:
            items[index] = _invalid(one, "invalid_request", first_reason(error))
        except (SourceNeededError, SourceNotYoursError) as error:
            items[index] = _invalid(one, "source", str(error))
    submitted = [(source, body.contract()) for source, body in read.values()]
    answers = await handlers.submit(tx, caller, keys.recognition, submitted) if submitted else []
    for (index, (source, body)), answer in zip(read.items(), answers, strict=True):
        items[index] = _item(_key(body), source, answer)
    counts = Counter(item.outcome for item in items.values())
    return SubmissionsResponse(
        accepted=counts["accepted"],
        duplicate=counts["duplicate"],
        conflict=counts["conflict"],
        invalid=counts["invalid"],
        items=[items[index] for index in sorted(items)],
    )


def _key(body: PurchaseBody | ReturnBody) -> str:
    return body.return_id if isinstance(body, ReturnBody) else body.order_id


def _item(key: str, source: str, answer: Answer) -> SubmissionResponse:
    return SubmissionResponse.model_validate(
        {
            "id": key,
            "source": source,
            "outcome": answer.outcome,
            "reason": answer.reason or None,
            "detail": answer.message or None,
            "event_id": answer.event_id or None,
            "trace_id": trace_id_of(current.get()),
        }
    )


def _invalid(one: dict[str, Any], reason: str, detail: str) -> SubmissionResponse:
    named = one.get("return_id", one.get("order_id"))
    return SubmissionResponse(
        id=named if isinstance(named, str) else None,
        source=None,
        outcome=INVALID,
        reason=reason,
        detail=detail,
        trace_id=trace_id_of(current.get()),
    )
