"""Plays a draw's revealed epoch again, from nothing but its published list. Standard library only.

Written apart from the service on purpose: it follows the description, not the service's code.

    commitment  SHA-256 of the server seed (32 bytes) and the table, published before the first play
    table       {"draw", "epoch", "total", "fallback", "prizes"} as JSON in UTF-8, keys sorted, no spaces
    pseudonym   SHA-256("<draw>|<epoch>|<member id>"), its first 32 hexadecimal characters
    attempt     HMAC-SHA256(server seed, "<client seed>|<number>|<pseudonym>"), then "…|1", "…|2" …
    x           its first 8 bytes, big-endian; thrown away at or above 2^64 − (2^64 mod total)
    ticket      x mod total; the prizes own the tickets in their order, each as many as its weight
    prize       what owns the ticket, or the fallback when its stock was used up by earlier plays of the epoch

The document: {"draw", "epoch", "commitment", "seed", "total", "fallback",
"prizes": [{"key", "weight", "stock", "kind", "points", "coupon", "reward"}],
"plays": [{"number", "pseudonym", "client_seed", "ticket", "drawn", "prize"}]}; the plays from number 1, without a gap.
A receipt is what a play was answered: its line of the list, draw, epoch and commitment.
"""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, count
from typing import Any

PROMISED = ("draw", "epoch", "total", "fallback")
OF_PRIZE = ("key", "weight", "stock", "kind", "points", "coupon", "reward")
OF_PLAY = ("pseudonym", "client_seed", "ticket", "drawn", "prize")


def commitment(document: Mapping[str, Any]) -> str:
    """What the seed and the table of the document commit to."""
    table = {name: document[name] for name in PROMISED}
    table["prizes"] = [{name: prize[name] for name in OF_PRIZE} for prize in document["prizes"]]
    text = json.dumps(table, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(bytes.fromhex(document["seed"]) + text.encode("utf-8")).hexdigest()


def pseudonym(draw: str, epoch: int, member_id: str) -> str:
    """How a member finds the own plays in the list."""
    return hashlib.sha256(f"{draw}|{epoch}|{member_id}".encode()).hexdigest()[:32]


def ticket(seed: bytes, client_seed: str, number: int, name: str, total: int) -> int:
    """From 0 to total − 1."""
    for attempt in count():
        parts = [client_seed, str(number), name, *([str(attempt)] if attempt else [])]
        digest = hmac.digest(seed, "|".join(parts).encode("utf-8"), "sha256")
        x = int.from_bytes(digest[:8], "big")
        if x < (1 << 64) // total * total:
            return x % total
    raise AssertionError("an endless count ended")


def owner(number: int, prizes: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The prize that owns a ticket."""
    ends = accumulate(int(prize["weight"]) for prize in prizes)
    return next(prize for prize, end in zip(prizes, ends, strict=True) if number < end)


def verify(document: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong, one sentence each; empty: the draw was fair. Raises KeyError, ValueError and TypeError
    for what is no such document.
    """
    seed, total, prizes = bytes.fromhex(document["seed"]), int(document["total"]), list(document["prizes"])
    wrong: list[str] = []
    if commitment(document) != document["commitment"]:
        wrong.append("The seed or the table is not the one that was committed to.")
    weights = sum(int(prize["weight"]) for prize in prizes)
    if weights != total or total < 1:
        return [*wrong, f"The weights add up to {weights}, not to the total of {total}."]
    given: Counter[str] = Counter()
    for number, play in zip(count(1), document["plays"], strict=False):
        wrong += [f"Play {number}: {problem}" for problem in _play(document, play, number, seed, given)]
    return wrong


def verify_receipts(document: Mapping[str, Any], receipts: Iterable[Mapping[str, Any]]) -> list[str]:
    """What members were told when they played in this epoch, and the list does not say now."""
    plays = {play["number"]: play for play in document["plays"]}
    wrong: list[str] = []
    for receipt in receipts:
        number, play = receipt["number"], plays.get(receipt["number"], {})
        if receipt["commitment"] != document["commitment"]:
            wrong.append(f"Play {number}: another commitment was promised, {receipt['commitment']}.")
        wrong += [
            f"Play {number}: its {name} was {receipt[name]}, the list says {play.get(name, 'nothing')}."
            for name in OF_PLAY
            if receipt[name] != play.get(name)
        ]
    return wrong


def _play(
    document: Mapping[str, Any], play: Mapping[str, Any], number: int, seed: bytes, given: Counter[str]
) -> Iterable[str]:
    if play["number"] != number:
        yield f"the list goes on with {play['number']}."
    expected = ticket(seed, play["client_seed"], play["number"], play["pseudonym"], int(document["total"]))
    prize = owner(expected, document["prizes"])
    key = str(prize["key"])
    if prize["stock"] is not None and given[key] >= prize["stock"]:
        key = str(document["fallback"])
    given[key] += 1
    if play["ticket"] != expected:
        yield f"its ticket is {expected}, the list says {play['ticket']}."
    if play["drawn"] != prize["key"]:
        yield f"{prize['key']} was drawn, the list says {play['drawn']}."
    if play["prize"] != key:
        yield f"{key} was to be given, the list says {play['prize']}."
