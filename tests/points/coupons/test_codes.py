"""Codes nobody guesses, in which a typing error is noticed."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from points.coupon_codes.domain import (
    ALPHABET,
    MAX_PREFIX,
    RANDOM_CHARACTERS,
    TryLimit,
    check_character,
    mistyped,
    normal,
    wait_seconds,
    window_start,
)
from points.coupon_codes.minting import index_of, mint, open_code, seal

PREFIXES = st.text(ALPHABET, max_size=MAX_PREFIX)


def test_codes_have_at_least_80_bits_of_chance() -> None:
    assert RANDOM_CHARACTERS * math.log2(len(ALPHABET)) >= 80


def test_alphabet_has_no_look_alikes_and_a_prime_length() -> None:
    assert not set("01OIL") & set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == 31


def test_ten_thousand_codes_are_different_and_use_the_alphabet_evenly() -> None:
    codes = [normal(mint("VP")) for _ in range(10_000)]
    assert len(set(codes)) == len(codes)
    counts = Counter(character for code in codes for character in code[2:-1])
    expected = len(codes) * RANDOM_CHARACTERS / len(ALPHABET)
    assert set(counts) == set(ALPHABET)
    assert all(abs(count / expected - 1) < 0.1 for count in counts.values())


@given(PREFIXES)
def test_own_codes_are_read_as_they_are_written(prefix: str) -> None:
    code = mint(prefix)
    assert not mistyped(normal(code))
    assert normal(f"  {code.lower().replace('-', ' ')} ") == normal(code) == code.replace("-", "")
    assert code.startswith(prefix)


@given(PREFIXES, st.data())
def test_every_single_wrong_character_is_noticed(prefix: str, data: st.DataObject) -> None:
    code = normal(mint(prefix))
    place = data.draw(st.integers(0, len(code) - 1))
    other = data.draw(st.sampled_from([one for one in ALPHABET + "01OIL" if one != code[place]]))
    assert mistyped(code[:place] + other + code[place + 1 :])


@given(PREFIXES, st.data())
def test_every_two_swapped_characters_are_noticed(prefix: str, data: st.DataObject) -> None:
    code = list(normal(mint(prefix)))
    one, other = sorted(data.draw(st.sets(st.integers(0, len(code) - 1), min_size=2, max_size=2)))
    different = code[one] != code[other]
    code[one], code[other] = code[other], code[one]
    assert mistyped("".join(code)) == different


@given(st.text(max_size=40))
def test_any_text_can_be_read(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    mistyped(normal(text))


def test_check_character_is_of_the_alphabet() -> None:
    assert check_character("ABC") in ALPHABET


def test_full_width_and_small_letters_are_the_same_code() -> None:
    code = mint("")
    wide = "".join(chr(ord(one) + 0xFEE0) for one in code)
    assert index_of(wide) == index_of(code.lower()) == index_of(code)


def test_what_is_kept_of_a_code_shows_neither_it_nor_that_two_boxes_are_alike() -> None:
    code = mint("")
    first, second = seal(code), seal(code)
    assert first.index == second.index
    assert first.sealed != second.sealed
    assert normal(code).encode() not in first.sealed + first.index
    assert open_code(first.index, second.sealed) == code


LIMIT = TryLimit(times=10, window_seconds=900)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 899_999))
def test_wait_is_over_when_it_says_so(before: int, current: int, milliseconds: int) -> None:
    """After the wait a try is allowed, and it was not allowed much earlier."""
    start = datetime(2025, 1, 1, tzinfo=UTC)
    now = start + timedelta(milliseconds=milliseconds)
    assert window_start(now, 900) == start
    wait = wait_seconds(LIMIT, now, before=before, current=current)
    for seconds, allowed in ((wait, True), (wait - 2, False)):
        if wait == 0 or seconds < 0:
            continue
        later = now + timedelta(seconds=seconds)
        windows = (window_start(later, 900) - start) // timedelta(seconds=900)
        then = [(before, current), (current, 0), (0, 0)][windows]
        assert (wait_seconds(LIMIT, later, before=then[0], current=then[1]) == 0) == allowed
