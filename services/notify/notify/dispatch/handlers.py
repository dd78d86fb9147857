"""Causes become notices: decided for a whole batch, the inbox written at once, e-mails queued for the sender."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from common.events import Event, new_id
from common.events.members import MemberTierChanged
from common.events.notices import NoticeSent, NoticeSuppressed
from common.events.points import PointsClawedBack, PointsEarned, PointsMoved, PointsRepriced
from common.events.programme import ProgrammeSettings
from common.messaging import Outcome, duplicate, retry
from common.storage import Transaction
from common.storage.programme import programme
from notify.channels import handlers as channels
from notify.dispatch import domain, facts, store
from notify.dispatch.domain import CHANNELS, QUEUED, SENT, UNCORRECTED, Correction
from notify.dispatch.occasions import OCCASIONS, REDEMPTION, waiting
from notify.dispatch.store import Ask, NewNotice
from notify.preferences import handlers as preferences
from notify.preferences.domain import Recipient, zone_of
from notify.since import handlers as since
from notify.since.domain import Later, Thing
from notify.templates import handlers as templates
from notify.templates.words import words

NOTICED_WALLET = "points"
PURCHASE = "purchase"
Known = Mapping[UUID, Recipient]
Corrections = Mapping[store.Order, Correction]


async def points_earned(tx: Transaction, events: Sequence[Event[PointsEarned]]) -> Sequence[Outcome]:
    known = await preferences.recipients(tx, {event.data.member_id for event in events})
    asks = [
        Ask(
            event=event,
            recipient=recipient,
            key="points_earned",
            facts=facts.earned(event.data),
            order=_order_of(event.data),
        )
        for event in events
        if event.data.wallet == NOTICED_WALLET
        and event.data.reason == PURCHASE
        and (recipient := known.get(event.data.member_id))
    ]
    await keep_balances(tx, [event.data for event in events if event.data.member_id in known])
    others = [event for event in events if event.data.reason != PURCHASE and event.data.member_id in known]
    asks += asks_of(others, known)
    return [*_not_yet(events, known), *await dispatch(tx, asks)]


async def points_clawed_back(tx: Transaction, events: Sequence[Event[PointsClawedBack]]) -> Sequence[Outcome]:
    known = await preferences.recipients(tx, {event.data.member_id for event in events})
    noticed = [event for event in events if event.data.member_id in known and event.data.wallet == NOTICED_WALLET]
    await correct(tx, (_taken_back(event.data) for event in noticed))
    await _wait_no_more(tx, (waiting(event.data, domain.CLAWED_BACK, 2) for event in events if event.data.pending))
    await keep_balances(tx, [event.data for event in noticed])
    asks = [
        Ask(
            event=event,
            recipient=known[event.data.member_id],
            key="points_clawed_back",
            facts=facts.clawed_back(event.data),
        )
        for event in noticed
    ]
    return [*_not_yet(events, known), *await dispatch(tx, asks)]


async def points_repriced(tx: Transaction, events: Sequence[Event[PointsRepriced]]) -> None:
    """No news for the member, but what is still to be said of that order must be right."""
    await keep_balances(tx, [event.data for event in events])
    await _wait_no_more(tx, (waiting(event.data, domain.REPRICED, 2) for event in events if event.data.pending < 0))
    await correct(
        tx,
        (
            store.NewCorrection(
                member_id=one.member_id,
                wallet=one.wallet,
                sequence=one.sequence,
                order_source=one.order_source,
                order_id=one.order_id,
                clawed_back=0,
                repriced=one.points - one.pending,
                balance=one.balance,
            )
            for one in (event.data for event in events)
            if one.wallet == NOTICED_WALLET
        ),
    )


async def members_tier_changed(tx: Transaction, events: Sequence[Event[MemberTierChanged]]) -> Sequence[Outcome]:
    known = await preferences.keep_tiers(tx, [event.data for event in events])
    settings = await programme(tx)
    asks = [
        Ask(event=event, recipient=recipient, key=key, facts=facts.tier(event.data, settings))
        for event in events
        if (recipient := known.get(event.data.member_id)) and (key := domain.tier_occasion(event.data.direction))
    ]
    return [*_not_yet(events, known), *await dispatch(tx, asks)]


def asks_of(events: Sequence[Event[Any]], known: Known) -> list[Ask]:
    asks = []
    for event in events:
        said = OCCASIONS[type(event.data)](event.data)
        if said.member_id is not None and said.key:
            spent_by = str(said.facts.get("order_id"))
            order = (said.member_id, REDEMPTION, spent_by) if said.key == "points_redeemed" else None
            asks.append(Ask(event=event, recipient=known[said.member_id], key=said.key, facts=said.facts, order=order))
    return asks


async def keep_balances(tx: Transaction, moved: Sequence[Any]) -> None:
    await since.keep_balances(
        tx,
        [(one.member_id, one.wallet, one.sequence, one.balance, one.debt) for one in moved if hasattr(one, "sequence")],
    )


async def _wait_no_more(tx: Transaction, waiting: Iterable[Thing | None]) -> None:
    await since.keep_things(tx, [one for one in waiting if one is not None])


def _not_yet(events: Sequence[Event[Any]], known: Known) -> list[Outcome]:
    return [retry(event, "unknown_member") for event in events if event.data.member_id not in known]


async def dispatch(tx: Transaction, asks: Sequence[Ask]) -> list[Outcome]:
    """Write one notice per ask and channel, queue the mails, tell what was sent or suppressed."""
    newsworthy = [ask for ask in asks if domain.is_news(ask.key, ask.facts)]
    if not newsworthy:
        return []
    newsworthy.sort(key=lambda ask: (ask.event.id, ask.event.source))
    corrections = await corrections_of(tx, [ask.order for ask in newsworthy if ask.order])
    desk = _Desk(corrections, await templates.shelf(tx), await programme(tx), tx.now)
    known_now = await since.later_of(tx, [(ask.recipient.member_id, ask.facts) for ask in newsworthy])
    decided = [
        (ask, channel, desk.decide(ask, channel, found))
        for ask, found in zip(newsworthy, known_now, strict=True)
        for channel in CHANNELS
    ]
    new = await store.insert(tx, newsworthy, [notice for _, _, notice in decided], CHANNELS)
    mails, done = [], set()
    for ask, channel, notice in decided:
        if notice.notice_id not in new:
            continue
        done.add((ask.event.source, ask.event.id))
        if notice.reason or CHANNELS[channel] != QUEUED:
            _tell(tx, ask, channel, notice)
        else:
            mails.append((notice.notice_id, ask.recipient.member_id))
    await channels.queue(tx, mails, due_at=tx.now)
    return [duplicate(ask.event) for ask in newsworthy if (ask.event.source, ask.event.id) not in done]


class _Desk:
    """Decides one notice after the other from what was loaded for the batch."""

    def __init__(
        self, corrections: Corrections, shelf: templates.Shelf, settings: ProgrammeSettings, now: datetime
    ) -> None:
        self._now = now
        self._corrections = corrections
        self._shelf = shelf
        self._programme = settings.name
        self._zone = settings.time_zone
        self._zones: dict[str, tzinfo] = {}

    def decide(self, ask: Ask, channel: str, later: Later) -> NewNotice:
        recipient = ask.recipient
        correction = self._corrections.get(ask.order, UNCORRECTED) if ask.order and self._corrections else UNCORRECTED
        verdict = domain.judge(ask.key, channel, ask.facts, recipient, correction, later=later, now=self._now)
        choice = self._shelf.find(ask.key, channel, recipient.locale)
        if choice is None:
            return NewNotice(notice_id=new_id(), reason=verdict.reason or domain.NO_TEMPLATE)
        subject = text = facts = None
        if CHANNELS[channel] == SENT:
            # An e-mail is judged again when it leaves, from what was said first: corrections must not count twice.
            facts = verdict.facts if verdict.facts is not ask.facts else None
            if not verdict.reason:
                told = {**verdict.facts, "programme": self._programme}
                wording = choice.template.fill(words(choice.template, told, zone=self._zone_of(recipient)))
                subject, text = wording.subject, wording.text
        return NewNotice(
            notice_id=new_id(),
            template_id=choice.template_id,
            template_version=choice.template.version,
            subject=subject,
            text=text,
            reason=verdict.reason,
            facts=facts,
        )

    def _zone_of(self, recipient: Recipient) -> tzinfo:
        if recipient.time_zone not in self._zones:
            self._zones[recipient.time_zone] = zone_of(recipient.time_zone, self._zone)
        return self._zones[recipient.time_zone]


def _tell(tx: Transaction, ask: Ask, channel: str, notice: NewNotice) -> None:
    about: dict[str, Any] = {
        "notice_id": notice.notice_id,
        "member_id": ask.recipient.member_id,
        "template": ask.key,
        "template_version": notice.template_version,
        "channel": channel,
        "cause_source": ask.event.source,
        "cause_id": ask.event.id,
        "about": ask.event.data.subject(),
        "decided_at": tx.now,
    }
    if notice.reason:
        tx.emit(NoticeSuppressed(**about, reason=notice.reason), cause=ask.event)
    else:
        tx.emit(NoticeSent(**about), cause=ask.event)


async def corrections_of(tx: Transaction, orders: Sequence[store.Order]) -> dict[store.Order, Correction]:
    """What was learned of these orders' points since they were earned; orders without corrections are absent."""
    rows = await store.corrections(tx, orders) if orders else ()
    return {
        (row.member_id, row.order_source, row.order_id): Correction(
            clawed_back=int(row.clawed_back), repriced=int(row.repriced), balance=row.balance
        )
        for row in rows
        if row.wallet == NOTICED_WALLET
    }


async def correct(tx: Transaction, corrections: Iterable[store.NewCorrection | None]) -> None:
    known = [correction for correction in corrections if correction is not None]
    if known:
        await store.correct(tx, sorted(known, key=lambda one: (one.member_id, one.wallet, one.sequence)))


def _order_of(moved: PointsMoved) -> store.Order | None:
    if moved.order_source is None or moved.order_id is None:
        return None
    return (moved.member_id, moved.order_source, moved.order_id)


def _taken_back(moved: PointsClawedBack) -> store.NewCorrection | None:
    """Of what can be spent: what waited was not told of. What followed the purchase (a task) has notices of its own."""
    if moved.order_source is None or moved.order_id is None or moved.reason != PURCHASE:
        return None
    return store.NewCorrection(
        member_id=moved.member_id,
        wallet=moved.wallet,
        sequence=moved.sequence,
        order_source=moved.order_source,
        order_id=moved.order_id,
        clawed_back=moved.points - moved.pending,
        repriced=0,
        balance=moved.balance,
    )
