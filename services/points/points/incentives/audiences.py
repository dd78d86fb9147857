"""Which tier and segments a member had at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from common.events.programme import ProgrammeSettings
from common.storage import Transaction
from points.facts import handlers as facts
from points.facts.domain import first_tier, segments_before, tier_before


class Standing(NamedTuple):
    tier: str
    segments: frozenset[str]


async def standings(
    tx: Transaction, settings: ProgrammeSettings, asked: Sequence[tuple[UUID, datetime]]
) -> list[Standing]:
    """Of each (member, instant) what was held strictly before, in their order."""
    if not asked:
        return []
    known = await facts.known(tx, {member_id for member_id, _ in asked}, [facts.SEGMENTS])
    first = first_tier((step.rank, step.key) for step in settings.tiers)
    found = []
    for member_id, at in asked:
        of_member = known.of(member_id)
        found.append(Standing(tier_before(of_member, at, first), segments_before(of_member.segments, at)))
    return found
