"""Sets the stage over HTTP: the programme, the earning rules, the members. What is there already is left as it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.cdnow import SOURCE, TIME_ZONE, CdnowPurchase
from loyalty.clients.api import Api
from loyalty.demo import programme
from loyalty.demo.cast import email_of, name_of, wants_email

BATCH = 500


class NotOurProgrammeError(Exception):
    """The stack serves another programme, which the demonstration must not touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """All members by customer number, and how many of them are new."""

    ids: Mapping[str, str]
    new: int


def set_programme(members: Api) -> bool:
    """True when the settings had to be changed. NotOurProgrammeError when members of another programme are there."""
    known = members.get("/v1/programme")
    wrong = {name: value for name, value in programme.SETTINGS.items() if known["settings"].get(name) != value}
    if not wrong:
        return False
    if members.get("/v1/members", limit=1)["items"]:
        raise NotOurProgrammeError(
            f"this stack has members of the programme {known['settings']['name']!r}, with other rules: "
            "the demonstration leaves it alone (`make clean` gives an empty stack)"
        )
    members.call("PATCH", "/v1/programme", json=wrong, headers={"If-Match": f'"{known["revision"]}"'})
    return True


def publish_rules(points: Api) -> int:
    """How many of the programme's rules had to be published."""
    known = {one["rule"]: one for one in points.items("/v1/earning-rules", state="published")}
    missing = {
        key: wanted
        for key, wanted in programme.rules().items()
        if key not in known or not _says(known[key]["definition"], wanted)
    }
    for key, wanted in missing.items():
        points.call("PUT", f"/v1/earning-rules/{key}/draft", json=wanted)
        points.post(f"/v1/earning-rules/{key}/publish", {"effective_from": programme.RULE_FROM})
    return len(missing)


def _says(known: Any, wanted: Any) -> bool:
    """Whether what is known says all that is wanted, whatever else it says."""
    if isinstance(wanted, dict):
        return isinstance(known, dict) and all(_says(known.get(name), value) for name, value in wanted.items())
    return bool(known == wanted)


def register(members: Api, purchases: Sequence[CdnowPurchase], show: Callable[[int], None]) -> Registered:
    """Everybody who bought something. `show` is told how many are done."""
    first: dict[str, CdnowPurchase] = {}
    for purchase in purchases:
        known = first.setdefault(purchase.customer, purchase)
        if purchase.day < known.day:
            first[purchase.customer] = purchase
    customers, ids, new = sorted(first), {}, 0
    for start in range(0, len(customers), BATCH):
        some = customers[start : start + BATCH]
        answer = members.post("/v1/members/batch", {"members": [_registration(first[one]) for one in some]})
        for customer, item in zip(some, answer["items"], strict=True):
            if not item["member_id"]:
                raise NotOurProgrammeError(f"customer {customer} could not be registered: {item['reason']}")
            ids[customer] = item["member_id"]
        new += answer["registered"]
        show(start + len(some))
    return Registered(ids=ids, new=new)


def _registration(first: CdnowPurchase) -> dict[str, Any]:
    morning = datetime.combine(first.day, time(0), tzinfo=ZoneInfo(TIME_ZONE))
    return {
        "name": name_of(first.customer),
        "email": email_of(first.customer),
        "external_ids": [{"system": SOURCE, "id": first.customer}],
        "channel": "web",
        "registered_at": morning.isoformat(),
        "preferences": {"email": wants_email(first.customer), "locale": "en"},
    }
