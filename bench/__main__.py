"""`make bench`: everything in one run on the same servers, as ratios; the result also in bench/results/latest.json."""

import argparse
import asyncio
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import accrual, expiry, fanout, growth, latency, redeem, rules, what_if
from bench import world as worlds
from bench.progress import say
from bench.servers import Servers, servers

RESULTS = Path(__file__).parent / "results" / "latest.json"
PARTS = ("accrual", "growth", "latency", "rules", "redeem", "expiry", "what_if", "fanout")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; the median counts (default 3)")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part alone; nothing is written then")
    options = parser.parse_args()
    parts = options.only or PARTS
    with servers() as found:
        say(f"on {found.versions}, {os.cpu_count()} cores")
        result = asyncio.run(_measure(found, parts, options.rounds))
    if not options.only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


async def _measure(found: Servers, parts: tuple[str, ...], rounds: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "on": {"servers": found.versions, "cores": os.cpu_count(), "python": platform.python_version()},
    }
    deaths = accrual.Deaths()
    small = await worlds.make(found, "small", "points")
    await _known(small)
    if "accrual" in parts:
        rates = await accrual.compare(small, rounds, deaths)
        result["accrual"] = {
            "ours_per_s": round(rates["ours"]),
            "baseline_per_s": round(rates["baseline"]),
            "per_message_per_s": round(rates["per_message"]),
            "limit_per_s": round(rates["limit"]),
            "ratio_to_baseline": round(rates["ours"] / rates["baseline"], 1),
            "ratio_to_per_message": round(rates["ours"] / rates["per_message"], 1),
            "share_of_limit": round(rates["ours"] / rates["limit"], 2),
        }
    if "latency" in parts:
        times = await latency.measure(small)
        result["latency_ms"] = {name: round(value, 1) for name, value in times.items()}
    if "growth" in parts:
        empty, large = await worlds.make(found, "empty", "points"), await worlds.make(found, "large", "points")
        await _known(empty)
        await _known(large)
        result["growth"] = {"rate_at_1m_over_rate_at_0": round(await growth.compare(empty, large, rounds, deaths), 2)}
    if "fanout" in parts:
        per_second = await fanout.measure(await worlds.make(found, "fanout", *worlds.SERVICES), rounds)
        result["fanout"] = {"purchases_per_s": round(per_second)}
        if "accrual" in result:
            ratio = per_second / result["accrual"]["baseline_per_s"]
            result["fanout"]["ratio_to_baseline"] = round(ratio, 1)
    result["points"] = await _points(found, parts, rounds, deaths)
    result["faults"] = {"deadlocks": deaths.deadlocks, "consumer_restarts": deaths.consumer_restarts}
    return result


async def _points(found: Servers, parts: tuple[str, ...], rounds: int, deaths: accrual.Deaths) -> dict[str, Any]:
    """The figures of the points engine."""
    figures: dict[str, Any] = {}
    if "rules" in parts:
        one, twenty = await worlds.make(found, "one-rule", "points"), await worlds.make(found, "twenty-rules", "points")
        await _known(one)
        await _known(twenty)
        figures["accrual_20_rules_over_1"] = round(await rules.compare(one, twenty, rounds, deaths), 2)
    if "redeem" in parts:
        ratio = await redeem.compare(await worlds.make(found, "redeem", "points"), rounds)
        figures["redeem_10000_lots_over_10"] = round(ratio, 2)
    if "expiry" in parts:
        swept = await expiry.measure(await worlds.make(found, "expiry", "points"), rounds)
        figures["expiry_lots_per_s"] = round(swept["together"])
        figures["expiry_lots_apart_per_s"] = round(swept["apart"])
    if "what_if" in parts:
        per_second = await what_if.measure(await worlds.make(found, "what-if", "points"))
        figures["what_if_purchases_per_s"] = round(per_second)
    return figures


async def _known(world: worlds.World) -> None:
    """The points service has heard of all members."""
    await worlds.register(world)
    with world.running("points", "worker", service="points"):
        await worlds.until(world, "points", "SELECT count(*) FROM members", len(worlds.MEMBERS))


if __name__ == "__main__":
    main()
