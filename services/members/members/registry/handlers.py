"""Register, read and change members."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row

from common.events import new_id
from common.events.members import MemberRegistered, MemberUpdated, Preferences, Sealed
from common.security.callers import Caller
from common.storage import Transaction
from members.cards.domain import RANDOM_RANGE, card_number
from members.identities import handlers as identities
from members.identities.domain import CARD_NUMBER, EMAIL, EXTERNAL_ID, OPENID, PHONE, Identity, IdentityInvalidError
from members.identities.store import Claim
from members.keyring import Keyring
from members.registry import domain, store
from members.registry.domain import (
    IdentityTakenError,
    Member,
    MemberInvalidError,
    MemberNotFoundError,
    MemberStaleError,
    RevisionNeededError,
)
from members.tiers import handlers as tiers

PROFILE, HISTORY, BIRTHDAY = "profile", "history", "birthday"
"""Purposes that personal data is sealed for; only the birthday travels in events."""
IDENTITY_FIELDS = (PHONE, EMAIL, OPENID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What is known of somebody who becomes a member; "" is not known. `external_ids` are (system, id)."""

    name: str = ""
    phone: str = ""
    email: str = ""
    openid: str = ""
    external_ids: tuple[tuple[str, str], ...] = ()
    birthday: str = ""
    birthday_calendar: str = ""
    address: str = ""
    gender: str = ""
    region: str = ""
    channel: str = ""
    registered_at: datetime | None = None
    preferences: Preferences = field(default_factory=Preferences)


@dataclass(frozen=True, slots=True)
class _Applicant:
    member: Member
    claims: list[Claim]


Refused = IdentityTakenError | MemberInvalidError


async def register(
    tx: Transaction, caller: Caller, keys: Keyring, registrations: Sequence[Registration]
) -> list[Member | Refused]:
    """Make members of them, all in one go; for each the member, or why not. Who comes first has the identity."""
    answers: list[Member | Refused] = []
    waiting: dict[int, _Applicant] = {}
    for place, registration in enumerate(registrations):
        try:
            applicant = _applicant(registration, keys, tx.now)
        except MemberInvalidError as error:
            answers.append(error)
            continue
        waiting[place] = applicant
        answers.append(applicant.member)
    while waiting:
        refused = await identities.claim(tx, {a.member.member_id: a.claims for a in waiting.values()})
        redrawn: dict[int, _Applicant] = {}
        for place, applicant in waiting.items():
            lost = refused.get(applicant.member.member_id)
            if lost is not None and lost.keys() == {CARD_NUMBER}:
                redrawn[place] = _with_new_card(applicant, keys)
                answers[place] = redrawn[place].member
            elif lost is not None:
                known = next((owner for owner in lost.values() if owner is not None), None)
                answers[place] = IdentityTakenError(sorted(lost), known)
        waiting = redrawn
    await _welcome(tx, caller, keys, [answer for answer in answers if isinstance(answer, Member)])
    return answers


async def read(tx: Transaction, keys: Keyring, member_id: UUID) -> Member:
    """Raises MemberNotFoundError."""
    return await _member(tx, keys, await store.find(tx, member_id), member_id)


async def change(
    tx: Transaction, caller: Caller, keys: Keyring, member_id: UUID, fields: Mapping[str, str], *, seen: int | None
) -> Member:
    """Change these fields (by name, as text; `external_ids` and `preferences` as JSON); nothing new changes nothing.

    Raises RevisionNeededError, MemberNotFoundError, MemberStaleError, MemberInvalidError, IdentityTakenError.
    """
    if seen is None:
        raise RevisionNeededError
    before = await _member(tx, keys, await store.find(tx, member_id, lock=True), member_id)
    if seen != before.revision:
        raise MemberStaleError(seen=seen, revision=before.revision)
    written = domain.with_birthday({**domain.fields_of(before), **_written(fields, keys)}, tx.now.date())
    changed = domain.changes(domain.fields_of(before), written)
    if not changed:
        return before
    after = _with(before, written)
    await _move_identities(tx, keys, before, after)
    sealed = await keys.cipher.seal(tx, member_id, after.personal, purpose=PROFILE)
    values = {name: orjson.dumps(pair).decode() for name, pair in changed.items()}
    noted = await keys.cipher.seal(tx, member_id, values, purpose=HISTORY)
    await store.change(tx, after, sealed.box)
    await store.note(tx, caller, "changed", {(member_id, after.revision): noted.box})
    told = await keys.cipher.seal(tx, member_id, _told(after))
    days = await _birthdays(tx, keys, [after])
    tx.emit(MemberUpdated(**_state(after, told, days.get(member_id)), changed=tuple(changed)))
    return after


