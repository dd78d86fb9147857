from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from common.storage import Database
from notify.channels.sender import PostOffice
from notify.settings import Settings
from tests.notify.channels.mailserver import MailServer, mail_server
from tests.notify.events import CIPHER, MASTER_KEYS

Office = Callable[..., PostOffice]


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def office(notify_database: Database, mails: MailServer) -> Office:
    """`office(smtp_timeout_seconds=0.2)`: a post office of the test's database and mail server."""

    def make(**changes: Any) -> PostOffice:
        settings: dict[str, Any] = {
            "database_url": SecretStr("postgresql://nobody@localhost/nothing"),
            "master_keys": SecretStr(MASTER_KEYS),
            "smtp_host": "127.0.0.1",
            "smtp_port": mails.port,
            "smtp_timeout_seconds": 2.0,
            "mail_from": "茶友会 <members@tea.example>",
        }
        return PostOffice(notify_database, CIPHER, Settings(**(settings | changes)))

    return make
