"""Card numbers carry a check digit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.cards.domain import RANDOM_RANGE, card_number, check_digit, is_card_number

drawn = st.integers(0, RANDOM_RANGE - 1)


@given(drawn)
def test_every_number_passes_its_own_test(number: int) -> None:
    assert is_card_number(card_number(number))


@given(drawn, st.integers(0, 15), st.integers(1, 9))
def test_every_single_wrong_digit_is_noticed(number: int, place: int, change: int) -> None:
    card = card_number(number)
    wrong = str((int(card[place]) + change) % 10)
    assert not is_card_number(card[:place] + wrong + card[place + 1 :])


def test_check_digit_is_luhn() -> None:
    assert check_digit("7992739871") == "3"


@pytest.mark.parametrize("text", ["", "66", "６６00000000000000", "660000000000000x", "6" * 17])
def test_what_is_not_sixteen_digits_is_no_card_number(text: str) -> None:
    assert not is_card_number(text)


@pytest.mark.parametrize("number", [-1, RANDOM_RANGE])
def test_numbers_out_of_range_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="draw a number"):
        card_number(number)
