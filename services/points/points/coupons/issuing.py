"""Issuing many coupons at once: who gets one, by which terms, with which code."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from common.storage import Transaction
from common.storage.programme import programme
from points.coupon_codes import minting
from points.coupon_codes.minting import SealedCode
from points.coupon_limits import handlers as limits
from points.coupon_limits.domain import Counts
from points.coupon_pools import handlers as pools
from points.coupon_templates import handlers as templates
from points.coupon_templates.domain import ACTIVE as ACTIVE_TEMPLATE
from points.coupon_templates.domain import Template
from points.coupons import store
from points.coupons.domain import ACTIVE, Coupon, Grant, validity
from points.coupons.refusals import (
    CouponMemberUnknownError,
    CouponRefusedError,
    IssueLimitError,
    PoolEmptyError,
    TemplateEndedError,
    TemplateNotActiveError,
    TemplateUnknownError,
)

Result = Coupon | CouponRefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What became of each grant, in their order; the coupons that are new, with their grants."""

    results: list[Result]
    fresh: list[tuple[Grant, Coupon]]


async def issue_all(tx: Transaction, grants: Sequence[Grant]) -> Issued:
    """Decide and write; two grants with the same key get the same coupon."""
    known = await templates.issued_now(tx, {grant.template for grant in grants})
    members = await store.known_members(tx, {grant.member_id for grant in grants})
    refused = {place: no for place, grant in enumerate(grants) if (no := _refusal(grant, known, members, tx.now))}
    open_ = {place: grant for place, grant in enumerate(grants) if place not in refused}
    if not open_:
        return Issued(results=[refused[place] for place in range(len(grants))], fresh=[])
    # The member's row of the counts is what two that issue the same grant take turns on.
    counts = await limits.lock(tx, {(grant.template, grant.member_id) for grant in open_.values()})
    before = await store.issued(tx, [grant.key for grant in open_.values() if grant.reference])
    had = {(one.member_id, one.template, one.reason, one.reference): one for one in before}

    zone = ZoneInfo((await programme(tx)).time_zone)
    results: dict[int, Result] = dict(refused)
    accepted: dict[int, Coupon] = {}
    first: dict[tuple[UUID, str, str, str], int] = {}
    for place, grant in open_.items():
        again = had.get(grant.key) if grant.reference else None
        if again is not None:
            results[place] = again
        elif grant.reference and grant.key in first:
            continue  # takes the answer of the first one below
        elif full := _full(counts, grant, known[grant.template]):
            results[place] = full
        else:
            counts.issue(grant.template, grant.member_id, 1)
            accepted[place] = _coupon(grant, known[grant.template], tx.now, zone)
            first.setdefault(grant.key, place)
    results |= await _write(tx, accepted, open_, counts)
    for place, grant in open_.items():
        if place not in results:
            results[place] = results[first[grant.key]]
    fresh = [(grants[place], coupon) for place, coupon in accepted.items() if results[place] is coupon]
    return Issued(results=[results[place] for place in range(len(grants))], fresh=fresh)


def _refusal(
    grant: Grant, known: Mapping[str, Template], members: set[UUID], now: datetime
) -> CouponRefusedError | None:
    template = known.get(grant.template)
    if template is None:
        return TemplateUnknownError(grant.template)
    if template.state != ACTIVE_TEMPLATE or template.terms is None:
        return TemplateNotActiveError(grant.template, template.state)
    if template.terms.ends_at is not None and template.terms.ends_at <= now:
        return TemplateEndedError(grant.template, template.terms.ends_at)
    return None if grant.member_id in members else CouponMemberUnknownError(grant.member_id)


def _full(counts: Counts, grant: Grant, template: Template) -> IssueLimitError | None:
    assert template.terms is not None
    full = counts.full_to_issue(grant.template, grant.member_id, template.terms.limits)
    return None if full is None else IssueLimitError(grant.template, full.per, full.limit, full.count)


def _coupon(grant: Grant, template: Template, now: datetime, zone: ZoneInfo) -> Coupon:
    assert template.terms is not None
    terms = template.terms
    lives = validity(terms, now, zone)
    return Coupon(
        coupon_id=uuid4(),
        template=grant.template,
        version=template.version,
        kind=terms.kind,
        name=terms.name,
        member_id=grant.member_id,
        state=ACTIVE,
        reason=grant.reason,
        reference=grant.reference,
        cause_source=grant.cause[0],
        cause_order=grant.cause[1],
        pool=terms.pool,
        issued_at=now,
        valid_from=lives.valid_from,
        expires_at=lives.expires_at,
        notice_at=lives.notice_at,
        order_source="",
        order_id="",
        used_by=None,
        locked_until=None,
        used_at=None,
        discount=0,
        currency="",
    )


async def _write(
    tx: Transaction, accepted: Mapping[int, Coupon], grants: Mapping[int, Grant], counts: Counts
) -> dict[int, Result]:
    """Give each its code and write them; those whose pool is empty are refused."""
    from_pools = await _take(tx, accepted.values())
    prefixes = await templates.terms(tx, {(one.template, one.version) for one in accepted.values() if not one.pool})
    written: list[tuple[Coupon, SealedCode]] = []
    given: list[tuple[int, UUID]] = []
    results: dict[int, Result] = {}
    for place, coupon in accepted.items():
        if not coupon.pool:
            code = minting.seal(minting.mint(prefixes[coupon.template, coupon.version].prefix))
        elif from_pools[coupon.pool]:
            position, code = from_pools[coupon.pool].pop(0)
            given.append((position, coupon.coupon_id))
        else:
            counts.issue(coupon.template, grants[place].member_id, -1)
            results[place] = PoolEmptyError(coupon.template, coupon.pool)
            continue
        written.append((coupon, code))
        results[place] = coupon
    if written:
        await store.add(tx, written)
        await store.note(tx, [coupon for coupon, _ in written], "issued")
    if given:
        await pools.give(tx, given)
    await limits.save(tx, counts)
    return results


async def _take(tx: Transaction, coupons: Iterable[Coupon]) -> dict[str, list[tuple[int, SealedCode]]]:
    wanted = Counter(coupon.pool for coupon in coupons if coupon.pool)
    found: dict[str, list[tuple[int, SealedCode]]] = defaultdict(list)
    for pool in sorted(wanted):
        found[pool] = await pools.take(tx, pool, wanted[pool])
    return found
