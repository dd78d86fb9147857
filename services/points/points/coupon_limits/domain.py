"""Counts of coupons, held against the template's limits. Pure."""

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
    """Counts of some members and templates, locked: [issued, used] by key. Totals only where one is limited."""

    values: dict[Key, list[int]]
    changed: set[Key] = field(default_factory=set)

    def full_to_issue(self, template: str, member_id: UUID, limits: Limits) -> Full | None:
        return self._full(template, member_id, 0, limits.issued_total, limits.issued_per_member)

    def full_to_use(self, template: str, member_id: UUID | None, limits: Limits) -> Full | None:
        return self._full(template, member_id or NOBODY, 1, limits.used_total, limits.used_per_member)

    def issue(self, template: str, member_id: UUID, change: int) -> None:
        self._add(template, member_id, 0, change)

    def use(self, template: str, member_id: UUID | None, change: int) -> None:
        self._add(template, member_id or NOBODY, 1, change)

    def _full(
        self, template: str, member_id: UUID, place: int, in_total: int | None, per_member: int | None
    ) -> Full | None:
        for per, who, limit in (("total", TOTAL, in_total), ("member", member_id, per_member)):
            count = self.values.get((template, who), (0, 0))[place]
            if limit is not None and count >= limit:
                return Full(per=per, limit=limit, count=count)
        return None

    def _add(self, template: str, member_id: UUID, place: int, change: int) -> None:
        for key in ((template, TOTAL), (template, member_id)):
            if key in self.values:
                self.values[key][place] += change
                self.changed.add(key)
