"""Whether a notice goes out, decided from the facts of that moment. Pure.

The same judgement is made when the notice is decided (and the inbox written) and again just before an e-mail leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from notify.preferences.domain import ACTIVE, Recipient
from notify.since.domain import NOTHING_LATER, Later

QUEUED, SENT, FAILED, SUPPRESSED = "queued", "sent", "failed", "suppressed"

CHANNELS = {"inbox": SENT, "email": QUEUED}
"""Channel → state of a new notice: the inbox is written at once, an e-mail waits for the sender."""

OPTED_OUT = "opted_out"
NO_CONTACT = "no_contact"
NO_TEMPLATE = "no_template"
STALE = "stale"
CLAWED_BACK = "clawed_back"
REPRICED = "repriced"
SUPERSEDED = "superseded"
GIVEN_BACK = "given_back"
ENDED = "ended"
SPENT = "spent"


class NoticeNotFailedError(Exception):
    """Only a notice that failed can be sent again."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the notice is {state}; only a failed one can be sent again")
        self.state = state


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What was learned of an order's points since they were earned. `balance`: after the latest of it, None if none."""

    clawed_back: int = 0
    repriced: int = 0
    balance: int | None = None


UNCORRECTED = Correction()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`reason` is "" when the notice goes out, with the facts as they are now."""

    reason: str
    facts: Mapping[str, object]


def tier_occasion(direction: str) -> str | None:
    """Which template a change of tier asks for; None when only the past was corrected."""
    return {"up": "tier_up", "down": "tier_down"}.get(direction)


def has_something_to_say(facts: Mapping[str, object]) -> bool:
    """A movement of no points is no news."""
    return bool(facts.get("points") or facts.get("shortfall"))


def is_news(key: str, facts: Mapping[str, object]) -> bool:
    """Whether the occasion is worth a notice; one that speaks of points needs some."""
    return bool(key) and (not key.startswith("points_") or has_something_to_say(facts))


def judge(
    key: str,
    channel: str,
    facts: Mapping[str, object],
    recipient: Recipient,
    correction: Correction = UNCORRECTED,
    *,
    later: Later = NOTHING_LATER,
    now: datetime | None = None,
) -> Verdict:
    """May this notice be shown on this channel now, and with which facts?"""
    reason = _about_member(channel, recipient)
    if reason:
        return Verdict(reason=reason, facts=facts)
    if _has_ended(facts, now):
        return Verdict(reason=ENDED, facts=facts)
    if key == "points_earned":
        return _earned(facts, correction)
    if key in ("tier_up", "tier_down"):
        return Verdict(reason=_about_tier(facts, recipient), facts=facts)
    if key == "points_redeemed" and correction.clawed_back >= _whole(facts.get("points")):
        return Verdict(reason=GIVEN_BACK, facts=facts)
    return _as_it_is_now(key, facts, later)


def is_stale(cause_time: datetime, now: datetime, stale_after_hours: float) -> bool:
    """News older than the limit is not pushed any more; 0 switches the limit off."""
    return stale_after_hours > 0 and now - cause_time > timedelta(hours=stale_after_hours)


def _about_member(channel: str, recipient: Recipient) -> str:
    if recipient.status != ACTIVE:
        return f"member_{recipient.status}"
    if not recipient.wants(channel):
        return OPTED_OUT
    if channel == "email" and not recipient.reachable:
        return NO_CONTACT
    return ""


def _earned(facts: Mapping[str, object], correction: Correction) -> Verdict:
    if correction is UNCORRECTED:
        return Verdict(reason="", facts=facts)
    points = _whole(facts.get("points")) + correction.repriced
    corrected = {**facts, "points": points}
    if correction.balance is not None:
        corrected["balance"] = correction.balance
    if correction.clawed_back and correction.clawed_back >= points:
        return Verdict(reason=CLAWED_BACK, facts=corrected)
    if points <= 0:
        return Verdict(reason=REPRICED, facts=corrected)
    return Verdict(reason="", facts=corrected)


def _has_ended(facts: Mapping[str, object], now: datetime | None) -> bool:
    """What it speaks of is gone: a coupon or points that were about to end, points that were earned until then."""
    ends_at = facts.get("ends_at") or facts.get("expires_at")
    return now is not None and isinstance(ends_at, str) and datetime.fromisoformat(ends_at) <= now


def _as_it_is_now(key: str, facts: Mapping[str, object], later: Later) -> Verdict:
    if later.state and later.state != facts.get("state"):
        return Verdict(reason=later.state.partition(" ")[0], facts=facts)
    if later.balance is None or later.sequence <= _whole(facts.get("sequence")):
        return Verdict(reason="", facts=facts)
    fresh = {**facts, "balance": later.balance, "debt": later.debt}
    if key == "points_expiring":
        left = min(_whole(facts.get("points")), later.balance)
        return Verdict(reason="" if left > 0 else SPENT, facts={**fresh, "points": left})
    return Verdict(reason="", facts=fresh)


def _about_tier(facts: Mapping[str, object], recipient: Recipient) -> str:
    newer = recipient.tier_revision > _whole(facts.get("revision"))
    return SUPERSEDED if newer and recipient.tier != facts.get("tier_key") else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
