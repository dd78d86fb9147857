"""What a service hears: one line per contract."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from common.events.contract import Contract
from common.events.event import Event
from common.messaging.outcomes import Outcome
from common.storage.transaction import Transaction

C = TypeVar("C", bound=Contract)
Handler = Callable[[Transaction, Sequence[Event[C]]], Awaitable[Sequence[Outcome] | None]]
"""Takes all events of one type in a batch, once each; returns what did not go well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    contract: type[Contract]
    handler: Handler[Any]


def on(contract: type[C], handler: Handler[C]) -> Subscription:
    """Let `handler` have the events of this contract. Within a batch subscriptions are served in the listed order."""
    return Subscription(contract=contract, handler=handler)
