"""Whatever the order of arrival and however often: the mails that leave are the same."""

import asyncio
import random
from typing import Any

import pytest

from common.events import Event
from common.storage import Database
from notify.channels.smtp import Connection
from notify.consumer import SUBSCRIPTIONS
from tests.notify import events as story
from tests.notify.channels.mailserver import MailServer
from tests.notify.conftest import Office
from tests.notify.events import clawed_back, earned, handled, repriced, rows, tier_changed

HANDLERS = {subscription.contract.TYPE: subscription.handler for subscription in SUBSCRIPTIONS}


async def deliver(database: Database, arriving: list[Event[Any]]) -> None:
    """As the framework does: what is to be tried again comes again later, an event that was taken does not."""
    taken: set[str] = set()
    while arriving:
        later = []
        for event in arriving:
            if event.id not in taken:
                outcome = await handled(database, HANDLERS[event.type], event)
                taken |= {event.id} - outcome.keys()
                later += [event] if outcome.get(event.id, ("", ""))[0] == "retry" else []
        arriving = later


@pytest.mark.parametrize("seed", range(6))
async def test_mails_do_not_depend_on_the_order_of_arrival(
    notify_database: Database, mails: MailServer, office: Office, seed: int
) -> None:
    known = await story.registered(notify_database, email="li@example.com")
    who = known.data.member_id
    arriving = [
        known,
        earned(who, order="kept", points=10, sequence=1),
        earned(who, order="returned", points=20, sequence=2),
        clawed_back(who, order="returned", points=20, sequence=3),
        earned(who, order="repriced", points=30, sequence=4),
        repriced(who, order="repriced", points=15, sequence=5, balance=55),
        tier_changed(who, "silver", "base", revision=1, name="Silver"),
        tier_changed(who, "gold", "silver", revision=2, name="Gold"),
        tier_changed(who, "gold", "gold", revision=3, direction="none"),
    ] * 2
    random.Random(seed).shuffle(arriving)
    await deliver(notify_database, arriving)
    connection = Connection(office()._server)
    await office().round(connection, asyncio.Event())
    await connection.close()
    assert sorted(message["Subject"] for _, message in mails.received) == [
        "20 points were taken back",
        "Welcome to Gold",
        "You earned 10 points",
        "You earned 45 points",
    ]
    suppressed = await rows(
        notify_database, "SELECT reason FROM notices WHERE channel = 'email' AND state = 'suppressed' ORDER BY reason"
    )
    assert [row["reason"] for row in suppressed] == ["clawed_back", "superseded"]
