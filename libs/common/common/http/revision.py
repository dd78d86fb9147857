"""Changes of versioned things: `If-Match` carries the revision that was seen; another one means somebody was faster."""

import re
from typing import Annotated

from fastapi import Depends, Header

from common.http.problems import BY_STATUS, ProblemError, invalid

_TAG = re.compile(r'"(\d{1,18})"')


async def _if_match(
    if_match: Annotated[
        str | None, Header(description='The `ETag` that was seen, for example `"7"`.', max_length=100)
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise invalid("header.if-match", 'is not one ETag like "7"')
    return int(tag[1])


IfMatch = Annotated[int | None, Depends(_if_match)]
"""The revision the client has seen; None when it did not say or does not mind."""


def etag(revision: int) -> str:
    """The `ETag` header of this revision."""
    return f'"{revision}"'


def check_revision(seen: int | None, current: int) -> None:
    """Raises 412 when the client has seen another revision than there is now."""
    if seen is not None and seen != current:
        raise ProblemError(
            BY_STATUS[412], f"This is revision {current}, you have seen {seen}: read it again.", revision=current
        )
