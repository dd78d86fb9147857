"""HTTP door to the registry: register, read, change, history."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field, ValidationError, WithJsonSchema

from common.events.contract import MAX_BIGINT
from common.http import (
    CurrentCaller,
    IfMatch,
    Page,
    Paging,
    RequestBody,
    Router,
    Tx,
    allow,
    etag,
    may_answer,
    page,
    paged,
)
from common.security.audit import audit
from common.security.callers import Caller
from common.security.permissions import PermissionMissingError
from members.keyring import Keys
from members.registry import handlers
from members.registry.domain import (
    PERSONAL_FIELDS,
    IdentityTakenError,
    Member,
    MemberInvalidError,
    masked,
)
from members.registry.handlers import Registration
from members.registry.models import (
    MAX_BATCH,
    BatchItem,
    BatchResponse,
    ChangeResponse,
    FieldChange,
    MemberPatch,
    MemberResponse,
    PreferencesBody,
    RegistrationBody,
)

router = Router(tags=["members"])

REVEAL = "members:reveal"
Reveal = Annotated[
    bool, Query(description=f"Show personal data readable: needs {REVEAL}, and is written to the audit log.")
]
OneRegistration = Annotated[
    dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/RegistrationBody"}, mode="validation")
]


class BatchBody(RequestBody):
    """Up to 500 registrations; each is answered for itself, a wrong one does not hold up the others."""

    members: Annotated[tuple[OneRegistration, ...], Field(min_length=1, max_length=MAX_BATCH)]


@router.post("/v1/members", status_code=201, dependencies=[allow("members:write")], responses=may_answer(409))
async def register(
    body: RegistrationBody, tx: Tx, keys: Keys, caller: CurrentCaller, response: Response
) -> MemberResponse:
    """The answer is masked but for the card number, which is new to the caller too."""
    (answer,) = await handlers.register(tx, caller, keys, [body.registration()])
    if isinstance(answer, Exception):
        raise _for(caller, answer)
    response.headers["Location"] = f"/v1/members/{answer.member_id}"
    response.headers["ETag"] = etag(answer.revision)
    return MemberResponse.of(answer, reveal_card=True)


@router.post("/v1/members/batch", dependencies=[allow("members:write")])
async def register_batch(body: BatchBody, tx: Tx, keys: Keys, caller: CurrentCaller) -> BatchResponse:
    """Registers as one transaction everybody who can be; the same batch again registers nobody twice."""
    items: dict[int, BatchItem] = {}
    registrations: dict[int, Registration] = {}
    for index, one in enumerate(body.members):
        try:
            registrations[index] = RegistrationBody.model_validate(one).registration()
        except ValidationError as error:
            items[index] = BatchItem(index=index, outcome="invalid", reason=first_reason(error))
    answers = await handlers.register(tx, caller, keys, list(registrations.values()))
    for index, answer in zip(registrations, answers, strict=True):
        items[index] = _item(index, answer if isinstance(answer, Member) else _for(caller, answer))
    registered = sum(item.outcome == "registered" for item in items.values())
    return BatchResponse(registered=registered, items=[items[index] for index in sorted(items)])


@router.get("/v1/members/{member_id}", dependencies=[allow("members:read")])
async def read(
    member_id: UUID, tx: Tx, keys: Keys, caller: CurrentCaller, response: Response, reveal: Reveal = False
) -> MemberResponse:
    await look(tx, caller, member_id, reveal, PERSONAL_FIELDS)
    member = await handlers.read(tx, keys, member_id)
    response.headers["ETag"] = etag(member.revision)
    return MemberResponse.of(member, reveal=reveal)


@router.patch("/v1/members/{member_id}", dependencies=[allow("members:write")], responses=may_answer(409, 412))
async def change(
    member_id: UUID,
    body: MemberPatch,
    tx: Tx,
    keys: Keys,
    caller: CurrentCaller,
    seen: IfMatch,
    response: Response,
) -> MemberResponse:
    """Needs the revision it is based on; a change that somebody else was faster with is refused, not lost."""
    based_on = body.revision if seen is None else seen
    return await _changed(tx, caller, keys, member_id, body.fields(), based_on, response)


@router.put(
    "/v1/members/{member_id}/preferences",
    dependencies=[allow("preferences:write")],
    responses=may_answer(409, 412),
)
async def set_preferences(
    member_id: UUID,
    body: PreferencesBody,
    tx: Tx,
    keys: Keys,
    caller: CurrentCaller,
    seen: IfMatch,
    response: Response,
) -> MemberResponse:
    """Replaces all preferences. Without `If-Match` the last word counts."""
    based_on = (await handlers.read(tx, keys, member_id)).revision if seen is None else seen
    fields = {"preferences": body.contract().model_dump_json()}
    return await _changed(tx, caller, keys, member_id, fields, based_on, response)


@router.get("/v1/members/{member_id}/history", dependencies=[allow("members:read")])
async def history(
    member_id: UUID,
    tx: Tx,
    keys: Keys,
    caller: CurrentCaller,
    paging: Annotated[Paging[tuple[int]], paged(int)],
    reveal: Reveal = False,
) -> Page[ChangeResponse]:
    """Every change of the member, the newest first."""
    await look(tx, caller, member_id, reveal, ("history",))
    below = paging.after[0] if paging.after else MAX_BIGINT
    entries = await handlers.history(tx, keys, member_id, below=below, limit=paging.fetch)
    return page(
        entries,
        paging,
        key=lambda entry: (entry[0].revision,),
        item=lambda entry: ChangeResponse(
            revision=entry[0].revision,
            at=entry[0].at,
            actor=entry[0].actor,
            actor_kind=entry[0].actor_kind,
            action=entry[0].action,
            fields=_fields(entry[1], reveal),
        ),
    )


async def look(tx: Tx, caller: Caller, member_id: UUID, reveal: bool, fields: tuple[str, ...]) -> None:
    """A readable look at personal data needs its own permission and is written down."""
    if reveal:
        if not caller.may(REVEAL):
            raise PermissionMissingError(REVEAL)
        await audit(tx, caller, "member.revealed", member_id, fields=list(fields))


def first_reason(error: ValidationError) -> str:
    """The first thing that is wrong, with its place, without what was sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])


