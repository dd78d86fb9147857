"""A template says what is written in it, about the facts it is given, and nothing else."""

import string
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.templates import domain
from notify.templates.domain import Template, TemplateFlawedError, UnknownPlaceError, Wording, place_of
from notify.templates.placeholders import OCCASIONS, sample_facts
from notify.templates.words import day, money, words

SHANGHAI = ZoneInfo("Asia/Shanghai")
MAIL, INBOX = place_of("points_earned", "email", "en"), place_of("points_earned", "inbox", "en")


def wording(text: str = "Hello", subject: str = "Hello", html: str = "") -> Wording:
    return Wording(subject=subject, text=text, html=html)


def flaws_of(place: domain.Place, source: Wording) -> list[str]:
    with pytest.raises(TemplateFlawedError) as caught:
        domain.check(place, source)
    return [f"{flaw.part}: {flaw.reason}" for flaw in caught.value.flaws]


def filled(source: Wording, place: domain.Place = MAIL, **facts: object) -> Wording:
    template = Template(place, 1, source)
    told = words(template, sample_facts(place.key) | facts, zone=SHANGHAI, personal={"name": "Li"})
    return template.fill(told)


def test_every_placeholder_of_every_occasion_can_be_used() -> None:
    for key, placeholders in OCCASIONS.items():
        place = place_of(key, "email", "zh-CN")
        source = wording(" ".join(f"{{{{{name}}}}}" for name in placeholders))
        domain.check(place, source)
        assert "{{" not in filled(source, place).text


def test_unknown_placeholders_are_refused_by_name_once_each() -> None:
    assert flaws_of(MAIL, wording("{{pionts}} {{pionts}} {{points}}")) == [
        f"text: placeholder 'pionts' is not known; known are {', '.join(sorted(OCCASIONS['points_earned']))}"
    ]


@pytest.mark.parametrize(
    "source", ["{{", "{{points}", "{{ points", "{{Points}}", "{{points.real}}", "{{points|safe}}", "{{7}}"]
)
def test_what_is_no_placeholder_is_refused_with_its_line(source: str) -> None:
    assert flaws_of(MAIL, wording(f"one\ntwo {source}"))[0].startswith("text: line 2: {{ does not begin a placeholder")


@pytest.mark.parametrize(
    "attack", ["{{ points.__class__ }}", "{{ ''.__class__.__mro__ }}", "{% for x in y %}", "${points}", "%s"]
)
def test_a_template_is_never_code(attack: str) -> None:
    source = wording(attack)
    try:
        domain.check(MAIL, source)
    except TemplateFlawedError:
        return
    assert filled(source).text == attack


def test_four_braces_are_two() -> None:
    assert filled(wording("{{{{points}} is {{points}}")).text == "{{points}} is 120"


def test_personal_data_is_refused_where_it_would_be_stored() -> None:
    domain.check(MAIL, wording("{{name}}"))
    assert "is personal data" in flaws_of(INBOX, wording("{{name}}"))[0]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (wording(subject=""), "subject: is empty"),
        (wording(text="  "), "text: is empty"),
        (wording(subject="a\nb"), "subject: must be one line"),
        (wording(subject="x" * 201), "subject: has 201 characters, at most 200"),
        (wording(text="a\x00"), "text: contains the NUL character"),
    ],
)
def test_shapes_that_cannot_be_sent_are_refused(source: Wording, reason: str) -> None:
    assert any(flaw.startswith(reason) for flaw in flaws_of(MAIL, source))


def test_html_is_for_mail_only() -> None:
    assert "html: only e-mail has HTML" in flaws_of(INBOX, wording(html="<p>x</p>"))


def test_unknown_places_name_what_is_known() -> None:
    with pytest.raises(UnknownPlaceError, match=r"channel 'fax' is not known; known are inbox, email"):
        place_of("points_earned", "fax", "en")


@given(st.text(), st.text())
def test_facts_are_shown_as_they_are_and_never_read_as_templates(order: str, name: str) -> None:
    source = wording("<{{order_id}}>", subject="{{order_id}}", html="<p>{{order_id}}</p>")
    done = filled(source, order_id=order)
    assert done.text == f"<{order}>"
    assert done.html.count("<") == 2
    assert "\r" not in done.subject
    assert "\n" not in done.subject


@given(st.text(alphabet=string.printable))
def test_any_source_is_either_refused_or_filled(source: str) -> None:
    candidate = wording(f"x{source}")
    try:
        domain.check(MAIL, candidate)
    except TemplateFlawedError:
        return
    filled(candidate)


@pytest.mark.parametrize(
    ("wanted", "served"),
    [
        ("en", "en"),
        ("zh-CN", "zh-CN"),
        ("zh_CN", "zh-CN"),
        ("zh-TW", "zh-CN"),
        ("EN-us", "en"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_the_nearest_language_is_served(wanted: str, served: str) -> None:
    assert domain.locale_of(wanted) == served


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123456, "CNY", "¥1,234.56"),
        (5, "USD", "$0.05"),
        (-5, "USD", "-$0.05"),
        (1500, "JPY", "JP¥1,500"),
        (1500, "KWD", "KWD 1.500"),
        (0, "SEK", "SEK 0.00"),
        (100, "", "1.00"),
    ],
)
def test_money_is_written_with_the_currencys_own_decimals(minor: int, currency: str, shown: str) -> None:
    assert money(minor, currency) == shown


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_money_never_loses_a_cent(minor: int) -> None:
    shown = money(minor, "CNY").replace("¥", "").replace(",", "")
    assert round(float(shown) * 100) == minor


def test_days_are_those_of_the_zone() -> None:
    evening = datetime(2026, 2, 28, 17, tzinfo=UTC)
    assert day(evening, "en", SHANGHAI) == "1 March 2026"
    assert day(evening, "zh-CN", SHANGHAI) == "2026年3月1日"
    assert day(evening, "en", ZoneInfo("America/New_York")) == "28 February 2026"


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_the_calendar_do_not_break_a_notice(edge: datetime) -> None:
    for zone in ("America/New_York", "Asia/Shanghai"):
        assert str(edge.year) in day(edge, "en", ZoneInfo(zone))


def test_facts_that_are_absent_are_empty() -> None:
    assert filled(wording("[{{expires}}]"), expires_at=None).text == "[]"
