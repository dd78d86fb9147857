"""Lists in pages: by the key of the last row (a cursor), never by offset, so the last page is as fast as the first.

    ByTime = paged(datetime, UUID)                              # the columns of ORDER BY, in order

    @router.get("/v1/members", dependencies=[allow("members:read")])
    async def members(paging: Annotated[Paging[tuple[datetime, UUID]], ByTime], tx: Tx) -> Page[MemberSummary]:
        rows = await store.members(tx, after=paging.after, limit=paging.fetch)
        return page(rows, paging, key=lambda row: (row.joined_at, row.member_id), item=summary_of)

A cursor is the last key as JSON in base64url: opaque to clients, without secrets, checked when it comes back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from common.http.fields import MAX_PAGE, BigInt, Instant, Key
from common.http.problems import invalid
from common.security.masterkeys import decode, encode

K = TypeVar("K", bound=tuple[Any, ...])
T = TypeVar("T")
R = TypeVar("R")

DEFAULT_PAGE = 50
MAX_CURSOR = 4_000
_STORABLE: dict[Any, Any] = {int: BigInt, str: Key, datetime: Instant}


class Page(BaseModel, Generic[T]):
    """A part of a list. `next` is the cursor of the following part, null at the end."""

    items: list[T]
    next: str | None = Field(description="Send it as `cursor` for the following part; null at the end.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging(Generic[K]):
    """Which part is wanted: `limit` items after the key `after` (None: from the start)."""

    limit: int
    after: K | None

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than wanted tells whether there is a following part."""
        return self.limit + 1


def paged(*columns: type[Any]) -> Any:
    """The dependency that reads `limit` and `cursor` of a list ordered by columns of these types."""
    kinds = tuple(_STORABLE.get(kind, kind) for kind in columns)
    adapter: TypeAdapter[tuple[Any, ...]] = TypeAdapter(tuple.__class_getitem__(kinds))  # type: ignore[arg-type]

    async def paging(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Items per part.")] = DEFAULT_PAGE,
        cursor: Annotated[
            str | None, Query(max_length=MAX_CURSOR, description="`next` of the part before; nothing for the first.")
        ] = None,
    ) -> Paging[tuple[Any, ...]]:
        return Paging(limit=limit, after=None if cursor is None else read_cursor(cursor, adapter))

    return Depends(paging)


def page(
    rows: Sequence[R], paging: Paging[Any], *, key: Callable[[R], tuple[Any, ...]], item: Callable[[R], T]
) -> Page[T]:
    """The page of these rows (`paging.fetch` of them were asked for); `key` gives what the list is ordered by."""
    shown = rows[: paging.limit]
    following = write_cursor(key(shown[-1])) if len(rows) > paging.limit else None
    return Page(items=[item(row) for row in shown], next=following)


def write_cursor(key: tuple[Any, ...]) -> str:
    """Opaque text that stands for the key of a row."""
    return encode(orjson.dumps(to_jsonable_python(key)))


def read_cursor(cursor: str, adapter: TypeAdapter[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The key again. Raises a 422 for anything that `write_cursor` did not make for a list like this."""
    try:
        return adapter.validate_json(decode(cursor))
    except (ValueError, ValidationError):
        raise invalid("query.cursor", "is not a cursor of this list") from None
