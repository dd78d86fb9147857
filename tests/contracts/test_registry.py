"""Who hears and who says what stands in the registry: permissions, bindings and documents are made from it."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.events.registry import CONTRACTS, PUBLISHERS, SUBSCRIBERS
from common.messaging import Subscription

SERVICES = sorted(SUBSCRIBERS)
TAKEN_AT_THE_DOOR = {"points": {"ActivityCompleted"}}
"""What a service makes of a request over HTTP and takes itself, as if it had been published: it is not emitted."""
BY_NAME = {contract.__name__: contract for contract in CONTRACTS.values()}


def subscriptions(service: str) -> list[Subscription]:
    found: list[Subscription] = importlib.import_module(f"{service}.consumer").SUBSCRIPTIONS
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_hears_what_the_registry_says(service: str) -> None:
    heard = [one.contract.TYPE for one in subscriptions(service)]
    assert sorted(heard) == sorted(SUBSCRIBERS[service])


@pytest.mark.parametrize("service", SERVICES)
def test_a_handler_has_the_words_of_its_event_in_the_plural(service: str) -> None:
    """`purchase.completed` ↔ `purchases_completed`; one handler for several events of a noun may say less."""
    for one in subscriptions(service):
        noun = one.contract.TYPE.split(".")[0]
        plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
        assert one.handler.__name__.split("_")[0] in (plural, noun, "tiers"), one.handler.__qualname__


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_what_the_registry_says_and_nothing_else(service: str) -> None:
    """The broker refuses the rest, and the outbox would stand still."""
    own = {contract.__name__ for contract in PUBLISHERS[service]}
    assert set(made(service)) - own == TAKEN_AT_THE_DOOR.get(service, set())
    assert own <= set(made(service))


def made(service: str) -> Iterator[str]:
    """Contracts that the service's code makes: what it makes, it emits."""
    package = importlib.import_module(service)
    for path in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield from (name for part in _makers(node) if (name := _name(part)) in BY_NAME)


def _makers(node: ast.AST) -> Iterator[ast.expr]:
    """`X` in `X(…)`, `X.model_validate(…)` and `kind = X if … else Y`."""
    if isinstance(node, ast.Call):
        yield node.func
        if isinstance(node.func, ast.Attribute) and node.func.attr.startswith("model_"):
            yield node.func.value
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_every_contract_is_said_by_somebody_and_heard_by_somebody() -> None:
    heard = {type_ for types in SUBSCRIBERS.values() for type_ in types}
    assert heard == set(CONTRACTS)
