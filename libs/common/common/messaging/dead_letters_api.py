"""`/v1/dead-letters`: read, repair, replay and give up messages that could not be handled. Every service has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Depends, Query, Request

from common.http.fields import Instant, Key
from common.http.openapi import may_answer
from common.http.paging import Page, Paging, page, paged
from common.http.problems import ProblemError, invalid, problem
from common.http.route import Router
from common.http.transaction import Tx
from common.messaging import dead_letters_desk as desk
from common.messaging import dead_letters_store as store
from common.messaging.dead_letters import Stored, WrongBodyError
from common.messaging.dead_letters_store import Filter
from common.messaging.dead_letters_views import (
    BulkResult,
    Group,
    Groups,
    Letter,
    LetterSummary,
    Many,
    NewBody,
    OptionalReason,
    Reason,
    State,
    holds_open_personal_data,
    letter_of,
    summary_of,
)
from common.security.audit import audit
from common.security.callers import Caller
from common.security.permissions import CurrentCaller, allow

router = Router(tags=["dead letters"])

REVEAL = "members:reveal"
MAX_BODY_BYTES = 1024 * 1024

_NOT_FOUND = problem(404, "dead_letter_not_found", "No such dead letter")
_DECIDED = problem(409, "dead_letter_decided", "It has been decided otherwise")
_WRONG_BODY = problem(422, "dead_letter_body_invalid", "The body would fail again")

_READ = [allow("dead_letters:read")]
_WRITE = [allow("dead_letters:write")]

StateFilter = Annotated[
    list[State] | None,
    Query(description="Of these; nothing for all. Open are `new` and `parked`.", max_length=4),
]


def _filter(
    state: StateFilter = None,
    type: Annotated[Key | None, Query(description="Event type, `purchase.completed.v1`.")] = None,
    error_type: Annotated[Key | None, Query(description="Code of the error.")] = None,
    source: Annotated[Key | None, Query(description="Sender of the event.")] = None,
    event_id: Annotated[Key | None, Query(description="Id of the event.")] = None,
    since: Annotated[Instant | None, Query(alias="from", description="Received at or after this instant.")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="Received before this instant.")] = None,
) -> Filter:
    states = [str(one) for one in state] if state else None
    return Filter(
        states=states, type=type, error_type=error_type, source=source, event_id=event_id, since=since, until=until
    )


Wanted = Annotated[Filter, Depends(_filter)]


@contextmanager
def _problems() -> Iterator[None]:
    """What the desk refuses, as HTTP answers."""
    try:
        yield
    except desk.LetterNotFoundError as error:
        raise ProblemError(_NOT_FOUND, str(error), letter_id=error.letter_id) from None
    except desk.LetterDecidedError as error:
        raise ProblemError(_DECIDED, str(error), letter_id=error.letter_id, state=error.state) from None
    except WrongBodyError as error:
        errors = [{"field": "body.body", "reason": reason} for reason in error.problems]
        raise ProblemError(_WRONG_BODY, str(error), errors=errors) from None


async def _shown(tx: Tx, caller: Caller, letter: Stored) -> Letter:
    reveal = caller.may(REVEAL)
    if reveal and holds_open_personal_data(letter):
        await audit(tx, caller, "dead_letter.revealed", letter.id, event_id=letter.event_id)
    return letter_of(letter, reveal=reveal)


@router.get("/v1/dead-letters", dependencies=_READ)
async def dead_letters(
    tx: Tx, wanted: Wanted, paging: Annotated[Paging[tuple[datetime, UUID]], paged(datetime, UUID)]
) -> Page[LetterSummary]:
    """Dead letters, newest first."""
    rows = await store.find(tx, wanted, after=paging.after, limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.received_at, row.id), item=summary_of)


@router.get("/v1/dead-letters/groups", dependencies=_READ)
async def dead_letter_groups(tx: Tx, wanted: Wanted) -> Groups:
    """Counts by error, type and state, the most frequent first: what to look at."""
    rows = await store.groups(tx, wanted)
    return Groups(items=[Group.model_validate(dict(row._mapping)) for row in rows])


@router.post("/v1/dead-letters/replay", dependencies=_WRITE)
async def replay_dead_letters(tx: Tx, request: Request, caller: CurrentCaller, body: Many) -> BulkResult:
    """Send many to this service again, the oldest first. A dry run unless `dry_run` is false."""
    service: str = request.app.state.service
    done = await desk.replay_many(
        tx, service, caller, body.filter(), body.reason, dry_run=body.dry_run, most=body.limit
    )
    return BulkResult.model_validate(asdict(done))


@router.post("/v1/dead-letters/discard", dependencies=_WRITE)
async def discard_dead_letters(tx: Tx, caller: CurrentCaller, body: Many) -> BulkResult:
    """Give many up, for a reason. A dry run unless `dry_run` is false."""
    if not body.dry_run and not body.reason:
        raise invalid("body.reason", "is needed to discard")
    done = await desk.discard_many(tx, caller, body.filter(), body.reason, dry_run=body.dry_run, most=body.limit)
    return BulkResult.model_validate(asdict(done))


@router.get("/v1/dead-letters/{letter_id}", dependencies=_READ, responses=may_answer(404))
async def dead_letter(tx: Tx, caller: CurrentCaller, letter_id: UUID) -> Letter:
    """One dead letter with its body. Open personal data is masked without `members:reveal`; seeing it is audited."""
    letter = await store.get(tx, letter_id)
    if letter is None:
        raise ProblemError(_NOT_FOUND, letter_id=letter_id)
    return await _shown(tx, caller, letter)


@router.put("/v1/dead-letters/{letter_id}/body", dependencies=_WRITE, responses=may_answer(404, 409, 422))
async def edit_dead_letter(tx: Tx, caller: CurrentCaller, letter_id: UUID, body: NewBody) -> Letter:
    """Keep a repaired body beside the original; it is checked like a message and used by a replay."""
    try:
        new = orjson.dumps(body.body)
    except (orjson.JSONEncodeError, TypeError) as error:
        raise invalid("body.body", str(error)) from None
    if len(new) > MAX_BODY_BYTES:
        raise invalid("body.body", f"has more than {MAX_BODY_BYTES} bytes")
    with _problems():
        return await _shown(tx, caller, await desk.edit(tx, caller, letter_id, new))


@router.delete("/v1/dead-letters/{letter_id}/body", dependencies=_WRITE, responses=may_answer(404, 409))
async def restore_dead_letter(tx: Tx, caller: CurrentCaller, letter_id: UUID) -> Letter:
    """Take an edit back: a replay sends the original again."""
    with _problems():
        return await _shown(tx, caller, await desk.edit(tx, caller, letter_id, None))


@router.post("/v1/dead-letters/{letter_id}/replay", dependencies=_WRITE, responses=may_answer(404, 409))
async def replay_dead_letter(
    tx: Tx, request: Request, caller: CurrentCaller, letter_id: UUID, body: OptionalReason | None = None
) -> LetterSummary:
    """Send it to this service again, as the same event: it takes effect once, however often it is replayed."""
    service: str = request.app.state.service
    with _problems():
        return summary_of(await desk.replay(tx, service, caller, letter_id, body.reason if body else ""))


@router.post("/v1/dead-letters/{letter_id}/discard", dependencies=_WRITE, responses=may_answer(404, 409))
async def discard_dead_letter(tx: Tx, caller: CurrentCaller, letter_id: UUID, body: Reason) -> LetterSummary:
    """Give it up, for a reason. It stays readable."""
    with _problems():
        return summary_of(await desk.discard(tx, caller, letter_id, body.reason))


@router.post("/v1/dead-letters/{letter_id}/park", dependencies=_WRITE, responses=may_answer(404, 409))
async def park_dead_letter(tx: Tx, caller: CurrentCaller, letter_id: UUID, body: Reason) -> LetterSummary:
    """Keep it for later, with a word about why."""
    with _problems():
        return summary_of(await desk.park(tx, caller, letter_id, body.reason))
