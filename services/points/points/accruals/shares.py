"""How shares are written down: as JSON, without what says nothing."""

import json
from collections.abc import Iterable
from typing import Any

import orjson

from points.evaluation.earned import Share


def written(shares: Iterable[Share]) -> str:
    """A JSON list; factors, cuts and limits only where there are any."""
    told = [_told(share) for share in shares]
    try:
        return orjson.dumps(told).decode()
    except TypeError:  # a numerator beyond 64 bits
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def read(told_before: Any) -> tuple[Share, ...]:
    """Of the text, or of what the driver made of it."""
    return tuple(
        Share(
            told["rule"],
            told["version"],
            told["points"],
            told["numerator"],
            told["denominator"],
            told["basis"],
            told.get("factor", ""),
            told.get("cut", 0),
            told.get("limit", ""),
        )
        for told in (json.loads(told_before) if isinstance(told_before, str) else told_before)
    )


def _told(share: Share) -> dict[str, Any]:
    rule, version, points, numerator, denominator, basis, factor, cut, limit = share
    told: dict[str, Any] = {
        "rule": rule,
        "version": version,
        "points": points,
        "basis": basis,
        "numerator": numerator,
        "denominator": denominator,
    }
    if factor:
        told["factor"] = factor
    if cut:
        told["cut"], told["limit"] = cut, limit
    return told
