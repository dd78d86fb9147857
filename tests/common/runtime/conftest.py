"""The runtime's tests use the framework's tables of the messaging tests."""

from tests.common.messaging.conftest import database as database
