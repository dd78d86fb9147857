"""The services' own figures, before and after: what this run added, and what there is now."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from loyalty.clients.api import Api
from loyalty.demo.programme import TIERS
from loyalty.stackfile import Stack

Row = tuple[str, int, int]
"""What, how many this run added, how many there are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The running stack and a way into each of its services."""

    stack: Stack
    members: Api
    points: Api
    notify: Api
    analytics: Api

    def apis(self) -> Mapping[str, Api]:
        return {
            "members": self.members,
            "points": self.points,
            "notify": self.notify,
            "analytics": self.analytics,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One look at all services. `dead`: open dead letters by service; `mails`: how many the mail sink has."""

    members: Mapping[str, Any]
    points: Mapping[str, Any]
    notify: Mapping[str, Any]
    analytics: Mapping[str, Any]
    dead: Mapping[str, int]
    mails: int

    @property
    def wallet(self) -> Mapping[str, Any]:
        """Points of the wallet `points`; empty while nobody has any."""
        return next((one for one in self.points["wallets"] if one["wallet"] == "points"), Counter())

    def notices(self, state: str, channel: str) -> int:
        return sum(
            one["notices"] for one in self.notify["notices"] if (one["state"], one["channel"]) == (state, channel)
        )

    def notices_of(self, template: str, channel: str) -> int:
        """However they ended."""
        return sum(
            one["notices"] for one in self.notify["notices"] if (one["template"], one["channel"]) == (template, channel)
        )

    @property
    def mails_accepted(self) -> int:
        return sum(one["attempts"] for one in self.notify["attempts"] if one["outcome"] == "sent")


def take(house: House) -> Figures:
    """Asks all services now; ApiError or httpx.HTTPError when one does not answer."""
    sink = httpx.get(f"{house.stack.mail.http_url}/messages", params={"limit": 0}, timeout=30, trust_env=False)
    sink.raise_for_status()
    answers = {name: api.get("/v1/figures") for name, api in house.apis().items()}
    dead = {
        name: sum(
            group["count"]
            for group in api.get("/v1/dead-letters/groups")["items"]
            if group["state"] in ("new", "parked")
        )
        for name, api in house.apis().items()
    }
    return Figures(**answers, dead=dead, mails=sink.json()["total"])


def rows(before: Figures, after: Figures) -> Mapping[str, list[Row]]:
    """What happened in each service."""

    def row(what: str, was: int, now: int) -> Row:
        return (what, now - was, now)

    def counted(what: str, service: str, name: str) -> Row:
        return row(what, getattr(before, service)[name], getattr(after, service)[name])

    tiers = [
        row(
            f"reached {name.lower()}", before.members["tiers_ever"].get(key, 0), after.members["tiers_ever"].get(key, 0)
        )
        for key, name, threshold, _ in TIERS
        if threshold
    ]
    sent = [
        row(f"{channel} {state}", before.notices(state, channel), after.notices(state, channel))
        for channel in ("inbox", "email")
        for state in ("sent", "suppressed", "failed")
    ]
    facts = "purchases"
    return {
        "members": [
            counted("members", "members", "members"),
            counted("purchases recorded", "members", "purchases"),
            counted("returns recorded", "members", "returns"),
            counted("duplicates ignored", "members", "duplicates"),
            *tiers,
        ],
        "points": [
            counted("purchases credited", "points", "purchases"),
            row("points issued", before.wallet["issued"], after.wallet["issued"]),
            counted("credits repriced", "points", "repricings"),
            row("points repriced, net", _repriced(before), _repriced(after)),
            row("points clawed back", before.wallet["clawed_back"], after.wallet["clawed_back"]),
            counted("duplicates ignored", "points", "duplicates"),
            row("points outstanding", before.wallet["outstanding"], after.wallet["outstanding"]),
            row("Σ over all accounts", before.wallet["sum"], after.wallet["sum"]),
        ],
        "notify": [*sent, row("e-mails in the mail sink", before.mails, after.mails)],
        "analytics": [
            row("purchases counted", before.analytics[facts]["purchases"], after.analytics[facts]["purchases"]),
            row("returns counted", before.analytics[facts]["returns"], after.analytics[facts]["returns"]),
            row("notices counted", _total(before.analytics["notices"]), _total(after.analytics["notices"])),
            row("duplicates ignored", _total(before.analytics["duplicates"]), _total(after.analytics["duplicates"])),
        ],
        "dead letters": [row(name, before.dead[name], after.dead[name]) for name in after.dead],
    }


def _repriced(figures: Figures) -> int:
    return int(figures.wallet["repriced_up"] - figures.wallet["repriced_down"])


def _total(counts: Mapping[str, int]) -> int:
    return sum(counts.values())
