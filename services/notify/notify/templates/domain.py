"""Templates: which may be published, and what they say. Pure.

`string.Template` with `{{name}}` marks: it can put a word in the place of a name and nothing else, so a template is
data and never code, and there is no sandbox to break out of. What needs a decision is decided before, in the facts.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar

from notify.templates.placeholders import OCCASIONS

CHANNELS = ("inbox", "email")
LOCALES = ("en", "zh-CN")
DEFAULT_LOCALE = "en"
MAX_SUBJECT_CHARACTERS = 200
MAX_TEXT_CHARACTERS = 20_000
MAX_HTML_CHARACTERS = 100_000

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a template is used: the occasion (`key`), the channel and the language."""

    key: str
    channel: str
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The parts of a template or of what it became; `html` only for e-mail, "" for none."""

    subject: str
    text: str
    html: str = ""


class UnknownPlaceError(Exception):
    """There is no such occasion, channel or language."""

    def __init__(self, part: str, value: str, known: tuple[str, ...]) -> None:
        super().__init__(f"{part} {value!r} is not known; known are {', '.join(known)}")
        self.part = part
        self.value = value
        self.known = known


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What is wrong in which part (`subject`, `text`, `html`) of a template."""

    part: str
    reason: str


class TemplateFlawedError(Exception):
    """A template that must not be published, with everything that is wrong with it."""

    def __init__(self, flaws: tuple[Flaw, ...]) -> None:
        super().__init__("; ".join(f"{flaw.part}: {flaw.reason}" for flaw in flaws))
        self.flaws = flaws


class TemplatePublishedError(Exception):
    """A published version never changes; a new version replaces it."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} is published and never changes; write a new version")
        self.version = version


class _Marks(string.Template):
    delimiter = "{{"
    flags = re.NOFLAG
    pattern: ClassVar[Any] = r"""
        \{\{(?:
            (?P<escaped>\{\{)
          | [ ]*(?P<braced>[a-z][a-z0-9_]*)[ ]*\}\}
          | (?P<named>(?!))
          | (?P<invalid>)
        )"""


class Template:
    """One version, ready to be filled; made once per version and kept."""

    __slots__ = ("_html", "_subject", "_text", "names", "place", "version")

    def __init__(self, place: Place, version: int, wording: Wording) -> None:
        self.place = place
        self.version = version
        self.names = placeholders_in(wording)
        self._subject = _Marks(wording.subject)
        self._text = _Marks(wording.text)
        self._html = _Marks(wording.html) if wording.html else None

    def fill(self, words: Mapping[str, str]) -> Wording:
        """The words in their places, escaped in HTML; the subject stays one line. KeyError: a word is missing."""
        escaped = {name: escape(word) for name, word in words.items()} if self._html else {}
        return Wording(
            subject=one_line(self._subject.substitute(words)),
            text=self._text.substitute(words),
            html=self._html.substitute(escaped) if self._html else "",
        )


def one_line(text: str) -> str:
    """Control characters and line ends become single spaces: what stands in a header must not begin a new one."""
    return _CONTROL.sub(" ", text).strip()


def place_of(key: str, channel: str, locale: str) -> Place:
    """Raises UnknownPlaceError."""
    for part, value, known in (
        ("key", key, tuple(OCCASIONS)),
        ("channel", channel, CHANNELS),
        ("locale", locale, LOCALES),
    ):
        if value not in known:
            raise UnknownPlaceError(part, value, known)
    return Place(key=key, channel=channel, locale=locale)


def locale_of(wanted: str) -> str:
    """The language of templates that serves a member's locale best: the same, one of the same language, or English."""
    if wanted in LOCALES:
        return wanted
    language = wanted.replace("_", "-").split("-")[0].lower()
    return next((locale for locale in LOCALES if locale.split("-")[0] == language), DEFAULT_LOCALE)


def check(place: Place, wording: Wording) -> None:
    """Raises TemplateFlawedError unless the wording may be published at this place."""
    flaws = [*_shape_flaws(place, wording)]
    for part, source in (("subject", wording.subject), ("text", wording.text), ("html", wording.html)):
        flaws += [Flaw(part=part, reason=reason) for reason in _mark_flaws(place, source)]
    if flaws:
        raise TemplateFlawedError(tuple(flaws))


def _shape_flaws(place: Place, wording: Wording) -> list[Flaw]:
    flaws = []
    if not wording.subject.strip():
        flaws.append(Flaw(part="subject", reason="is empty"))
    if wording.subject != one_line(wording.subject):
        flaws.append(Flaw(part="subject", reason="must be one line without spaces around it"))
    if not wording.text.strip():
        flaws.append(Flaw(part="text", reason="is empty"))
    if wording.html and place.channel != "email":
        flaws.append(Flaw(part="html", reason="only e-mail has HTML"))
    limits = (
        ("subject", wording.subject, MAX_SUBJECT_CHARACTERS),
        ("text", wording.text, MAX_TEXT_CHARACTERS),
        ("html", wording.html, MAX_HTML_CHARACTERS),
    )
    flaws += [
        Flaw(part=part, reason=f"has {len(source)} characters, at most {most} are allowed")
        for part, source, most in limits
        if len(source) > most
    ]
    return flaws + [
        Flaw(part=part, reason="contains the NUL character") for part, source, _ in limits if "\x00" in source
    ]


def _mark_flaws(place: Place, source: str) -> list[str]:
    reasons = []
    known = OCCASIONS[place.key]
    seen: set[str] = set()
    for mark in _Marks.pattern.finditer(source):
        name = mark["braced"]
        if mark["invalid"] is not None:
            line = source.count("\n", 0, mark.start()) + 1
            reasons.append(
                f"line {line}: {{{{ does not begin a placeholder like {{{{points}}}}; write {{{{{{{{ for the braces"
            )
        elif name is not None and name not in seen:
            seen.add(name)
            if name not in known:
                reasons.append(f"placeholder {name!r} is not known; known are {', '.join(sorted(known))}")
            elif known[name].personal and place.channel != "email":
                reasons.append(f"placeholder {name!r} is personal data, which is not stored in an inbox")
    return reasons


def placeholders_in(wording: Wording) -> frozenset[str]:
    """The names a wording uses."""
    return frozenset(
        name for source in (wording.subject, wording.text, wording.html) for name in _Marks(source).get_identifiers()
    )
