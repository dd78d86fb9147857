"""Whether a member's receipt holds: every hash, every balance, and that it goes on from an earlier receipt.

Standard library only, and nothing of the services: whoever doubts them can read this file, or write another one after
the words in the receipt's `canonical`.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

FORMAT = "loyalty-receipt-1"
CANONICAL = (
    "hash = SHA-256(previous_hash as 32 bytes, member_id as 16 bytes, then UTF-8 parted by NUL: wallet, sequence, "
    "from_account, to_account, points, balance, debt, pending, held, kind, order_source, order_id, reference, "
    "occurred_at and recorded_at as microseconds since 1970-01-01T00:00:00Z). The first previous_hash is 32 zero bytes."
)
BEFORE_ALL = "0" * 64
MEMBERS_ACCOUNTS = {"wallet": ("balance", 1), "debt": ("debt", -1), "pending": ("pending", 1), "held": ("held", 1)}
TEXTS = ("from_account", "to_account", "kind", "order_source", "order_id", "reference")
NUMBERS = ("sequence", "points", "balance", "debt", "pending", "held")
INSTANTS = ("occurred_at", "recorded_at")
HASHES = ("previous_hash", "hash")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NoReceiptError(Exception):
    """This is not a receipt, or of a format that is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A transfer's number and its hash; 0 is before the first."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt as it was read; nothing of it is believed yet."""

    member_id: UUID
    wallet: str
    issued_at: datetime
    after: Point
    transfers: tuple[dict[str, Any], ...]
    head: Point
    complete: bool

    @property
    def last(self) -> Point:
        """Where its transfers end."""
        if not self.transfers:
            return self.after
        return Point(sequence=self.transfers[-1]["sequence"], hash=self.transfers[-1]["hash"])

    def hash_at(self, sequence: int) -> str | None:
        """What it says is the hash of a transfer, None when it does not reach there."""
        known = {one["sequence"]: str(one["hash"]) for one in self.transfers}
        known[self.after.sequence] = self.after.hash
        return known.get(sequence)


