"""What members told about themselves: kept newest first, opened only while a mail is being made."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from common.events import Event
from common.events.members import MemberState, MemberTierChanged
from common.messaging import Outcome, dead
from common.security.cipher import Cipher
from common.security.masterkeys import KEY_BYTES, MasterKeyMissingError, MasterKeys, SealBrokenError, decode, encode
from common.storage import Transaction
from notify.preferences import store
from notify.preferences.domain import ERASED, Recipient


class ContactUnreadableError(Exception):
    """The sealed contact cannot be opened. `for_now`: a master key is missing, so it may be readable later."""

    def __init__(self, reason: str, *, for_now: bool) -> None:
        super().__init__(reason)
        self.for_now = for_now


Opened = Mapping[UUID, dict[str, str] | ContactUnreadableError]


async def members_changed(tx: Transaction, events: Sequence[Event[MemberState]]) -> Sequence[Outcome]:
    """Registered or updated: the highest revision of each member is kept, an erased one loses the key."""
    outcomes = [dead(event, "sealed_data_broken", reason) for event in events if (reason := _flaw(event.data))]
    refused = {outcome.event.id for outcome in outcomes}
    newest: dict[UUID, MemberState] = {}
    for event in events:
        member = event.data
        known = newest.get(member.member_id)
        if event.id not in refused and (known is None or known.revision < member.revision):
            newest[member.member_id] = member
    members = [newest[member_id] for member_id in sorted(newest)]
    if members:
        boxes = [decode(member.personal.box) if member.personal else None for member in members]
        changed = await store.keep(tx, members, boxes)
        await _keep_keys(tx, [member for member in members if member.member_id in changed])
    return outcomes


async def _keep_keys(tx: Transaction, members: Sequence[MemberState]) -> None:
    keys = {member.member_id: member.personal.key for member in members if member.personal and member.status != ERASED}
    await _keyring().adopt(tx, keys)
    await _keyring().destroy(tx, *(member.member_id for member in members if member.status == ERASED))


def _keyring() -> Cipher:
    """Keeps and destroys wrapped keys, which needs no master key; only the sender can open one."""
    return Cipher(MasterKeys([("none", bytes(KEY_BYTES))]))


def _flaw(member: MemberState) -> str:
    if member.personal is None:
        return ""
    try:
        decode(member.personal.box)
        _keyring().masters.key_id_of(decode(member.personal.key))
    except (ValueError, SealBrokenError) as error:
        return f"the sealed personal data cannot be kept: {error}"
    return ""


async def recipients(tx: Transaction, member_ids: Iterable[UUID]) -> dict[UUID, Recipient]:
    """Those of the members who are known here."""
    return {one.member_id: one for one in await store.recipients(tx, list(set(member_ids)))}


async def keep_tiers(tx: Transaction, changes: Sequence[MemberTierChanged]) -> dict[UUID, Recipient]:
    """Keep the highest revision of each member's tier; returns the members who are known, with that tier."""
    newest: dict[UUID, MemberTierChanged] = {}
    for change in changes:
        if change.member_id not in newest or newest[change.member_id].revision < change.revision:
            newest[change.member_id] = change
    ids = sorted(newest)
    await store.lock(tx, ids)
    await store.keep_tiers(tx, [(member_id, newest[member_id].tier, newest[member_id].revision) for member_id in ids])
    return await recipients(tx, ids)


async def open_contacts(tx: Transaction, cipher: Cipher, member_ids: Iterable[UUID]) -> Opened:
    """The contacts in clear, or why one cannot be read; members without a contact (or key) are absent."""
    sealed = {member_id: encode(box) for member_id, box in (await store.boxes(tx, sorted(set(member_ids)))).items()}
    try:
        return await cipher.open_many(tx, sealed)
    except SealBrokenError:
        return await _open_each(tx, cipher, sealed)


async def _open_each(tx: Transaction, cipher: Cipher, sealed: Mapping[UUID, str]) -> Opened:
    opened: dict[UUID, dict[str, str] | ContactUnreadableError] = {}
    for member_id, box in sealed.items():
        try:
            opened |= await cipher.open_many(tx, {member_id: box})
        except SealBrokenError as error:
            opened[member_id] = ContactUnreadableError(str(error), for_now=isinstance(error, MasterKeyMissingError))
    return opened
