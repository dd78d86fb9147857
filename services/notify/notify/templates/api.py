"""HTTP door to templates."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import orjson
from fastapi import Response
from pydantic import AfterValidator, Field, JsonValue
from sqlalchemy import Row

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
from common.http.fields import Key, storable
from notify.dispatch import settling
from notify.templates import domain, handlers, store
from notify.templates.domain import Wording
from notify.templates.placeholders import OCCASIONS, sample_facts

router = Router(tags=["templates"])

ByPlace = paged(str, str, str, int)
_READ, _WRITE = [allow("templates:read")], [allow("templates:write")]

Source = Annotated[str, AfterValidator(storable)]


class WordingBody(RequestBody):
    """Placeholders are written `{{points}}`; `{{{{` is two braces. Only e-mail has `html`, with facts escaped."""

    subject: Annotated[Source, Field(max_length=domain.MAX_SUBJECT_CHARACTERS)]
    text: Annotated[Source, Field(max_length=domain.MAX_TEXT_CHARACTERS)]
    html: Annotated[Source, Field(max_length=domain.MAX_HTML_CHARACTERS)] = ""

    def wording(self) -> Wording:
        return Wording(subject=self.subject, text=self.text, html=self.html)


class DraftBody(WordingBody):
    """A new version of the template of one occasion, channel and language."""

    key: Key
    channel: Key
    locale: Key


class TemplateResponse(ResponseBody):
    """One version. `revision` counts the edits of a draft and is its ETag; a published one never changes."""

    template_id: UUID
    key: str
    channel: str
    locale: str
    version: int
    state: str
    revision: int
    subject: str
    text: str
    html: str
    created_at: datetime
    created_by: str
    published_at: datetime | None
    published_by: str | None


class PlaceholderResponse(ResponseBody):
    """`personal` ones are filled in e-mails only."""

    name: str
    about: str
    personal: bool


class OccasionResponse(ResponseBody):
    """What a template of this occasion may speak of, and the facts a preview uses."""

    key: str
    placeholders: list[PlaceholderResponse]
    sample: dict[str, Any]


def _unicode(facts: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        orjson.dumps(facts)
    except TypeError:
        raise ValueError("must be Unicode text without lone surrogates and whole numbers of at most 64 bits") from None
    return facts


class PreviewBody(RequestBody):
    """The facts of a real notice, or given ones by the names they have there; money is in minor units."""

    notice_id: UUID | None = None
    facts: Annotated[dict[Key, JsonValue], Field(max_length=50), AfterValidator(_unicode)] = Field(default_factory=dict)


class PreviewResponse(ResponseBody):
    subject: str
    text: str
    html: str


@router.get("/v1/template-occasions", dependencies=_READ)
async def occasions() -> list[OccasionResponse]:
    """Every occasion with its placeholders."""
    return [
        OccasionResponse(
            key=key,
            placeholders=[
                PlaceholderResponse(name=one.name, about=one.about, personal=one.personal)
                for one in placeholders.values()
            ],
            sample=sample_facts(key),
        )
        for key, placeholders in OCCASIONS.items()
    ]


@router.get("/v1/templates", dependencies=_READ)
async def templates(
    paging: Annotated[Paging[tuple[str, str, str, int]], ByPlace],
    tx: Tx,
    key: Key | None = None,
    channel: Key | None = None,
    locale: Key | None = None,
    state: Literal["draft", "published"] | None = None,
) -> Page[TemplateResponse]:
    """All versions, by occasion, channel and language, the newest first."""
    filters = {"key": key, "channel": channel, "locale": locale, "state": state}
    rows = await store.page(tx, filters, paging.after, paging.fetch)
    return page(rows, paging, key=lambda row: (row.key, row.channel, row.locale, row.version), item=_template)


@router.post("/v1/templates", dependencies=_WRITE, status_code=201, responses=may_answer(409))
async def draft(body: DraftBody, tx: Tx, caller: CurrentCaller, response: Response) -> TemplateResponse:
    """Begin a new version. It is checked when it is published."""
    place = domain.place_of(body.key, body.channel, body.locale)
    row = await handlers.draft(tx, caller, place, body.wording())
    response.headers["Location"] = f"/v1/templates/{row.template_id}"
    return _tagged(row, response)


@router.get("/v1/templates/{template_id}", dependencies=_READ, responses=may_answer(404))
async def template(template_id: UUID, tx: Tx, response: Response) -> TemplateResponse:
    return _tagged(await handlers.read(tx, template_id), response)


@router.put("/v1/templates/{template_id}", dependencies=_WRITE, responses=may_answer(404, 409, 412))
async def rewrite(
    template_id: UUID, body: WordingBody, seen: IfMatch, tx: Tx, caller: CurrentCaller, response: Response
) -> TemplateResponse:
    """Change a draft."""
    row = await handlers.read(tx, template_id, lock=True)
    check_revision(seen, row.revision)
    return _tagged(await handlers.rewrite(tx, caller, row, body.wording()), response)


@router.post("/v1/templates/{template_id}/publish", dependencies=_WRITE, responses=may_answer(404, 409, 412))
async def publish(
    template_id: UUID, seen: IfMatch, tx: Tx, caller: CurrentCaller, response: Response
) -> TemplateResponse:
    """From now on notices use this version; it never changes again."""
    row = await handlers.read(tx, template_id, lock=True)
    check_revision(seen, row.revision)
    return _tagged(await handlers.publish(tx, caller, row), response)


@router.delete("/v1/templates/{template_id}", dependencies=_WRITE, status_code=204, responses=may_answer(404, 409, 412))
async def discard(template_id: UUID, seen: IfMatch, tx: Tx, caller: CurrentCaller) -> None:
    """Throw a draft away."""
    row = await handlers.read(tx, template_id, lock=True)
    check_revision(seen, row.revision)
    await handlers.discard(tx, caller, row)


@router.post("/v1/templates/{template_id}/preview", dependencies=_READ, responses=may_answer(404))
async def preview(template_id: UUID, body: PreviewBody, tx: Tx) -> PreviewResponse:
    """What it says of sample facts, or of real ones. A flawed draft is refused with the reasons."""
    real = (await settling.read(tx, body.notice_id)).facts if body.notice_id else {}
    wording = await handlers.preview(tx, await handlers.read(tx, template_id), {**real, **body.facts})
    return PreviewResponse(subject=wording.subject, text=wording.text, html=wording.html)


def _template(row: Row[Any]) -> TemplateResponse:
    return TemplateResponse(**cast("dict[str, Any]", row._mapping))


def _tagged(row: Row[Any], response: Response) -> TemplateResponse:
    response.headers["ETag"] = etag(row.revision)
    return _template(row)
