"""HTTP door of the catalogue and its stock."""

from typing import Annotated

from fastapi import Path, Query, Response

from common.events.contract import MAX_BIGINT
from common.http import (
    CurrentCaller,
    IfMatch,
    Page,
    Paging,
    Router,
    Tx,
    allow,
    etag,
    invalid,
    may_answer,
    page,
    paged,
)
from common.storage import Transaction
from common.storage.programme import programme
from points.rewards import handlers
from points.rewards.domain import Reward
from points.rewards.models import (
    Counted,
    Kind,
    NewReward,
    Restock,
    RewardFields,
    RewardResponse,
    State,
    StateBody,
    StockChangeResponse,
    StockResponse,
)

router = Router(tags=["rewards"])

BySort = paged(int, str)
ByNumber = paged(int)
FIRST = (-MAX_BIGINT, "")

KeyInPath = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


@router.post(
    "/v1/rewards",
    status_code=201,
    dependencies=[allow("rewards:write")],
    responses=may_answer(409, 422),
    summary="Add a reward, hidden",
)
async def create(body: NewReward, tx: Tx, caller: CurrentCaller, response: Response) -> RewardResponse:
    """It can be ordered once it is published."""
    if body.key == "available":
        raise invalid("body.key", "is a word of the API")
    made = await handlers.create(tx, caller, body.reward(body.key, body.stock))
    response.headers["Location"] = f"/v1/rewards/{made.reward}"
    return await _answer(tx, made, response)


@router.get(
    "/v1/rewards",
    dependencies=[allow("rewards:read")],
    responses=may_answer(422),
    summary="The catalogue, in its order",
)
async def catalogue(
    tx: Tx,
    paging: Annotated[Paging[tuple[int, str]], BySort],
    state: Annotated[State | None, Query()] = None,
    kind: Annotated[Kind | None, Query()] = None,
    q: Annotated[str, Query(max_length=100, pattern="^[^\\u0000]*$", description="Part of a name or of the key.")] = "",
) -> Page[RewardResponse]:
    rows = await handlers.catalogue(
        tx, state=state, kind=kind, words=q, after=paging.after or FIRST, limit=paging.fetch
    )
    terms = handlers.terms_of(await programme(tx))
    return page(
        rows,
        paging,
        key=lambda reward: (reward.sort, reward.reward),
        item=lambda reward: RewardResponse.of(reward, terms),
    )


@router.get(
    "/v1/rewards/{reward}",
    dependencies=[allow("rewards:read")],
    responses=may_answer(404, 422),
    summary="One reward",
)
async def read(reward: KeyInPath, tx: Tx, response: Response) -> RewardResponse:
    return await _answer(tx, await handlers.of_key(tx, reward), response)


@router.put(
    "/v1/rewards/{reward}",
    dependencies=[allow("rewards:write")],
    responses=may_answer(404, 409, 412, 422),
    summary="Change a reward",
)
async def change(
    reward: KeyInPath, body: RewardFields, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> RewardResponse:
    """Replaces all but state and stock; orders that were placed keep what they were placed for."""
    return await _answer(tx, await handlers.change(tx, caller, body.reward(reward), seen), response)


@router.post(
    "/v1/rewards/{reward}/state",
    dependencies=[allow("rewards:write")],
    responses=may_answer(404, 409, 412, 422),
    summary="Publish, hide or archive a reward",
)
async def move(
    reward: KeyInPath, body: StateBody, tx: Tx, caller: CurrentCaller, seen: IfMatch, response: Response
) -> RewardResponse:
    return await _answer(tx, await handlers.move(tx, caller, reward, body.state, seen), response)


@router.post(
    "/v1/rewards/{reward}/stock",
    dependencies=[allow("rewards:write")],
    responses=may_answer(404, 409, 422),
    summary="Add pieces to the stock, or take some away",
)
async def restock(reward: KeyInPath, body: Restock, tx: Tx, caller: CurrentCaller) -> StockResponse:
    """Beside orders that are placed at the same time: nothing is lost. Below 0 it cannot fall."""
    row = await handlers.restock(tx, caller, reward, body.change, body.note)
    return StockResponse(key=reward, stock=row.stock)


@router.put(
    "/v1/rewards/{reward}/stock",
    dependencies=[allow("rewards:write")],
    responses=may_answer(404, 409, 422),
    summary="Correct the stock to what was counted",
)
async def count(reward: KeyInPath, body: Counted, tx: Tx, caller: CurrentCaller) -> StockResponse:
    row = await handlers.count(tx, caller, reward, body.stock, body.note)
    return StockResponse(key=reward, stock=row.stock)


@router.get(
    "/v1/rewards/{reward}/stock/changes",
    dependencies=[allow("rewards:read")],
    responses=may_answer(404, 422),
    summary="Every change of the stock, the newest first",
)
async def stock_changes(
    reward: KeyInPath, tx: Tx, paging: Annotated[Paging[tuple[int]], ByNumber]
) -> Page[StockChangeResponse]:
    below = paging.after[0] if paging.after else MAX_BIGINT
    rows = await handlers.stock_changes(tx, reward, below=below, limit=paging.fetch)
    return page(rows, paging, key=lambda row: (row.number,), item=lambda row: StockChangeResponse(**row._asdict()))


async def _answer(tx: Transaction, reward: Reward, response: Response) -> RewardResponse:
    response.headers["ETag"] = etag(reward.revision)
    return RewardResponse.of(reward, handlers.terms_of(await programme(tx)))
