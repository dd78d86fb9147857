"""What twenty published rules cost: the accrual rate with them over the rate with the first rule alone."""

from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from bench import accrual
from bench.accrual import Deaths
from bench.progress import say
from bench.world import NOW, World
from common.storage import Database
from points.rules import handlers as rules
from points.rules.definition import Definition

LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
YUAN = 100

# The purchases are of these days: the bench says the same on a Sunday as on a Monday.
_HERE = NOW.astimezone(ZoneInfo("Asia/Shanghai"))
TODAY_AND_YESTERDAY = [(_HERE - timedelta(days=days)).isoweekday() for days in (0, 1)]


def _fixed(points: int) -> dict[str, Any]:
    return {"kind": "fixed", "points": points}


def _times(factor: str) -> dict[str, Any]:
    return {"kind": "multiplier", "factor": factor}


def _from(amount: int) -> dict[str, Any]:
    return {"kind": "amount", "at_least": amount * YUAN}


DRINKS = {"kind": "rate", "points": 2, "per_minor_units": 300, "lines": {"categories": ["drinks"]}}
TIERS = {"kind": "multiplier", "by_tier": {"silver": "1.25", "gold": "2"}}
MONTHLY = {"scope": "member", "period": "month", "unit": "points", "amount": 50}
BUDGET = {"scope": "budget", "unit": "points", "amount": 1_000_000}

# Nineteen beside the seeded one: calendar, members' facts, products, groups, limits. All pay into one wallet, so that a
# purchase is one credit in both worlds.
RULES: dict[str, dict[str, Any]] = {
    "tiers": {"effect": TIERS},
    "member_day": {"effect": _times("2"), "when": {"kind": "member_day", "days": [8, 18, 28]}},
    "these_days": {"effect": _times("1.2"), "when": {"kind": "weekday", "days": TODAY_AND_YESTERDAY}},
    "lunch": {"effect": _fixed(2), "when": {"kind": "time_window", "start": "11:30", "end": "13:30"}},
    "big_basket": {"effect": _fixed(20), "when": _from(300)},
    "app": {"effect": _times("1.1"), "when": {"kind": "channel", "one_of": ["app"]}},
    "flagship": {"effect": _fixed(5), "when": {"kind": "shop", "one_of": ["shop-1", "shop-2"]}},
    "drinks": {"effect": DRINKS},
    "new_tea": {"effect": _fixed(15), "when": {"kind": "products", "lines": {"products": ["tea-2026"]}}},
    "vip": {"effect": _fixed(7), "when": {"kind": "segment", "one_of": ["vip"]}},
    "welcome": {"effect": _fixed(100), "when": {"kind": "first_purchase"}},
    "birthday": {"effect": _times("2"), "when": {"kind": "birthday", "days_before": 3, "days_after": 3}},
    "mid_autumn": {"effect": _times("1.5"), "when": {"kind": "lunar_day", "month": 8, "day": 15}},
    "loyal": {"effect": _fixed(3), "when": {"kind": "registered", "at_least_days": 365}},
    "double_eleven": {
        "effect": _times("2"),
        "when": {"kind": "date_range", "first": "2026-11-11", "last": "2026-11-11"},
    },
    "from_100": {"effect": _fixed(4), "when": _from(100), "stacking": {"group": "steps"}},
    "from_200": {"effect": _fixed(9), "when": _from(200), "stacking": {"group": "steps"}},
    "monthly": {"effect": _fixed(10), "when": _from(450), "limits": [MONTHLY]},
    "budgeted": {"effect": _fixed(1), "when": _from(480), "limits": [BUDGET]},
}


# Everybody has bought before: how a member's very first purchases find their order is not what is measured.
_BOUGHT_BEFORE = """
    INSERT INTO purchases (source, order_id, member_id, currency, amount, basis, channel, shop, tier, is_first,
        rounding, returned, occurred_at, recorded_at, body_hash)
    SELECT '//bench/before', member_id::text, member_id, 'CNY', 100, 100, '', '', 'base', true, 'floor', 0,
        timestamptz '2020-01-01', now(), '\\x00' FROM members
"""


async def publish(world: World) -> None:
    """Twenty rules in all, as operators would have published them."""
    database = Database(world.databases["points"], service="points", pool_size=1)
    try:
        for key, definition in RULES.items():
            async with database.transaction() as tx:
                wanted = Definition.model_validate({"names": {"en": key}, **definition})
                await rules.add_version(tx, key, wanted, LONG_AGO, "bench")
    finally:
        await database.close()


async def compare(one: World, twenty: World, rounds: int, deaths: Deaths) -> float:
    """The ratio of the medians of interleaved rounds: 1.0 when nineteen more rules cost nothing."""
    for world in (one, twenty):
        await world.execute("points", _BOUGHT_BEFORE)
    await publish(twenty)
    rates: dict[str, list[float]] = {"one": [], "twenty": []}
    for number in range(1, rounds + 1):
        for name, world in (("one", one), ("twenty", twenty)):
            rates[name].append(await accrual.run_once(world, "ours", f"rules{number}", deaths))
            say(f"rules round {number}/{rounds}: {name:<6} {rates[name][-1]:>9,.0f} purchases/s")
    return median(rates["twenty"]) / median(rates["one"])