async def history(
    tx: Transaction, keys: Keyring, member_id: UUID, *, below: int, limit: int
) -> list[tuple[Row[Any], dict[str, tuple[str, str]]]]:
    """Changes of the member, the newest first: who and when, and field → (before, after).

    Raises MemberNotFoundError, PersonalDataErasedError.
    """
    if await store.find(tx, member_id) is None:
        raise MemberNotFoundError(member_id)
    entries = []
    for row in await store.history(tx, member_id, below=below, limit=limit):
        values = await keys.cipher.open(tx, member_id, row.values, purpose=HISTORY) if row.values else {}
        entries.append((row, {name: tuple(orjson.loads(pair)) for name, pair in values.items()}))
    return entries


async def count(tx: Transaction) -> int:
    return await store.count(tx)


async def opened(tx: Transaction, keys: Keyring, rows: Sequence[Row[Any]]) -> list[Member]:
    """Members of rows of the table, with what is known of the persons; an erased one is without."""
    profiles = {row.member_id: row.profile for row in rows}
    personal = await keys.cipher.open_many(tx, profiles, purpose=PROFILE)
    held = await tiers.tiers_of(tx, list(profiles))
    return [_of_row(row, personal.get(row.member_id, {}), held[row.member_id]) for row in rows]


async def _member(tx: Transaction, keys: Keyring, row: Row[Any] | None, member_id: UUID) -> Member:
    if row is None:
        raise MemberNotFoundError(member_id)
    return (await opened(tx, keys, [row]))[0]


async def _welcome(tx: Transaction, caller: Caller, keys: Keyring, members: Sequence[Member]) -> None:
    """Write down those whose identities were free, and tell of them."""
    if not members:
        return
    profiles = await keys.cipher.seal_many(tx, {m.member_id: m.personal for m in members}, purpose=PROFILE)
    told = await keys.cipher.seal_many(tx, {m.member_id: _told(m) for m in members})
    await store.add(tx, members, {member_id: sealed.box for member_id, sealed in profiles.items()})
    await store.note(tx, caller, "registered", {(m.member_id, 1): None for m in members})
    await tiers.joined(tx, [(m.member_id, m.registered_at) for m in members])
    days = await _birthdays(tx, keys, members)
    for member in members:
        tx.emit(MemberRegistered(**_state(member, told[member.member_id], days.get(member.member_id))))


def _applicant(registration: Registration, keys: Keyring, now: datetime) -> _Applicant:
    external = orjson.dumps(registration.external_ids).decode() if registration.external_ids else ""
    given = {
        "name": registration.name,
        "phone": registration.phone,
        "email": registration.email,
        "birthday": registration.birthday,
        "birthday_calendar": registration.birthday_calendar,
        "address": registration.address,
        "openid": registration.openid,
        "external_ids": external,
    }
    personal = domain.with_birthday(_written({name: text for name, text in given.items() if text}, keys), now.date())
    member = Member(
        member_id=new_id(),
        revision=1,
        status=domain.ACTIVE,
        registered_at=domain.check_registered_at(registration.registered_at or now, now),
        channel=registration.channel,
        region=registration.region,
        gender=registration.gender,
        tier=tiers.FIRST_TIER,
        preferences=registration.preferences.model_dump_json(),
        personal=personal,
    )
    return _with_new_card(_Applicant(member, []), keys)


