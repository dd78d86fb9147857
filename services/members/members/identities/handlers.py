"""Claim identities for members and find members by them, without keeping an identity readable."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.events.purchases import CustomerReference
from common.storage import Transaction
from members.identities import domain, store
from members.identities.domain import Identity
from members.identities.store import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """How identities are read and hashed: `blind_index(text, field=kind)`, and the region of national phone numbers."""

    blind_index: Callable[..., bytes]
    phone_region: str = "CN"

    def identity(self, kind: str, text: str, system: str = "") -> Identity:
        """Raises IdentityInvalidError."""
        return domain.identity(kind, text, region=self.phone_region, system=system)

    def digest(self, identity: Identity) -> bytes:
        return self.blind_index(f"{identity.system}\n{identity.value}", field=identity.kind)

    def claims(self, member_id: UUID, identities: Sequence[Identity]) -> list[Claim]:
        return [
            Claim(digest=self.digest(one), kind=one.kind, system=one.system, member_id=member_id) for one in identities
        ]

    def referred(self, source: str, customer: CustomerReference) -> Identity:
        """How a sender knows its customer; an external id is the sender's own. Raises IdentityInvalidError."""
        for kind in (domain.CARD_NUMBER, domain.PHONE, domain.OPENID):
            if (text := getattr(customer, kind)) is not None:
                return self.identity(kind, text)
        return self.identity(domain.EXTERNAL_ID, customer.external_id or "", source)


async def owners(tx: Transaction, recognition: Recognition, identities: Sequence[Identity]) -> list[UUID | None]:
    """The member of each identity, None where nobody is known by it; one query for all."""
    digests = [recognition.digest(one) for one in identities]
    known = await store.owners(tx, digests)
    return [known.get(digest) for digest in digests]


async def claim(tx: Transaction, wanted: Mapping[UUID, Sequence[Claim]]) -> dict[UUID, dict[str, UUID | None]]:
    """Give each member all its identities or none.

    Returns what was refused: member → kind → who has it already (None: another of `wanted`, or somebody registered in
    this very moment). Those who come first in `wanted` win.
    """
    known = await store.owners(tx, [entry.digest for claims in wanted.values() for entry in claims])
    refused: dict[UUID, dict[str, UUID | None]] = {}
    taken: dict[bytes, UUID] = {}
    free: list[Claim] = []
    for member_id, claims in wanted.items():
        lost: dict[str, UUID | None] = {
            c.kind: known[c.digest] for c in claims if known.get(c.digest, member_id) != member_id
        }
        lost.update({c.kind: None for c in claims if c.digest in taken})
        if lost:
            refused[member_id] = lost
            continue
        fresh = [entry for entry in claims if entry.digest not in known]
        taken.update((entry.digest, member_id) for entry in fresh)
        free += fresh
    won = await store.claim(tx, free) if free else set()
    if len(won) < len(free):
        await _give_back(tx, free, won, refused)
    return refused


async def release(tx: Transaction, claims: Sequence[Claim]) -> None:
    """These identities are free again."""
    if claims:
        await store.release(tx, claims)


async def _give_back(
    tx: Transaction, free: Sequence[Claim], won: set[bytes], refused: dict[UUID, dict[str, UUID | None]]
) -> None:
    """Somebody was faster in the same moment: who lost one identity gets none."""
    for entry in free:
        if entry.digest not in won:
            refused.setdefault(entry.member_id, {})[entry.kind] = None
    await store.release(tx, [entry for entry in free if entry.member_id in refused and entry.digest in won])
