"""What people decide about dead letters: edit, replay, discard, park. Every decision is audited in the same commit."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from common.messaging import dead_letters_store as store
from common.messaging.dead_letters import (
    DISCARDED,
    OPEN,
    PARKED,
    REPLAYABLE,
    REPLAYED,
    Stored,
    WrongBodyError,
    check_body,
    replay_of,
)
from common.messaging.dead_letters_store import Filter
from common.runtime.logs import MASKED
from common.security.audit import audit
from common.security.callers import Caller
from common.storage.transaction import Transaction

MAX_SAMPLES = 20


class LetterNotFoundError(Exception):
    def __init__(self, letter_id: UUID) -> None:
        super().__init__("There is no such dead letter in this service.")
        self.letter_id = letter_id


class LetterDecidedError(Exception):
    """The letter is in a state in which this cannot be done to it."""

    def __init__(self, letter_id: UUID, state: str, wanted: str) -> None:
        super().__init__(f"The letter is {state}: it cannot be {wanted}.")
        self.letter_id = letter_id
        self.state = state


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """What a decision about many did, or would do: `matched` letters in all, `changed` of them now (the oldest)."""

    dry_run: bool
    matched: int
    changed: int
    sample: tuple[UUID, ...]


async def edit(tx: Transaction, caller: Caller, letter_id: UUID, body: bytes | None) -> Stored:
    """Keep another body beside the original, to be used by a replay; None goes back to the original.

    Raises LetterNotFoundError, LetterDecidedError, and WrongBodyError for a body that would fail again.
    """
    letter = await _locked(tx, letter_id, allowed=OPEN, wanted="edited")
    if body is not None:
        if MASKED.encode() in body and MASKED.encode() not in letter.body:
            raise WrongBodyError([f"it contains {MASKED}, which stood for data you were not shown"])
        check_body(letter, body)
    await store.edit(tx, letter_id, body)
    await audit(tx, caller, "dead_letter.edited", letter_id, event_id=letter.event_id, restored=body is None)
    return await _read(tx, letter_id)


async def replay(tx: Transaction, service: str, caller: Caller, letter_id: UUID, reason: str) -> Stored:
    """Send the letter to this service again. It takes effect once, however often it is replayed."""
    letter = await _locked(tx, letter_id, allowed=REPLAYABLE, wanted="replayed")
    await _replay(tx, service, caller, [letter], reason)
    return await _read(tx, letter_id)


async def discard(tx: Transaction, caller: Caller, letter_id: UUID, reason: str) -> Stored:
    """Give the letter up, for this reason. Its row stays."""
    letter = await _locked(tx, letter_id, allowed=OPEN, wanted="discarded")
    await _set_aside(tx, caller, [letter], DISCARDED, reason)
    return await _read(tx, letter_id)


async def park(tx: Transaction, caller: Caller, letter_id: UUID, reason: str) -> Stored:
    """Keep the letter for later: it is still open, but somebody has looked at it."""
    letter = await _locked(tx, letter_id, allowed=OPEN, wanted="parked")
    await _set_aside(tx, caller, [letter], PARKED, reason)
    return await _read(tx, letter_id)


async def replay_many(
    tx: Transaction, service: str, caller: Caller, wanted: Filter, reason: str, *, dry_run: bool, most: int
) -> Bulk:
    """Replay the oldest `most` open letters that match; a dry run only counts them."""

    async def act(letters: Sequence[Stored]) -> None:
        await _replay(tx, service, caller, letters, reason)

    return await _many(tx, wanted, REPLAYABLE, act, dry_run=dry_run, most=most)


async def discard_many(
    tx: Transaction, caller: Caller, wanted: Filter, reason: str, *, dry_run: bool, most: int
) -> Bulk:
    """Discard the oldest `most` open letters that match; a dry run only counts them."""

    async def act(letters: Sequence[Stored]) -> None:
        await _set_aside(tx, caller, letters, DISCARDED, reason)

    return await _many(tx, wanted, OPEN, act, dry_run=dry_run, most=most)


async def _many(
    tx: Transaction,
    wanted: Filter,
    allowed: Sequence[str],
    act: Callable[[Sequence[Stored]], Awaitable[None]],
    *,
    dry_run: bool,
    most: int,
) -> Bulk:
    asked = wanted.states or list(OPEN)
    narrowed = replace(wanted, states=[state for state in asked if state in allowed])
    matched = await store.count(tx, narrowed)
    if dry_run:
        newest = await store.find(tx, narrowed, after=None, limit=MAX_SAMPLES)
        return Bulk(dry_run=True, matched=matched, changed=0, sample=tuple(letter.id for letter in newest))
    letters = await store.lock_many(tx, narrowed, most)
    if letters:
        await act(letters)
    sample = tuple(letter.id for letter in letters[:MAX_SAMPLES])
    return Bulk(dry_run=False, matched=matched, changed=len(letters), sample=sample)


async def _replay(tx: Transaction, service: str, caller: Caller, letters: Sequence[Stored], reason: str) -> None:
    for letter in letters:
        tx.publish_again(replay_of(letter, service))
    await _set_aside(tx, caller, letters, REPLAYED, reason)


async def _set_aside(tx: Transaction, caller: Caller, letters: Sequence[Stored], state: str, reason: str) -> None:
    await store.decide(tx, [letter.id for letter in letters], state, by=caller.subject, reason=reason)
    for letter in letters:
        await audit(tx, caller, f"dead_letter.{state}", letter.id, event_id=letter.event_id, reason=reason)


async def _locked(tx: Transaction, letter_id: UUID, *, allowed: Sequence[str], wanted: str) -> Stored:
    letter = await store.get(tx, letter_id, lock=True)
    if letter is None:
        raise LetterNotFoundError(letter_id)
    if letter.state not in allowed:
        raise LetterDecidedError(letter_id, letter.state, wanted)
    return letter


async def _read(tx: Transaction, letter_id: UUID) -> Stored:
    letter = await store.get(tx, letter_id)
    if letter is None:
        raise LetterNotFoundError(letter_id)
    return letter
