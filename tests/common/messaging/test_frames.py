"""The tap hands over the same deliveries, confirmations and returns however the bytes are cut on the way."""

import asyncio
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands as spec
from pamqp.body import ContentBody
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from common.messaging.frames import BASIC_ACK, HEARTBEAT, Delivery, FrameTap


class Sink:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def delivered(self, delivery: Delivery) -> None:
        self.seen.append(delivery)

    def returned(self, message_id: str, reason: str) -> None:
        self.seen.append(("returned", message_id, reason))

    def confirmed(self, tag: int, *, multiple: bool, positive: bool) -> None:
        self.seen.append(("confirmed", tag, multiple, positive))


def content(method: Any, body: bytes, *, cut: int, **properties: Any) -> bytes:
    parts = [body[at : at + cut] for at in range(0, len(body), cut)]
    header = ContentHeader(body_size=len(body), properties=spec.Basic.Properties(**properties))
    return b"".join([marshal(method, 1), marshal(header, 1), *(marshal(ContentBody(part), 1) for part in parts)])


STREAM = b"".join(
    [
        content(
            spec.Basic.Deliver(consumer_tag="c", delivery_tag=1, redelivered=True, exchange="e", routing_key="k"),
            b"x" * 50,
            cut=20,
            content_type="application/json",
            delivery_mode=2,
        ),
        HEARTBEAT,
        content(
            spec.Basic.Deliver(consumer_tag="c", delivery_tag=2, redelivered=False, exchange="", routing_key="q"),
            b"",
            cut=20,
            headers={"x-delivery-count": 3},
        ),
        marshal(spec.Basic.Ack(delivery_tag=9, multiple=True), 1),
        marshal(spec.Basic.Nack(delivery_tag=10), 1),
        content(
            spec.Basic.Return(reply_code=312, reply_text="NO_ROUTE", exchange="e", routing_key="nowhere"),
            b"lost",
            cut=20,
            message_id="11",
        ),
        marshal(spec.Channel.Close(reply_code=406, reply_text="no", class_id=0, method_id=0), 1),
        marshal(spec.Basic.Ack(delivery_tag=1), 2),
    ]
)
PASSED = HEARTBEAT + marshal(spec.Channel.Close(reply_code=406, reply_text="no", class_id=0, method_id=0), 1)
OTHER = marshal(spec.Basic.Ack(delivery_tag=1), 2)
SEEN = [
    Delivery(1, True, "k", "e", "application/json", {}, b"x" * 50),
    Delivery(2, False, "q", "", "", {"x-delivery-count": 3}, b""),
    ("confirmed", 9, True, True),
    ("confirmed", 10, False, False),
    ("returned", "11", "no queue for key 'nowhere' on 'e'"),
]


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=12))
def test_frames_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    async def run() -> tuple[list[Any], bytes]:
        reader = asyncio.StreamReader()
        tap, sink = FrameTap(reader), Sink()
        tap.sinks[1] = sink
        edges = [0, *sorted(cuts), len(STREAM)]
        wanted = asyncio.ensure_future(tap.readexactly(len(PASSED + OTHER)))
        for start, end in pairwise(edges):
            if end > start:
                reader.feed_data(STREAM[start:end])
            await asyncio.sleep(0)
        return sink.seen, (await wanted).replace(HEARTBEAT, b"")

    seen, passed = asyncio.run(run())
    assert seen == SEEN
    assert passed.startswith((PASSED + OTHER).replace(HEARTBEAT, b"")[: len(passed)])


async def test_a_connection_that_ends_in_the_middle_of_a_frame_is_an_error_for_aiormq() -> None:
    reader = asyncio.StreamReader()
    tap = FrameTap(reader)
    reader.feed_data(HEARTBEAT[:5])
    reader.feed_eof()
    try:
        await tap.readexactly(8)
    except asyncio.IncompleteReadError:
        return
    raise AssertionError("a broken stream was read as whole")


def test_the_method_numbers_are_those_of_the_specification() -> None:
    assert BASIC_ACK == (60 << 16) | 80 == spec.Basic.Ack.index
