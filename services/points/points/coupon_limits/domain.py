"""Counts of coupons, held against the template's limits. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from points.coupon_templates.domain import Limits

TOTAL = UUID(int=0)
NOBODY = UUID(int=2**128 - 1)
"""Whoever used a coupon that anybody may use, when the order names no member."""

Key = tuple[str, UUID]
"""(template, member), or TOTAL in the member's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """A limit that is reached: `per` is `total` or `member`."""

    per: str
    limit: int
    count: int


@dataclass(slots=True, kw_only=True)
class Counts:
    """Counts of some members and templates, locked: [issued, used] by key. Totals only where one is limited.

    `relatives` are the same person by merges: what is limited per member is limited for all of them together.
    """

    values: dict[Key, list[int]]
    relatives: Mapping[UUID, Sequence[UUID]] = field(default_factory=dict)
    changed: set[Key] = field(default_factory=set)

    def full_to_issue(self, template: str, member_id: UUID, limits: Limits) -> Full | None:
        for per, who, limit in (
            ("total", TOTAL, limits.issued_total),
            ("member", member_id, limits.issued_per_member),
        ):
            count = self._sum(template, who, 0)
            if limit is not None and count >= limit:
                return Full(per=per, limit=limit, count=count)
        return None

    def room_to_use(self, template: str, member_id: UUID | None, limits: Limits) -> tuple[str, int | None]:
        """How many more may be used and which limit says so (`total`, `member`); None is without limit."""
        rooms = [
            (max(0, limit - self._sum(template, who, 1)), per)
            for per, who, limit in (
                ("total", TOTAL, limits.used_total),
                ("member", member_id or NOBODY, limits.used_per_member),
            )
            if limit is not None
        ]
        room, per = min(rooms, default=(None, ""))
        return (per, room)

    def issue(self, template: str, member_id: UUID, change: int) -> None:
        self._add(template, member_id, 0, change)

    def use(self, template: str, member_id: UUID | None, change: int) -> None:
        self._add(template, member_id or NOBODY, 1, change)

    def _sum(self, template: str, who: UUID, place: int) -> int:
        persons = (who, *self.relatives.get(who, ()))
        return sum(self.values.get((template, one), [0, 0])[place] for one in persons)

    def _add(self, template: str, member_id: UUID, place: int, change: int) -> None:
        for key in ((template, TOTAL), (template, member_id)):
            if key in self.values:
                self.values[key][place] += change
                self.changed.add(key)
