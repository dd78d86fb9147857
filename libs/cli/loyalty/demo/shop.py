"""The shop: publishes purchases and returns over AMQP as `demo-shop`, a user that may do nothing else."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from common.events.contract import Contract
from loyalty.cdnow import SOURCE, CdnowPurchase
from loyalty.demo.cast import DUPLICATES, early_returns, later_returns, submitted
from loyalty.publish_wire import Sender, letter

SHOW_EVERY = 200


def day_book(purchases: Iterable[CdnowPurchase]) -> list[CdnowPurchase]:
    """In the order in which things were bought."""
    return sorted(purchases, key=lambda purchase: (purchase.occurred_at, purchase.order_id))


def news(purchases: Sequence[CdnowPurchase]) -> Iterable[Contract]:
    """All that is published: a return before its purchase, the purchases, the other returns, some purchases again."""
    again = (submitted(purchase) for purchase in purchases[:DUPLICATES])
    return chain(early_returns(), map(submitted, purchases), later_returns(), again)


def number_of_news(purchases: Sequence[CdnowPurchase]) -> int:
    return len(early_returns()) + len(purchases) + len(later_returns()) + len(purchases[:DUPLICATES])


def publish(
    url: str, events: Iterable[Contract], *, show: Callable[[int], None], trouble: Callable[[str], None]
) -> int:
    """How many the broker has confirmed, which is all of them; SendingError when it would not."""

    async def send() -> int:
        async with Sender(url, trouble=trouble) as sender:
            for position, event in enumerate(events, start=1):
                await sender.send(letter(position, SOURCE, event))
                if position % SHOW_EVERY == 0:
                    await asyncio.sleep(0)
                    show(sender.confirmed)
        show(sender.confirmed)
        return sender.confirmed

    return asyncio.run(send())
