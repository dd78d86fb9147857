"""A service's process as it is shipped, with shorter retries and, where a test asks for it, one fault built in.

    FAULT=kill_before_ack:3 python -m tests.faults.process points worker

`RETRY_DELAYS` are seconds by name as JSON; the queues of the virtual host must have been declared with the same.
"""

import asyncio
import importlib
import json
import os
import runpy
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from common.events import Event
from common.events.purchases import PurchaseCompleted
from common.events.registry import CONTRACTS
from common.messaging import topology
from common.messaging.channel import BatchChannel, Message
from common.messaging.subscriptions import Subscription
from common.storage.outbox import EVENTS_EXCHANGE
from common.storage.transaction import Transaction

Handler = Callable[[Transaction, Sequence[Event[Any]]], Awaitable[Any]]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_before_ack(service: str, number: str) -> None:
    """Die when the effects of a batch are committed and its acknowledgement is about to leave, the n-th time."""
    left, original = [int(number)], BatchChannel.basic_ack

    async def basic_ack(self: BatchChannel, *arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            die()
        return await original(self, *arguments, **named)

    setattr(BatchChannel, "basic_ack", basic_ack)  # noqa: B010


def kill_in_transaction(service: str, number: str) -> None:
    """Die when all effects of a batch are written and the commit is about to come, the n-th time."""
    left, original = [int(number)], Transaction.flush

    async def flush(self: Transaction) -> int:
        emitted = await original(self)
        left[0] -= bool(emitted)
        if not left[0]:
            die()
        return emitted

    Transaction.flush = flush  # type: ignore[method-assign]


def kill_after_confirm(service: str, number: str) -> None:
    """Die when the broker has confirmed a batch of the outbox and its rows are not deleted yet, the n-th time."""
    left, original = [int(number)], BatchChannel.publish_batch

    async def publish_batch(self: BatchChannel, messages: Sequence[Message]) -> dict[int, str]:
        refused = await original(self, messages)
        left[0] -= messages[0].exchange == EVENTS_EXCHANGE
        if not left[0]:
            die()
        return refused

    BatchChannel.publish_batch = publish_batch  # type: ignore[method-assign]


def ack_wrongly(service: str, number: str) -> None:
    """Acknowledge what never was, the n-th time, for which the broker closes the channel (406)."""
    left, original = [int(number)], BatchChannel.basic_ack

    async def basic_ack(self: BatchChannel, *arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        return await original(self, *(arguments if left[0] else (10**9,)), **named)

    setattr(BatchChannel, "basic_ack", basic_ack)  # noqa: B010


def kill_at_order(service: str, order_id: str) -> None:
    """Die over one purchase."""

    def before(events: Sequence[Event[PurchaseCompleted]]) -> None:
        if any(event.data.order_id == order_id for event in events):
            die()

    _before_purchases(service, before)


def fail_at_orders(service: str, prefix: str) -> None:
    """Fail over purchases whose order begins so; over all with ""."""

    def before(events: Sequence[Event[PurchaseCompleted]]) -> None:
        bad = [event.data.order_id for event in events if event.data.order_id.startswith(prefix)]
        if bad:
            raise ZeroDivisionError(f"cannot handle {bad[0]}")

    _before_purchases(service, before)


def take_time(service: str, seconds: str) -> None:
    """Hold every batch of purchases for so long in its transaction, after the work."""
    _wrap(service, lambda handler: _slow(handler, float(seconds)))


def hear_version_2(service: str, _: str) -> None:
    """Hear `purchase.completed.v2` as well: a version that calls the order `order_number`."""
    from tests.faults.versions import PurchaseCompletedV2, as_v1

    subscriptions = _subscriptions(service)
    old = next(one.handler for one in subscriptions if one.contract is PurchaseCompleted)

    async def purchases_completed_v2(tx: Transaction, events: Sequence[Event[PurchaseCompletedV2]]) -> Any:
        return await old(tx, [as_v1(event) for event in events])

    CONTRACTS[PurchaseCompletedV2.TYPE] = PurchaseCompletedV2
    subscriptions.append(Subscription(contract=PurchaseCompletedV2, handler=purchases_completed_v2))


def _slow(handler: Handler, seconds: float) -> Handler:
    async def slow(tx: Transaction, events: Sequence[Event[Any]]) -> Any:
        outcomes = await handler(tx, events)
        await asyncio.sleep(seconds)
        return outcomes

    return slow


def _before_purchases(service: str, before: Callable[[Sequence[Event[Any]]], None]) -> None:
    def wrapped(handler: Handler) -> Handler:
        async def checked(tx: Transaction, events: Sequence[Event[Any]]) -> Any:
            before(events)
            return await handler(tx, events)

        return checked

    _wrap(service, wrapped)


def _wrap(service: str, wrapped: Callable[[Handler], Handler]) -> None:
    subscriptions = _subscriptions(service)
    for place, one in enumerate(subscriptions):
        if one.contract is PurchaseCompleted:
            subscriptions[place] = Subscription(contract=one.contract, handler=wrapped(one.handler))


def _subscriptions(service: str) -> list[Subscription]:
    found: list[Subscription] = importlib.import_module(f"{service}.consumer").SUBSCRIPTIONS
    return found


FAULTS = {
    fault.__name__: fault
    for fault in (
        kill_before_ack,
        kill_in_transaction,
        kill_after_confirm,
        kill_at_order,
        ack_wrongly,
        fail_at_orders,
        take_time,
        hear_version_2,
    )
}


def main() -> None:
    service = sys.argv.pop(1)
    topology.RETRY_DELAYS_SECONDS.update(json.loads(os.environ.get("RETRY_DELAYS", "{}")))
    if fault := os.environ.get("FAULT", ""):
        name, _, argument = fault.partition(":")
        FAULTS[name](service, argument)
    runpy.run_module(service, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
