"""Purchases that came without a member, or over HTTP: find out whose they are, and publish them for their source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.events import Event
from common.events.event import body_hash_of
from common.events.purchases import Purchase, PurchaseCompleted, PurchaseRefunded, PurchaseSubmitted
from common.messaging import Outcome, dead, duplicate, retry
from common.security.callers import Caller
from common.storage import Transaction
from members import keyring
from members.identities import handlers as identities
from members.identities.domain import Identity, IdentityInvalidError
from members.identities.handlers import Recognition
from members.purchases import handlers as purchases
from members.purchases.domain import Refusal, grouped, refusal
from members.submissions import domain, store
from members.submissions.domain import ACCEPTED, CONFLICT, DUPLICATE, INVALID
from members.submissions.store import Key, Submission
from members.tiers import handlers as tiers

PURCHASE, RETURN = "purchase", "return"
REUSED = {PURCHASE: "order_id_reused", RETURN: "return_id_reused"}
Submittable = PurchaseCompleted | PurchaseSubmitted | PurchaseRefunded
Submitted = Event[PurchaseSubmitted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of something handed in: `outcome` is accepted, duplicate, conflict or invalid."""

    outcome: str
    event_id: str = ""
    reason: str = ""
    message: str = ""


async def purchases_submitted(tx: Transaction, events: Sequence[Submitted]) -> Sequence[Outcome]:
    """Publish each as `purchase.completed.v1` of the shop that sent it, as soon as the customer is a member."""
    recognition = keyring.current().recognition
    outcomes, taken = purchases.sift(events, await purchases.limits_now(tx), tx.now)
    groups = grouped([((event.source, event.data.order_id), event) for event in taken])
    before = await store.resolved(tx, sorted(groups))
    fresh: dict[Key, tuple[Submitted, Identity]] = {}
    for key, same in groups.items():
        if key not in before:
            try:
                fresh[key] = same.first, recognition.referred(same.first.source, same.first.data.customer)
            except IdentityInvalidError as error:
                outcomes.append(dead(same.first, "invalid_customer", str(error)))
        again = (same.first, *same.others) if key in before else same.others
        outcomes += [_again(event, before.get(key, same.first.body_hash)) for event in again]
    found = await identities.owners(tx, recognition, [identity for _, identity in fresh.values()])
    resolved: dict[Key, tuple[Submitted, UUID]] = {}
    for (key, (event, identity)), member_id in zip(fresh.items(), found, strict=True):
        if member_id is None:
            outcomes.append(retry(event, "unknown_customer", f"No member has this {identity.kind} (yet)."))
        else:
            resolved[key] = event, member_id
    return outcomes + (await _publish(tx, resolved) if resolved else [])


async def _publish(tx: Transaction, resolved: Mapping[Key, tuple[Submitted, UUID]]) -> list[Outcome]:
    new = await store.resolve(tx, {key: (event.body_hash, member) for key, (event, member) in resolved.items()})
    faster = await store.resolved(tx, [key for key in resolved if key not in new])
    outcomes = []
    for key, (event, member_id) in resolved.items():
        if key in faster:
            outcomes.append(_again(event, faster[key]))
            continue
        completed = _completed(event.data, member_id)
        id = domain.event_id(completed.TYPE, event.source, key[1], body_hash_of(completed))
        tx.emit(completed, cause=event, source=event.source, id=id)
    return outcomes


def _again(event: Submitted, first_hash: bytes) -> Outcome:
    if event.body_hash == first_hash:
        return duplicate(event)
    order = f"{event.data.order_id!r} of {event.source}"
    return dead(event, "order_id_reused", f"{order} came before with another body.")


def _completed(data: PurchaseSubmitted, member_id: UUID) -> PurchaseCompleted:
    order = {name: getattr(data, name) for name in Purchase.model_fields}
    return PurchaseCompleted(member_id=member_id, **order)


async def submit(
    tx: Transaction, caller: Caller, recognition: Recognition, given: Sequence[tuple[str, Submittable]]
) -> list[Answer]:
    """Hand in (source, purchase or return) each; what is accepted is published, and nothing but its key is kept.

    The same again is a duplicate; the same key with another body a conflict. Either all are purchases or all returns.
    """
    refused = await _refusals(tx, recognition, given)
    kind = RETURN if any(isinstance(data, PurchaseRefunded) for _, data in given) else PURCHASE
    ones = [_submission(source, data) for source, data in given]
    firsts: dict[Key, Submission] = {}
    for one, refusal_ in zip(ones, refused, strict=True):
        if refusal_ is None:
            firsts.setdefault((one.source, one.key), one)
    before = {**await _recorded(tx, given), **await store.submitted(tx, kind, sorted(firsts))}
    fresh = [one for key, one in firsts.items() if key not in before]
    new = await store.submit(tx, kind, caller.subject, fresh) if fresh else set()
    lost = [(one.source, one.key) for one in fresh if (one.source, one.key) not in new]
    before.update(await store.submitted(tx, kind, lost))
    answers = []
    for one, (source, data), refusal_ in zip(ones, given, refused, strict=True):
        key = (one.source, one.key)
        if refusal_ is not None:
            answers.append(Answer(outcome=INVALID, reason=refusal_.reason, message=refusal_.message))
        elif one.body_hash != before.get(key, firsts[key].body_hash):
            reused = domain.OrderReusedError(source=source, key=one.key)
            answers.append(Answer(outcome=CONFLICT, reason=REUSED[kind], message=str(reused)))
        elif key in new and one is firsts[key]:
            tx.emit(data, source=source, id=one.event_id)
            answers.append(Answer(outcome=ACCEPTED, event_id=one.event_id))
        else:
            answers.append(Answer(outcome=DUPLICATE, event_id=one.event_id))
    return answers


async def _refusals(
    tx: Transaction, recognition: Recognition, given: Sequence[tuple[str, Submittable]]
) -> list[Refusal | None]:
    """Why each will never be taken: by currency, by time, or because nobody can be meant."""
    limits = await purchases.limits_now(tx)
    named = {data.member_id for _, data in given if isinstance(data, PurchaseCompleted)}
    members = await tiers.tiers_of(tx, sorted(named)) if named else {}
    refusals = []
    for source, data in given:
        found = refusal(data.currency, data.occurred_at, limits, tx.now)
        if found is None and isinstance(data, PurchaseCompleted) and data.member_id not in members:
            found = Refusal(reason="unknown_member", message=f"There is no member {data.member_id}.")
        if found is None and isinstance(data, PurchaseSubmitted):
            try:
                recognition.referred(source, data.customer)
            except IdentityInvalidError as error:
                found = Refusal(reason="invalid_customer", message=str(error))
        refusals.append(found)
    return refusals


async def _recorded(tx: Transaction, given: Sequence[tuple[str, Submittable]]) -> dict[Key, bytes]:
    """Body hashes of those that came over AMQP before."""
    completed = [(source, data.order_id) for source, data in given if isinstance(data, PurchaseCompleted)]
    submitted = [(source, data.order_id) for source, data in given if isinstance(data, PurchaseSubmitted)]
    returned = [(source, data.return_id) for source, data in given if isinstance(data, PurchaseRefunded)]
    return {
        **await purchases.known(tx, completed),
        **await store.resolved(tx, submitted),
        **await purchases.known_returns(tx, returned),
    }


def _submission(source: str, data: Submittable) -> Submission:
    key = data.return_id if isinstance(data, PurchaseRefunded) else data.order_id
    body_hash = body_hash_of(data)
    id = domain.event_id(data.TYPE, source, key, body_hash)
    return Submission(source=source, key=key, body_hash=body_hash, event_id=id)
