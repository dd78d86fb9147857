"""What the doors of all policies do: show with the revision as ETag, replace what was seen."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from common.http import Tx
from common.http.revision import check_revision, etag
from common.security.callers import Caller
from points.policies import handlers
from points.policies.handlers import Kept


async def shown(tx: Tx, response: Response, kind: str) -> Kept:
    """The policy as it is; its revision goes into the answer's ETag."""
    return _tagged(response, await handlers.current(tx, kind))


async def replaced(
    tx: Tx, caller: Caller, response: Response, kind: str, settings: Mapping[str, Any], seen: int | None
) -> Kept:
    """The policy replaced whole; 412 when the caller has seen another revision than there is."""
    check_revision(seen, (await handlers.current(tx, kind)).revision)
    return _tagged(response, await handlers.change(tx, caller, kind, settings))


def _tagged(response: Response, kept: Kept) -> Kept:
    response.headers["ETag"] = etag(kept.revision)
    return kept
