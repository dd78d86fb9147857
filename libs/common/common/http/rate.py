"""A limit on attempts: log-ins and token requests, which are worth guessing at and cost an argon2 hash each.

    ATTEMPTS = Rate(times=10, per_seconds=60)
    ATTEMPTS.check(f"{email}")            # 429 with Retry-After at the eleventh

Counted in this process only: with several API processes the limit is that many times as high.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from common.http.problems import BY_STATUS, ProblemError


class Rate:
    """A leaky bucket per key: `times` at once, refilled evenly over `per_seconds`. Remembers `max_keys` keys."""

    def __init__(
        self, *, times: int, per_seconds: float, max_keys: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._times = times
        self._seconds_each = per_seconds / times
        self._max_keys = max_keys
        self._clock = clock
        self._full_again_at: OrderedDict[str, float] = OrderedDict()

    def check(self, key: str) -> None:
        """Count one attempt. Raises a 429 problem, uncounted, when there were too many."""
        now = self._clock()
        busy_until = max(self._full_again_at.get(key, now), now) + self._seconds_each
        too_early_by = busy_until - now - self._times * self._seconds_each
        if too_early_by > 1e-9:
            seconds = math.ceil(too_early_by)
            raise ProblemError(
                BY_STATUS[429], f"Too many attempts: wait {seconds} s.", headers={"Retry-After": str(seconds)}
            )
        self._full_again_at[key] = busy_until
        self._full_again_at.move_to_end(key)
        while len(self._full_again_at) > self._max_keys:
            self._full_again_at.popitem(last=False)
