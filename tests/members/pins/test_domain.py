"""Which PINs are too easy, and how long wrong ones lock."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.pins.domain import LONGEST_LOCK, TRIES, Counted, Pin, PinLockedError, PinWeakError, check_pin, counted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERSON = {"birthday": "1990-05-21", "phone": "+8613800138042"}


def pin(**changes: object) -> Pin:
    given = {"member_id": UUID(int=1), "hash": "x", "tries": 0, "locks": 0, "locked_until": None, "changed_at": NOW}
    return Pin(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("weak", "reason"),
    [
        ("000000", "fewer than three"),
        ("121212", "fewer than three"),
        ("123456", "counts up or down"),
        ("987654", "counts up or down"),
        ("890123", "counts up or down"),
        ("520520", "repeats itself"),
        ("112233", "made of pairs"),
        ("900521", "birthday"),
        ("210590", "birthday"),
        ("199005", "birthday"),
        ("138042", "telephone"),
    ],
)
def test_a_pin_that_others_try_first_is_refused(weak: str, reason: str) -> None:
    with pytest.raises(PinWeakError, match=reason) as caught:
        check_pin(weak, PERSON)
    assert weak not in str(caught.value)


def test_most_pins_are_good() -> None:
    def good(number: int) -> bool:
        try:
            check_pin(f"{number:06}", PERSON)
        except PinWeakError:
            return False
        return True

    assert sum(map(good, range(0, 1_000_000, 97))) > 10_000
    check_pin("900521", {})


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_however_the_tries_fall_there_are_never_more_than_five_before_a_lock(gaps: list[int]) -> None:
    known, now, open_tries = pin(), NOW, 0
    for gap in gaps:
        now += timedelta(seconds=gap)
        try:
            next_one = counted(known, now)
        except PinLockedError:
            continue
        if known.locked_until is not None:
            open_tries = 0
        open_tries += 1
        assert open_tries <= TRIES
        known = pin(tries=next_one.tries, locks=next_one.locks, locked_until=next_one.locked_until)


def test_each_lock_is_twice_as_long_as_the_one_before() -> None:
    lengths = []
    for locks in range(12):
        after = counted(pin(tries=TRIES - 1, locks=locks), NOW)
        assert after.locked_until is not None
        lengths.append(after.locked_until - NOW)
    assert lengths[:4] == [timedelta(minutes=minutes) for minutes in (15, 30, 60, 120)]
    assert lengths[-1] == LONGEST_LOCK
    assert counted(pin(tries=TRIES, locks=3, locked_until=NOW), NOW) == Counted(tries=1, locks=3, locked_until=None)
