"""SQL of identities."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.storage import Transaction

_OWNERS = "SELECT digest, member_id FROM identities WHERE digest = ANY (CAST(:digests AS bytea[]))"
_CLAIM = """
    INSERT INTO identities (digest, kind, system, member_id, claimed_at)
    SELECT *, CAST(:now AS timestamptz) FROM unnest(
        CAST(:digests AS bytea[]), CAST(:kinds AS text[]), CAST(:systems AS text[]), CAST(:member_ids AS uuid[]))
    ON CONFLICT (digest) DO NOTHING RETURNING digest
"""
_RELEASE = """
    DELETE FROM identities
    USING unnest(CAST(:digests AS bytea[]), CAST(:member_ids AS uuid[])) AS gone (digest, member_id)
    WHERE identities.digest = gone.digest AND identities.member_id = gone.member_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That a member is known by an identity."""

    digest: bytes
    kind: str
    system: str
    member_id: UUID


async def owners(tx: Transaction, digests: Sequence[bytes]) -> dict[bytes, UUID]:
    """The members known by these."""
    if not digests:
        return {}
    rows = await tx.fetch_all(_OWNERS, {"digests": sorted(set(digests))})
    return {bytes(row.digest): row.member_id for row in rows}


async def claim(tx: Transaction, claims: Sequence[Claim]) -> set[bytes]:
    """Write down what is free; returns the digests that are now these members'."""
    ordered = sorted(claims, key=lambda entry: entry.digest)
    rows = await tx.fetch_all(
        _CLAIM,
        {
            "digests": [entry.digest for entry in ordered],
            "kinds": [entry.kind for entry in ordered],
            "systems": [entry.system for entry in ordered],
            "member_ids": [entry.member_id for entry in ordered],
            "now": tx.now,
        },
    )
    return {bytes(row.digest) for row in rows}


async def release(tx: Transaction, claims: Sequence[Claim]) -> None:
    ordered = sorted(claims, key=lambda entry: entry.digest)
    params = {"digests": [entry.digest for entry in ordered], "member_ids": [entry.member_id for entry in ordered]}
    await tx.execute(_RELEASE, params)