def _with_new_card(applicant: _Applicant, keys: Keyring) -> _Applicant:
    card = card_number(secrets.randbelow(RANDOM_RANGE))
    member = replace(applicant.member, personal={**applicant.member.personal, "card_number": card})
    return _Applicant(member, keys.recognition.claims(member.member_id, _identities(member)))


def _written(fields: Mapping[str, str], keys: Keyring) -> dict[str, str]:
    """The fields in their one written form. Raises MemberInvalidError."""
    written = dict(fields)
    try:
        for kind in IDENTITY_FIELDS:
            if written.get(kind):
                written[kind] = keys.recognition.identity(kind, written[kind]).value
        if written.get("external_ids"):
            pairs = [(system, id) for system, id in orjson.loads(written["external_ids"])]
            whole = {(system, keys.recognition.identity(EXTERNAL_ID, id, system).value) for system, id in pairs}
            written["external_ids"] = orjson.dumps(sorted(whole)).decode() if whole else ""
    except IdentityInvalidError as error:
        field = "external_ids" if error.kind == EXTERNAL_ID else error.kind
        raise MemberInvalidError(field, error.reason) from error
    return written


def _identities(member: Member) -> list[Identity]:
    """All identities of a member, in their written form."""
    kinds = (*IDENTITY_FIELDS, CARD_NUMBER)
    found = [Identity(kind=kind, value=member.personal[kind]) for kind in kinds if member.personal.get(kind)]
    external = orjson.loads(member.personal.get("external_ids") or "[]")
    return found + [Identity(kind=EXTERNAL_ID, value=id, system=system) for system, id in external]


async def _move_identities(tx: Transaction, keys: Keyring, before: Member, after: Member) -> None:
    old = {claim.digest: claim for claim in keys.recognition.claims(before.member_id, _identities(before))}
    new = {claim.digest: claim for claim in keys.recognition.claims(after.member_id, _identities(after))}
    fresh = [claim for digest, claim in new.items() if digest not in old]
    if fresh:
        refused = (await identities.claim(tx, {after.member_id: fresh})).get(after.member_id)
        if refused:
            raise IdentityTakenError(sorted(refused), next((owner for owner in refused.values() if owner), None))
    await identities.release(tx, [claim for digest, claim in old.items() if digest not in new])


def _with(member: Member, fields: Mapping[str, str]) -> Member:
    return replace(
        member,
        revision=member.revision + 1,
        status=fields["status"],
        channel=fields["channel"],
        region=fields["region"],
        gender=fields["gender"],
        preferences=fields["preferences"],
        personal={name: fields[name] for name in domain.PERSONAL_FIELDS if fields.get(name)},
    )


def _told(member: Member) -> dict[str, str]:
    return {name: member.personal[name] for name in domain.TOLD_FIELDS if member.personal.get(name)}


async def _birthdays(tx: Transaction, keys: Keyring, members: Sequence[Member]) -> dict[UUID, Sealed]:
    """Sealed apart: who needs the day need not read name and address."""
    told = {member.member_id: day for member in members if (day := domain.birthday_told(member.personal))}
    return await keys.cipher.seal_many(tx, told, purpose=BIRTHDAY)


def _state(member: Member, sealed: Sealed, birthday: Sealed | None) -> dict[str, Any]:
    return {
        "member_id": member.member_id,
        "revision": member.revision,
        "status": member.status,
        "registered_at": member.registered_at,
        "channel": member.channel,
        "region": member.region,
        "gender": member.gender,
        "tier": member.tier,
        "preferences": Preferences.model_validate_json(member.preferences),
        "personal": sealed,
        "birthday": birthday,
    }


def _of_row(row: Row[Any], personal: Mapping[str, str], tier: str) -> Member:
    return Member(
        member_id=row.member_id,
        revision=row.revision,
        status=row.status,
        registered_at=row.registered_at,
        channel=row.channel,
        region=row.region,
        gender=row.gender,
        tier=tier,
        preferences=Preferences.model_validate_json(row.preferences).model_dump_json(),
        personal=personal,
    )
