"""The limit that keeps a bad deploy from emptying a queue into the dead letters.

Only unexpected failures of handlers count. What a handler refuses in words (an unknown member, a wrong currency) is the
sender's doing, and one bad sender must not stop a service.
"""

from collections import deque

IN_A_ROW = 50
WINDOW = 1000
MOST_IN_WINDOW = WINDOW // 10


class RejectLimitError(Exception):
    """Too much fails for it to be the messages' fault: the consumer stops and waits for people."""


class RejectLimit:
    """Counts unexpected failures: more than 10 % of the last 1,000 events, or 50 in a row, raise RejectLimitError."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._failed = 0

    def went_well(self, count: int) -> None:
        self._in_a_row = 0
        for _ in range(min(count, WINDOW)):
            self._push(False)

    def rejected(self, why: str) -> None:
        self._in_a_row += 1
        self._push(True)
        if self._in_a_row >= IN_A_ROW:
            raise RejectLimitError(f"{IN_A_ROW} events in a row failed; the last: {why}")
        if self._failed > MOST_IN_WINDOW:
            raise RejectLimitError(f"{self._failed} of the last {len(self._recent)} events failed; the last: {why}")

    def _push(self, failed: bool) -> None:
        if len(self._recent) == WINDOW and self._recent[0]:
            self._failed -= 1
        self._recent.append(failed)
        self._failed += failed
