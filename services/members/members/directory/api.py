"""HTTP door to the list of members, and to finding one by what identifies them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field

from common.http import CurrentCaller, Page, Paging, RequestBody, Router, Tx, allow, invalid, page, paged
from common.http.fields import Instant, Key, ShortText
from common.security.audit import audit
from members.directory import store
from members.directory.store import Filter
from members.identities import handlers as identities
from members.identities.domain import EXTERNAL_ID, KINDS, MAX_CHARACTERS, IdentityInvalidError
from members.keyring import Keys
from members.registry import handlers as registry
from members.registry.models import MemberResponse

router = Router(tags=["members"])

Word = Annotated[ShortText | None, Query()]


class SearchBody(RequestBody):
    """Exactly one identity. It is sent in a body, since addresses end up in logs and histories."""

    phone: Annotated[ShortText | None, Field(max_length=MAX_CHARACTERS["phone"])] = None
    email: Annotated[ShortText | None, Field(max_length=MAX_CHARACTERS["email"])] = None
    card_number: Annotated[ShortText | None, Field(max_length=MAX_CHARACTERS["card_number"])] = None
    openid: Annotated[ShortText | None, Field(max_length=MAX_CHARACTERS["openid"])] = None
    external_id: Annotated[Key | None, Field(max_length=MAX_CHARACTERS["external_id"])] = None
    system: Annotated[Key | None, Field(description="Whose number `external_id` is.")] = None


@router.get("/v1/members", dependencies=[allow("members:read")])
async def members(
    tx: Tx,
    keys: Keys,
    paging: Annotated[Paging[tuple[datetime, UUID]], paged(datetime, UUID)],
    tier: Word = None,
    status: Word = None,
    channel: Word = None,
    region: Word = None,
    gender: Word = None,
    registered_from: Annotated[Instant | None, Query()] = None,
    registered_to: Annotated[Instant | None, Query(description="Exclusive.")] = None,
) -> Page[MemberResponse]:
    """Members, the newest first, personal data masked."""
    wanted = Filter(
        tier=tier,
        status=status,
        channel=channel,
        region=region,
        gender=gender,
        registered_from=registered_from,
        registered_to=registered_to,
    )
    rows = await store.members(tx, wanted, after=paging.after, limit=paging.fetch)
    found = await registry.opened(tx, keys, rows)
    return page(found, paging, key=lambda one: (one.registered_at, one.member_id), item=MemberResponse.of)


@router.post("/v1/members/search", dependencies=[allow("members:read")])
async def search(body: SearchBody, tx: Tx, keys: Keys, caller: CurrentCaller) -> Page[MemberResponse]:
    """Whoever has exactly this identity: one member or none, masked. The look is written to the audit log."""
    given = [kind for kind in KINDS if getattr(body, kind)]
    if len(given) != 1:
        raise invalid("body", f"needs exactly one of {', '.join(KINDS)}")
    (kind,) = given
    if (kind == EXTERNAL_ID) != bool(body.system):
        raise invalid("body.system", "goes with external_id, and only with it")
    try:
        identity = keys.recognition.identity(kind, getattr(body, kind), body.system or "")
    except IdentityInvalidError as error:
        raise invalid(f"body.{kind}", error.reason) from error
    (member_id,) = await identities.owners(tx, keys.recognition, [identity])
    await audit(tx, caller, "member.searched", member_id or "nobody", by=kind)
    items = [] if member_id is None else [MemberResponse.of(await registry.read(tx, keys, member_id))]
    return Page(items=items, next=None)
