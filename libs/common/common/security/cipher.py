"""Personal data at rest: one AES-256-GCM data key per member, itself sealed by the rotating master key.

    sealed = await cipher.seal(tx, member_id, {"name": "王芳", "phone": "+86…"})     # Sealed(key=…, box=…)
    fields = await cipher.open(tx, member_id, sealed.box)

`box` is stored where the data belongs and travels in events; the sealed data key is in `data_keys` of each service that
may read the data, and travels as `Sealed.key` for those that do not have it yet (`adopt`). A box opens only for the
member and purpose it was made for.

Erasing a member destroys the data key: every box of that member, wherever copied, is noise. What stays is the row
without a key, so that an event that comes late brings nothing back. Backups: keep those of `data_keys` for a shorter
time than the others, or rotate the master key after an erasure: an old copy of the row opens with an old master key.
"""

from collections.abc import Mapping
from typing import Any, Self
from uuid import UUID

from common.events.members import Sealed as Sealed
from common.security import boxes, datakeys
from common.security.blindindex import BlindIndex
from common.security.masterkeys import MasterKeys, SealBrokenError, decode, encode
from common.storage import Transaction

PERSONAL = "personal"
"""The purpose of what travels in events."""
REWRAP_LIMIT = 500


class PersonalDataErasedError(Exception):
    """The member was erased: the personal data cannot be read by anybody any more."""

    def __init__(self, member_id: UUID) -> None:
        super().__init__("The personal data of this member was erased.")
        self.member_id = member_id


class Cipher:
    """Seals and opens the personal data of one service. Keeps no data key in memory."""

    def __init__(self, masters: MasterKeys, *, index_key: bytes | None = None) -> None:
        self.masters = masters
        self._index = BlindIndex(index_key or masters.oldest)

    @classmethod
    def of(cls, settings: Any) -> Self:
        """From the settings `master_keys` and `index_key`, if there is one. Raises ValueError naming the wrong one."""
        index_key = getattr(settings, "index_key", None)
        text = index_key.get_secret_value() if index_key is not None else ""
        try:
            key = decode(text) or None
        except ValueError:
            raise ValueError("INDEX_KEY is not base64url") from None
        return cls(MasterKeys.parse(settings.master_keys.get_secret_value()), index_key=key)

    async def seal(
        self, tx: Transaction, member_id: UUID, fields: Mapping[str, str], *, purpose: str = PERSONAL
    ) -> Sealed:
        """Encrypt one member's fields; makes the data key when there is none. Raises PersonalDataErasedError."""
        sealed = await self.seal_many(tx, {member_id: fields}, purpose=purpose)
        if member_id not in sealed:
            raise PersonalDataErasedError(member_id)
        return sealed[member_id]

    async def seal_many(
        self, tx: Transaction, fields: Mapping[UUID, Mapping[str, str]], *, purpose: str = PERSONAL
    ) -> dict[UUID, Sealed]:
        """The same for many members at once; erased ones are left out."""
        if not fields:
            return {}
        fresh = {member_id: self._wrap(member_id, boxes.new_key()) for member_id in fields}
        keys = await datakeys.ensure(tx, fresh)
        sealed = {}
        for member_id, wrapped in keys.items():
            if wrapped:
                data_key = self._unwrap(member_id, wrapped)
                box = boxes.seal(data_key, fields[member_id], about=_about(member_id, purpose))
                sealed[member_id] = Sealed(key=encode(wrapped), box=encode(box))
        return sealed

    async def open(self, tx: Transaction, member_id: UUID, box: str, *, purpose: str = PERSONAL) -> dict[str, str]:
        """The fields again. Raises PersonalDataErasedError, SealBrokenError."""
        opened = await self.open_many(tx, {member_id: box}, purpose=purpose)
        if member_id not in opened:
            raise PersonalDataErasedError(member_id)
        return opened[member_id]

    async def open_many(
        self, tx: Transaction, sealed: Mapping[UUID, str], *, purpose: str = PERSONAL
    ) -> dict[UUID, dict[str, str]]:
        """The same for many members at once; erased (or never known) ones are left out. Raises SealBrokenError."""
        if not sealed:
            return {}
        opened = {}
        for member_id, wrapped in (await datakeys.find(tx, sealed)).items():
            if wrapped:
                box = datakeys.sealed_bytes(sealed[member_id])
                data_key = self._unwrap(member_id, wrapped)
                opened[member_id] = boxes.open(data_key, box, about=_about(member_id, purpose))
        return opened

    async def adopt(self, tx: Transaction, keys: Mapping[UUID, str]) -> None:
        """`datakeys.adopt`: keep data keys that came in events."""
        await datakeys.adopt(tx, keys)

    async def destroy(self, tx: Transaction, *member_ids: UUID) -> None:
        """`datakeys.destroy`: erase these members."""
        await datakeys.destroy(tx, *member_ids)

    async def rewrap(self, tx: Transaction, *, limit: int = REWRAP_LIMIT) -> int:
        """Seal up to `limit` data keys with the current master key; call until it returns 0, then drop the old one.

        Keys that cannot be opened are passed over; raises SealBrokenError when no others are left.
        """
        broken: SealBrokenError | None = None
        fresh = {}
        for member_id, wrapped in (await datakeys.sealed_before(tx, self.masters.current_id, limit=limit)).items():
            try:
                fresh[member_id] = self._wrap(member_id, self._unwrap(member_id, wrapped))
            except SealBrokenError as error:
                broken = error
        if broken is not None and not fresh:
            raise broken
        if fresh:
            await datakeys.replace(tx, fresh)
        return len(fresh)

    def blind_index(self, text: str, *, field: str = "") -> bytes:
        """32 bytes that are equal for equal texts of a field, and tell nothing without the key (`blindindex`)."""
        return self._index.of(text, field=field)

    def _wrap(self, member_id: UUID, data_key: bytes) -> bytes:
        return self.masters.seal(data_key, about=_about(member_id, "data key"))

    def _unwrap(self, member_id: UUID, wrapped: bytes) -> bytes:
        return self.masters.open(wrapped, about=_about(member_id, "data key"))


def _about(member_id: UUID, purpose: str) -> bytes:
    return member_id.bytes + purpose.encode()
