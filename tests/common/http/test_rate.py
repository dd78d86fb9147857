"""Attempts are limited per key, and the limit says how long to wait."""

import pytest

from common.http.problems import ProblemError
from common.http.rate import Rate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def tries(rate: Rate, key: str, count: int) -> int:
    """How many of the attempts were let through."""
    passed = 0
    for _ in range(count):
        try:
            rate.check(key)
        except ProblemError:
            continue
        passed += 1
    return passed


def test_so_many_at_once_then_evenly() -> None:
    clock = Clock()
    rate = Rate(times=10, per_seconds=60, clock=clock)
    assert tries(rate, "a", 50) == 10
    assert tries(rate, "b", 5) == 5
    clock.now = 6
    assert tries(rate, "a", 50) == 1
    clock.now = 600
    assert tries(rate, "a", 50) == 10


def test_the_refusal_says_how_long_to_wait() -> None:
    clock = Clock()
    rate = Rate(times=2, per_seconds=60, clock=clock)
    tries(rate, "a", 2)
    with pytest.raises(ProblemError) as caught:
        rate.check("a")
    assert (caught.value.kind.status, caught.value.headers) == (429, {"Retry-After": "30"})
    clock.now = 30
    rate.check("a")


def test_only_so_many_keys_are_remembered() -> None:
    rate = Rate(times=1, per_seconds=60, max_keys=3, clock=Clock())
    for key in "abcd":
        rate.check(key)
    assert tries(rate, "d", 1) == 0
    assert tries(rate, "a", 1) == 1