def read(text: str) -> Receipt:
    """Raises NoReceiptError with a sentence about what is not as it must be."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise NoReceiptError(f"This is no JSON: {error}.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise NoReceiptError(f"This is no receipt of the format {FORMAT}.")
    if document.get("canonical") != CANONICAL:
        raise NoReceiptError("The receipt describes another way to make a hash than this program knows.")
    transfers = document.get("transfers")
    if not isinstance(transfers, list):
        raise NoReceiptError("The receipt has no list of transfers.")
    wallet, complete = document.get("wallet"), document.get("complete")
    if not isinstance(wallet, str) or not isinstance(complete, bool):
        raise NoReceiptError("The receipt does not say which wallet it is of, or whether it is complete.")
    return Receipt(
        member_id=_uuid(document.get("member_id")),
        wallet=wallet,
        issued_at=_instant(document.get("issued_at"), "issued_at"),
        after=_point(document.get("after"), "after"),
        transfers=tuple(_transfer(one, number) for number, one in enumerate(transfers, start=1)),
        head=_point(document.get("head"), "head"),
        complete=complete,
    )


def problems_of(receipt: Receipt) -> Iterator[str]:
    """What is wrong within one receipt, in sentences; nothing when it holds."""
    if receipt.after.sequence == 0 and receipt.after.hash != BEFORE_ALL:
        yield "The receipt does not begin where every wallet begins: before the first transfer the hash is all zeros."
    expected, known = receipt.after, None
    if receipt.after.sequence == 0:
        known = dict.fromkeys(("balance", "debt", "pending", "held"), 0)
    for one in receipt.transfers:
        yield from _problems_of_transfer(receipt, one, expected, known)
        expected = Point(sequence=one["sequence"], hash=one["hash"])
        known = {name: one[name] for name in ("balance", "debt", "pending", "held")}
        if one["recorded_at"] > receipt.issued_at:
            yield f"Transfer {one['sequence']} was recorded after the receipt was issued."
    if receipt.complete and receipt.last != receipt.head:
        yield f"The receipt ends at transfer {receipt.last.sequence} and not at the head it names."
    if not receipt.complete and receipt.last.sequence >= receipt.head.sequence:
        yield "The receipt says that it is not complete, but it reaches the head it names."


def _problems_of_transfer(
    receipt: Receipt, one: dict[str, Any], before: Point, known: dict[str, int] | None
) -> Iterator[str]:
    sequence = one["sequence"]
    if sequence != before.sequence + 1:
        yield f"After transfer {before.sequence} comes {sequence}: transfers are missing, or in the wrong order."
    if one["previous_hash"] != before.hash:
        yield f"Transfer {sequence} does not follow the one before it: it names another hash."
    if one["hash"] != hash_of(receipt, one):
        yield f"Transfer {sequence} was changed: its hash is not that of what it says."
    if one["points"] <= 0 or one["from_account"] == one["to_account"]:
        yield f"Transfer {sequence} moves nothing."
    if known is not None:
        after = dict(known)
        for account, sign in ((one["from_account"], -1), (one["to_account"], 1)):
            if account in MEMBERS_ACCOUNTS:
                name, direction = MEMBERS_ACCOUNTS[account]
                after[name] += sign * direction * one["points"]
        wrong = [name for name, amount in after.items() if one[name] != amount]
        for name in wrong:
            yield f"Transfer {sequence} leaves {name} {one[name]}, but {after[name]} is what it adds up to."


def problems_between(older: Receipt, newer: Receipt) -> Iterator[str]:
    """What of an earlier receipt the later one contradicts."""
    if (older.member_id, older.wallet) != (newer.member_id, newer.wallet):
        yield "The earlier receipt is of another member or wallet."
        return
    if newer.head.sequence < older.head.sequence:
        yield f"The wallet had {older.head.sequence} transfers before and has {newer.head.sequence} now: some are gone."
    elif newer.after.sequence > older.last.sequence:
        yield (
            f"Nothing can be said about what lies between: ask for a receipt after transfer {older.last.sequence}, "
            f"or an earlier one; this one begins after {newer.after.sequence}."
        )
    known = [older.after, *(Point(sequence=one["sequence"], hash=one["hash"]) for one in older.transfers)]
    for point in known:
        now = newer.hash_at(point.sequence)
        if now is not None and now != point.hash:
            yield f"Transfer {point.sequence} is another one than in the earlier receipt: the past was changed."
            return


def hash_of(receipt: Receipt, one: dict[str, Any]) -> str:
    """The hash a transfer must have, by the canonical form."""
    fields: list[Any] = [receipt.wallet]
    fields += [one[name] for name in ("sequence", "from_account", "to_account", "points", "balance", "debt")]
    fields += [one[name] for name in ("pending", "held", "kind", "order_source", "order_id", "reference")]
    fields += [_microseconds(one[name]) for name in INSTANTS]
    text = "\0".join(str(field) for field in fields).encode("utf-8", "surrogatepass")
    return hashlib.sha256(bytes.fromhex(one["previous_hash"]) + receipt.member_id.bytes + text).hexdigest()


def _microseconds(instant: datetime) -> int:
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _transfer(value: Any, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NoReceiptError(f"Entry {number} of the transfers is none.")
    about = f"entry {number} of the transfers"
    found: dict[str, Any] = {}
    for name in TEXTS:
        if not isinstance(value.get(name), str):
            raise NoReceiptError(f"In {about} {name} is missing or no text.")
        if "\0" in value[name]:  # it parts the fields of the canonical form: with it a field could end elsewhere
            raise NoReceiptError(f"In {about} {name} holds the NUL character.")
        found[name] = value[name]
    for name in NUMBERS:
        if not isinstance(value.get(name), int) or isinstance(value.get(name), bool):
            raise NoReceiptError(f"In {about} {name} is missing or no whole number.")
        found[name] = value[name]
    for name in HASHES:
        found[name] = _hash(value.get(name), f"{name} in {about}")
    for name in INSTANTS:
        found[name] = _instant(value.get(name), f"{name} in {about}")
    return found


def _point(value: Any, name: str) -> Point:
    if not isinstance(value, dict) or not isinstance(value.get("sequence"), int):
        raise NoReceiptError(f"The receipt does not say the sequence of {name}.")
    return Point(sequence=value["sequence"], hash=_hash(value.get("hash"), f"the hash of {name}"))


def _hash(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise NoReceiptError(f"{name} is no hash of 64 hexadecimal digits.")
    return value


def _uuid(value: Any) -> UUID:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise NoReceiptError("The receipt does not say which member it is of.") from None


def _instant(value: Any, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else _naive(name)
    except (ValueError, TypeError, OverflowError):
        raise NoReceiptError(f"{name} is no instant.") from None


def _naive(name: str) -> datetime:
    raise NoReceiptError(f"{name} is an instant without a zone.")
