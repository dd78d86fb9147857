"""Publishes one file from where it stopped: reads, sends, keeps the account of what is confirmed."""

import asyncio
import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.events.contract import Contract
from common.events.event import body_hash_of
from common.events.purchases import Purchase, PurchaseRefunded
from loyalty.publish_csv import Layout, Record, Survey, codec_of, records
from loyalty.publish_mapping import Plan, RecordError, event_data
from loyalty.publish_state import Progress, Rejects, save
from loyalty.publish_wire import Sender, letter

CHECKPOINT_SECONDS = 0.5
REMEMBERED_ORDERS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A file, what it means, where it goes (`url`, CloudEvents `source`), and where the account of it is kept."""

    path: Path
    layout: Layout
    survey: Survey
    plan: Plan
    source: str
    url: str
    state: Path
    rejected: Path


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was found in this run. `totals`: minor units by currency; `reasons`: how often what was rejected."""

    line: int = 0
    taken: int = 0
    rejected: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[tuple[int, str, str]] = field(default_factory=list)

    def count(self, data: Contract) -> None:
        self.taken += 1
        if isinstance(data, Purchase | PurchaseRefunded):
            self.totals[data.currency] += data.amount

    def reject(self, line: int, error: RecordError) -> None:
        self.rejected += 1
        self.reasons[error.column, error.reason if len(self.reasons) < 100 else "…"] += 1
        if len(self.examples) < 10:
            self.examples.append((line, error.column, error.reason))


class Reader:
    """Takes records one after the other and refuses what an earlier line has already said, the same or otherwise."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen: dict[bytes, tuple[int, bytes]] = {}

    def take(self, record: Record) -> Contract:
        """The event of this record; RecordError when it cannot be published."""
        data = event_data(record, self._plan)
        name = "return_id" if isinstance(data, PurchaseRefunded) else "order_id"
        key = hashlib.blake2b(str(getattr(data, name)).encode(), digest_size=8).digest()
        body = body_hash_of(data)[:8]
        line, earlier = self._seen.get(key, (0, b""))
        if line:
            what = "repeats" if earlier == body else "has the number of another one on"
            raise RecordError(name, f"{what} line {line}")
        if len(self._seen) < REMEMBERED_ORDERS:
            self._seen[key] = (record.line, body)
        return data


def rehearse(what: Publication, show: Callable[[Contract], None]) -> Tally:
    """Reads the whole file and sends nothing; `show` gets each event."""
    tally, reader = Tally(), Reader(what.plan)
    for record in records(what.path, what.layout, what.survey):
        tally.line = record.line
        try:
            data = reader.take(record)
        except RecordError as error:
            tally.reject(record.line, error)
        else:
            tally.count(data)
            show(data)
    return tally


async def publish(
    what: Publication, since: Progress, sender: Sender, moved: Callable[[Tally, Progress], None]
) -> tuple[Tally, Progress]:
    """Publishes what `since` does not know as done. `moved` is called at each checkpoint.

    Whatever ends it (SendingError, Ctrl-C), the account of what is confirmed has been written before.
    """
    tally, reader, position = Tally(), Reader(what.plan), since.records
    codec, header = codec_of(what.layout), what.survey.columns if what.layout.header else ()
    with Rejects(what.rejected, header, encoding=codec, delimiter=what.survey.delimiter, since=since) as rejects:

        def account(*, finished: bool = False) -> Progress:
            oldest = sender.oldest_unconfirmed
            done = position if oldest is None else oldest - 1
            rejected, size = rejects.until(done)
            progress = replace(since, records=done, rejected=rejected, rejected_bytes=size, finished=finished)
            save(what.state, progress)
            return progress

        saved = time.monotonic()
        try:
            async with sender:
                for place, record in enumerate(records(what.path, what.layout, what.survey), start=1):
                    if place <= since.records:
                        _remember(reader, record)
                        continue
                    tally.line, position = record.line, place
                    try:
                        data = reader.take(record)
                    except RecordError as error:
                        tally.reject(record.line, error)
                        rejects.add(place, record.line, record.cells, error.column, error.reason)
                    else:
                        tally.count(data)
                        await sender.send(letter(place, what.source, data))
                    if time.monotonic() - saved >= CHECKPOINT_SECONDS:
                        await asyncio.sleep(0)
                        moved(tally, account())
                        saved = time.monotonic()
        except BaseException:
            moved(tally, account())
            raise
        progress = account(finished=True)
        moved(tally, progress)
        return tally, progress


def _remember(reader: Reader, record: Record) -> None:
    """Done in an earlier run: only its order number is of interest still."""
    with contextlib.suppress(RecordError):
        reader.take(record)
