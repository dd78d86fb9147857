"""Templates: written as drafts, checked, published, and kept ready to be filled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from common.events import new_id
from common.security.audit import audit
from common.security.callers import Caller
from common.storage import Transaction
from common.storage.programme import programme
from notify.templates import domain, store
from notify.templates.domain import Place, Template, Wording
from notify.templates.placeholders import OCCASIONS, sample_facts
from notify.templates.words import words

MAX_READY = 2_000
_ready: dict[UUID, Template] = {}
"""Compiled once per version; an id always means the same published text, so nothing ever goes out of date."""


class TemplateUnknownError(Exception):
    def __init__(self, template_id: UUID) -> None:
        super().__init__("there is no such template")
        self.template_id = template_id


class DraftExistsError(Exception):
    """One draft per place at a time, so that versions have one order."""

    def __init__(self, draft_id: UUID | None) -> None:
        super().__init__("there is a draft already: edit, publish or discard it")
        self.draft_id = draft_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The template that serves a member best, with its id."""

    template_id: UUID
    template: Template


class Shelf:
    """The newest published templates at one moment."""

    def __init__(self, current: Mapping[Place, Choice]) -> None:
        self._current = current
        self._found: dict[tuple[str, str, str], Choice | None] = {}

    def find(self, key: str, channel: str, locale: str) -> Choice | None:
        """In the member's language, else in English; None when nothing is published."""
        wanted = (key, channel, locale)
        if wanted not in self._found:
            places = (
                Place(key=key, channel=channel, locale=one) for one in (domain.locale_of(locale), domain.DEFAULT_LOCALE)
            )
            self._found[wanted] = next((self._current[place] for place in places if place in self._current), None)
        return self._found[wanted]


async def shelf(tx: Transaction) -> Shelf:
    current = await store.current(tx)
    templates = await ready(tx, current.values())
    return Shelf({place: Choice(template_id=found, template=templates[found]) for place, found in current.items()})


async def ready(tx: Transaction, template_ids: Iterable[UUID]) -> Mapping[UUID, Template]:
    """Published versions, ready to be filled. Drafts and unknown ids are left out."""
    wanted = set(template_ids)
    missing = {template_id for template_id in wanted if template_id not in _ready}
    found = {template_id: _ready[template_id] for template_id in wanted - missing}
    if missing:
        rows = await store.by_ids(tx, sorted(missing))
        new = {
            row.template_id: Template(place_of(row), row.version, wording_of(row))
            for row in rows
            if row.state == "published"
        }
        if len(_ready) + len(new) > MAX_READY:
            _ready.clear()
        _ready.update(new)
        found |= new
    return found


def place_of(row: Row[Any]) -> Place:
    return Place(key=row.key, channel=row.channel, locale=row.locale)


def wording_of(row: Row[Any]) -> Wording:
    return Wording(subject=row.subject, text=row.text, html=row.html)


async def read(tx: Transaction, template_id: UUID, *, lock: bool = False) -> Row[Any]:
    """Raises TemplateUnknownError."""
    row = await store.one(tx, template_id, lock=lock)
    if row is None:
        raise TemplateUnknownError(template_id)
    return row


async def draft(tx: Transaction, caller: Caller, place: Place, wording: Wording) -> Row[Any]:
    """A new version to work on. It may still be flawed. Raises DraftExistsError."""
    existing = await store.draft_of(tx, place)
    row = None if existing else await store.create(tx, new_id(), place, wording, caller.subject)
    if row is None:
        raise DraftExistsError(existing or await store.draft_of(tx, place))
    await audit(
        tx, caller, "template.drafted", row.template_id, key=place.key, channel=place.channel, locale=place.locale
    )
    return row


async def rewrite(tx: Transaction, caller: Caller, row: Row[Any], wording: Wording) -> Row[Any]:
    """Change a draft that `read(lock=True)` gave. Raises TemplatePublishedError."""
    _still_draft(row)
    await audit(tx, caller, "template.rewritten", row.template_id, version=row.version)
    return await store.rewrite(tx, row.template_id, wording)


async def publish(tx: Transaction, caller: Caller, row: Row[Any]) -> Row[Any]:
    """From now on notices use it. `row` as `read(lock=True)` gave it.

    Raises TemplatePublishedError, TemplateFlawedError.
    """
    _still_draft(row)
    domain.check(place_of(row), wording_of(row))
    await audit(tx, caller, "template.published", row.template_id, version=row.version)
    return await store.publish(tx, row.template_id, caller.subject)


async def discard(tx: Transaction, caller: Caller, row: Row[Any]) -> None:
    """Throw a draft away that `read(lock=True)` gave. Raises TemplatePublishedError."""
    _still_draft(row)
    await audit(tx, caller, "template.discarded", row.template_id, version=row.version)
    await store.discard(tx, row.template_id)


async def preview(tx: Transaction, row: Row[Any], facts: Mapping[str, object]) -> Wording:
    """What the template says of these facts, and of sample facts where they are silent. Raises TemplateFlawedError."""
    place, wording = place_of(row), wording_of(row)
    domain.check(place, wording)
    settings = await programme(tx)
    template = Template(place, row.version, wording)
    told = {**sample_facts(place.key), "programme": settings.name, **facts}
    personal = {name: str(one.sample) for name, one in OCCASIONS[place.key].items() if one.personal}
    return template.fill(words(template, told, zone=ZoneInfo(settings.time_zone), personal=personal))


def _still_draft(row: Row[Any]) -> None:
    if row.state == "published":
        raise domain.TemplatePublishedError(row.version)
