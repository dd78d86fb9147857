"""Whether a notice goes out, from facts alone."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.dispatch.domain import Correction, Verdict, has_something_to_say, is_stale, judge, tier_occasion
from notify.preferences.domain import Recipient, zone_of

WHO = Recipient(member_id=uuid4(), reachable=True)
EARNED = {"points": 100, "balance": 100}
whole = st.integers(min_value=-(10**9), max_value=10**9)


def member(**wishes: object) -> Recipient:
    return Recipient(**({"member_id": WHO.member_id, "reachable": True} | wishes))  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["points_earned", "points_clawed_back", "tier_up", "tier_down"])
@pytest.mark.parametrize("channel", ["inbox", "email"])
def test_a_willing_member_is_told(key: str, channel: str) -> None:
    assert judge(key, channel, EARNED, WHO) == Verdict(reason="", facts=EARNED)


@given(
    key=st.sampled_from(["points_earned", "tier_up"]),
    status=st.text(min_size=1),
    inbox=st.booleans(),
    email=st.booleans(),
)
def test_only_active_members_who_want_it_are_told(key: str, status: str, inbox: bool, email: bool) -> None:
    recipient = member(status=status, inbox=inbox, email=email)
    for channel, wanted in (("inbox", inbox), ("email", email)):
        told = judge(key, channel, EARNED, recipient).reason == ""
        assert told == (status == "active" and wanted)


def test_a_channel_nobody_knows_is_not_wanted() -> None:
    assert judge("tier_up", "pigeon", {}, WHO).reason == "opted_out"


def test_a_mail_needs_a_contact_and_the_inbox_does_not() -> None:
    recipient = member(reachable=False)
    assert judge("tier_up", "email", {}, recipient).reason == "no_contact"
    assert judge("tier_up", "inbox", {}, recipient).reason == ""


@given(points=st.integers(1, 10**9), taken=st.integers(0, 10**9), repriced=whole)
def test_nobody_is_congratulated_on_points_that_are_gone(points: int, taken: int, repriced: int) -> None:
    correction = Correction(clawed_back=taken, repriced=repriced, balance=5)
    verdict = judge("points_earned", "email", {"points": points, "balance": 1}, WHO, correction)
    left = points + repriced - taken
    assert (verdict.reason == "") == (left > 0 and points + repriced > 0)
    if not verdict.reason:
        assert verdict.facts == {"points": points + repriced, "balance": 5}


@given(corrections=st.lists(st.tuples(st.integers(0, 1000), whole), max_size=5), seed=st.randoms())
def test_the_order_of_corrections_does_not_matter(corrections: list[tuple[int, int]], seed: object) -> None:
    def total(found: list[tuple[int, int]]) -> Verdict:
        taken, repriced = sum(one for one, _ in found), sum(one for _, one in found)
        return judge("points_earned", "inbox", EARNED, WHO, Correction(clawed_back=taken, repriced=repriced))

    assert total(corrections) == total(sorted(corrections, reverse=True))


def test_a_correction_of_an_order_says_nothing_about_the_return_itself() -> None:
    assert judge("points_clawed_back", "inbox", EARNED, WHO, Correction(clawed_back=100)).reason == ""


@given(revision=st.integers(1, 100), known=st.integers(0, 100), same=st.booleans())
def test_a_tier_is_superseded_by_a_later_other_one(revision: int, known: int, same: bool) -> None:
    recipient = member(tier="gold" if same else "base", tier_revision=known)
    reason = judge("tier_up", "inbox", {"tier_key": "gold", "revision": revision}, recipient).reason
    assert (reason == "superseded") == (known > revision and not same)


def test_only_rises_and_falls_are_news() -> None:
    assert [tier_occasion(direction) for direction in ("up", "down", "none", "sideways")] == [
        "tier_up",
        "tier_down",
        None,
        None,
    ]
    assert not has_something_to_say({"points": 0, "shortfall": 0})
    assert has_something_to_say({"points": 0, "shortfall": 5})


def test_staleness_counts_from_the_event_and_can_be_switched_off() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert is_stale(now - timedelta(hours=73), now, 72)
    assert not is_stale(now - timedelta(hours=72), now, 72)
    assert not is_stale(now - timedelta(days=9999), now, 0)


@pytest.mark.parametrize(
    ("wanted", "otherwise", "zone"),
    [
        ("America/New_York", "Asia/Shanghai", "America/New_York"),
        ("Mars/Base", "Asia/Shanghai", "Asia/Shanghai"),
        ("", "Asia/Shanghai", "Asia/Shanghai"),
        ("../../etc/passwd", "", "UTC"),
    ],
)
def test_a_zone_that_is_none_is_replaced_by_the_programmes(wanted: str, otherwise: str, zone: str) -> None:
    assert str(zone_of(wanted, otherwise)) == zone