async def _changed(
    tx: Tx,
    caller: Caller,
    keys: Keys,
    member_id: UUID,
    fields: Mapping[str, str],
    seen: int | None,
    response: Response,
) -> MemberResponse:
    try:
        member = await handlers.change(tx, caller, keys, member_id, fields, seen=seen)
    except IdentityTakenError as error:
        raise _for(caller, error) from error
    response.headers["ETag"] = etag(member.revision)
    return MemberResponse.of(member)


def _for(caller: Caller, error: IdentityTakenError | MemberInvalidError) -> IdentityTakenError | MemberInvalidError:
    """Who has the identity is told only to those who may see members."""
    if isinstance(error, IdentityTakenError) and not caller.may("members:read"):
        return IdentityTakenError(error.kinds, None)
    return error


def _item(index: int, answer: Member | IdentityTakenError | MemberInvalidError) -> BatchItem:
    if isinstance(answer, Member):
        card = answer.personal["card_number"]
        return BatchItem(index=index, outcome="registered", member_id=answer.member_id, card_number=card)
    outcome: Literal["identity_taken", "invalid"] = (
        "identity_taken" if isinstance(answer, IdentityTakenError) else "invalid"
    )
    taken_by = answer.member_id if isinstance(answer, IdentityTakenError) else None
    return BatchItem(index=index, outcome=outcome, member_id=taken_by, reason=str(answer))


def _fields(values: Mapping[str, tuple[str, str]], reveal: bool) -> list[FieldChange]:
    def shown(name: str, text: str) -> str:
        return text if reveal or name not in PERSONAL_FIELDS else masked(name, text)

    return [
        FieldChange(field=name, before=shown(name, before), after=shown(name, after))
        for name, (before, after) in sorted(values.items())
    ]
