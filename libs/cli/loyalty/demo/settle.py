"""Waits until nothing is under way any more: queues, retries, outboxes and mails, as the servers themselves tell it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from loyalty.stackfile import Stack

LOOK_EVERY_SECONDS = 0.5
QUIET_LOOKS = 5
"""The broker counts once a second and a relay every few: what they say counts when it has been so for a while."""
KEPT_ON_PURPOSE = ("ops.unrouted",)
OUTBOX, MAILS, EVENTS = "loyalty_outbox_events", "loyalty_mails_waiting", "loyalty_events_total"


class NotSettledError(Exception):
    """Something is still under way after the time limit; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at everything: what waits where (name → how many, nothing that is 0), events handled by service."""

    waiting: dict[str, int]
    handled: dict[str, dict[tuple[str, str], int]] = field(repr=False)

    def count(self, service: str, outcome: str, event_type: str = "") -> int:
        """How many events a service's worker has handled so since it was started."""
        counts = self.handled.get(service, {})
        return sum(
            n for (type_, out), n in counts.items() if out == outcome and (not event_type or type_ == event_type)
        )


class Watch:
    """Asks the broker's management API and every worker's metrics."""

    def __init__(self, stack: Stack, http: httpx.Client | None = None) -> None:
        self._stack = stack
        self._http = http or httpx.Client(timeout=30, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def look(self) -> Look:
        """What does not answer, because it is being started again, counts as something to wait for."""
        handled: dict[str, dict[tuple[str, str], int]] = {}
        try:
            waiting = self._queues()
        except httpx.TransportError:
            waiting = {"RabbitMQ, which does not answer": 1}
        for service, address in self._stack.services.items():
            try:
                samples = self._metrics(address.metrics_url)
            except httpx.TransportError:
                waiting[f"{service}'s worker, which does not answer"] = 1
                continue
            if outbox := samples.get(OUTBOX, {}).get((), 0):
                waiting[f"{service} outbox"] = outbox
            if mails := samples.get(MAILS, {}).get((), 0):
                waiting["e-mails to send"] = mails
            handled[service] = {
                (labels[0], labels[1]): count for labels, count in samples.get(EVENTS, {}).items() if len(labels) == 2
            }
        return Look(waiting=waiting, handled=handled)

    def _queues(self) -> dict[str, int]:
        broker = self._stack.rabbitmq
        answer = self._http.get(
            f"{broker.management_url}/api/queues/{broker.vhost}", auth=(broker.user, broker.password)
        )
        answer.raise_for_status()
        return {
            queue["name"]: queue["messages"]
            for queue in answer.json()
            if queue.get("messages") and queue["name"] not in KEPT_ON_PURPOSE
        }

    def _metrics(self, url: str) -> dict[str, dict[tuple[str, ...], int]]:
        """The samples we want by name and labels (type and outcome, or none)."""
        answer = self._http.get(f"{url}/metrics")
        answer.raise_for_status()
        found: dict[str, dict[tuple[str, ...], int]] = {}
        for line in answer.text.splitlines():
            name, _, rest = line.partition("{")
            if name.partition(" ")[0] not in (OUTBOX, MAILS, EVENTS):
                continue
            labels, _, value = rest.rpartition("} ") if rest else ("", "", line.rpartition(" ")[2])
            named = dict(part.split("=", 1) for part in labels.split(",") if "=" in part)
            key = tuple(named[label].strip('"') for label in ("type", "outcome") if label in named)
            samples = found.setdefault(name.partition(" ")[0], {})
            samples[key] = samples.get(key, 0) + int(float(value))
        return found


def settle(
    watch: Watch, *, limit_seconds: float, show: Callable[[Look], None], quiet_looks: int = QUIET_LOOKS
) -> tuple[Look, float]:
    """Looks until all is quiet; returns the last look and how many seconds ago something still moved.

    Quiet: nothing waits anywhere and no worker has handled anything, several looks in a row. NotSettledError names what
    is left when `limit_seconds` have passed without anything having moved.
    """
    quiet, moved_at, last = 0, time.monotonic(), None
    while True:
        look = watch.look()
        show(look)
        if last is None or look.handled != last.handled or look.waiting != last.waiting:
            moved_at, quiet = time.monotonic(), 0
        elif not look.waiting:
            quiet += 1
        if quiet >= quiet_looks:
            return look, time.monotonic() - moved_at
        if time.monotonic() - moved_at > limit_seconds:
            left = ", ".join(f"{name}: {count:,}" for name, count in sorted(look.waiting.items()))
            raise NotSettledError(f"nothing has moved for {limit_seconds:.0f} s, and still waiting: {left}")
        last = look
        time.sleep(LOOK_EVERY_SECONDS)
