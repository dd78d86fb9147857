"""Card numbers: fifteen random digits and a check digit, so that nobody guesses one and a mistyped one is noticed."""

PREFIX = "66"
DIGITS = 16
RANDOM_RANGE = 10 ** (DIGITS - len(PREFIX) - 1)
"""How many numbers there are: the caller draws one below this at random."""


def card_number(drawn: int) -> str:
    """The card number made of a random number below RANDOM_RANGE."""
    if not 0 <= drawn < RANDOM_RANGE:
        raise ValueError(f"draw a number from 0 to {RANDOM_RANGE - 1}")
    body = PREFIX + str(drawn).zfill(DIGITS - len(PREFIX) - 1)
    return body + check_digit(body)


def check_digit(body: str) -> str:
    """The digit that makes `body` + digit pass the Luhn test (ISO/IEC 7812-1)."""
    return str(-_luhn_sum(body + "0") % 10)


def is_card_number(text: str) -> bool:
    """Whether this can be one of our numbers: length, digits only, check digit."""
    return len(text) == DIGITS and text.isascii() and text.isdigit() and _luhn_sum(text) % 10 == 0


def _luhn_sum(digits: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value if value < 10 else value - 9
    return total
