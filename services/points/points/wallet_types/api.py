"""Reading and setting the types of wallets."""

from typing import Annotated, Literal

from fastapi import Path, Response
from pydantic import Field, model_validator

from common.http import CurrentCaller, RequestBody, ResponseBody, Router, Tx, allow, may_answer
from common.http.fields import ShortText
from common.http.revision import IfMatch, check_revision, etag
from common.security.audit import audit
from points.errors import WalletTypeUnknownError
from points.wallet_types import domain, handlers
from points.wallet_types.domain import WalletType

router = Router(tags=["wallet types"])

Kind = Literal["programme", "never", "days", "months", "end_of_month", "end_of_year"]
Policy = Literal["allow_negative", "clamp", "within_balance", "pending_only"]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
WalletKey = Annotated[str, Path(pattern="^[a-z][a-z_]{0,30}$", max_length=31, description="For example `points`.")]
_LONGEST = {"days": 36_500, "months": 1_200, "end_of_month": 1_200, "end_of_year": 100}


class Life(RequestBody):
    """How long points live. `programme`: the programme's `expiry_months`. `end_of_month` and `end_of_year` end with the
    first instant of the next period in the programme's zone, `periods` 1 being that in which they were earned.
    """

    kind: Kind = "programme"
    periods: int = Field(default=1, ge=1, le=36_500, strict=True)

    @model_validator(mode="after")
    def _not_too_long(self) -> "Life":
        longest = _LONGEST.get(self.kind)
        if longest is not None and self.periods > longest:
            raise ValueError(f"{self.kind}: at most {longest} periods")
        return self


class WalletTypeSettings(RequestBody):
    names: dict[Language, ShortText] = Field(default={}, max_length=20, description="By language: zh-CN, en.")
    spendable: bool = True
    transferable: bool = Field(default=True, description="Members may give it to one another.")
    life: Life = Life()
    pending_days: int = Field(default=0, ge=0, le=3_650, strict=True, description="Wait before points can be spent.")
    negative_policy: Policy | None = Field(default=None, description="Null: the programme's.")
    notice_days: list[Annotated[int, Field(ge=1, le=3_650, strict=True)]] = Field(
        default=list(domain.NOTICE_DAYS), max_length=10, description="How many days before expiry members are told."
    )


class LifeResponse(ResponseBody):
    kind: str
    periods: int


class WalletTypeResponse(ResponseBody):
    key: str
    names: dict[str, str]
    spendable: bool
    transferable: bool
    life: LifeResponse
    pending_days: int
    negative_policy: str | None
    notice_days: list[int]
    revision: int = Field(description="0: as built in.")


class WalletTypesResponse(ResponseBody):
    items: list[WalletTypeResponse]


def response_of(one: WalletType) -> WalletTypeResponse:
    return WalletTypeResponse(
        key=one.key,
        names=dict(one.names),
        spendable=one.spendable,
        transferable=one.transferable,
        life=LifeResponse(kind=one.life.kind, periods=one.life.periods),
        pending_days=one.pending_days,
        negative_policy=one.negative_policy,
        notice_days=list(one.notice_days),
        revision=one.revision,
    )


@router.get(
    "/v1/wallet-types", dependencies=[allow("programme:read")], responses=may_answer(), summary="All types of wallets"
)
async def wallet_types(tx: Tx) -> WalletTypesResponse:
    types = await handlers.load(tx)
    return WalletTypesResponse(items=[response_of(types.by_key[key]) for key in sorted(types.by_key)])


@router.get(
    "/v1/wallet-types/{key}",
    dependencies=[allow("programme:read")],
    responses=may_answer(404, 422),
    summary="One type of wallet",
)
async def wallet_type(key: WalletKey, tx: Tx, response: Response) -> WalletTypeResponse:
    types = await handlers.load(tx)
    if not types.knows(key):
        raise WalletTypeUnknownError(key)
    found = types.of(key)
    response.headers["ETag"] = etag(found.revision)
    return response_of(found)


@router.put(
    "/v1/wallet-types/{key}",
    dependencies=[allow("programme:write")],
    responses=may_answer(412, 422),
    summary="Set a type of wallet, a new one or what is there",
)
async def put_wallet_type(
    key: WalletKey, body: WalletTypeSettings, seen: IfMatch, caller: CurrentCaller, tx: Tx, response: Response
) -> WalletTypeResponse:
    """Counts for what is earned from now on; points that are there keep their expiry."""
    check_revision(seen, await handlers.lock(tx, key))
    wanted = WalletType(
        key=key,
        names=body.names,
        spendable=body.spendable,
        transferable=body.transferable,
        life=domain.Life(kind=body.life.kind, periods=body.life.periods),
        pending_days=body.pending_days,
        negative_policy=body.negative_policy,
        notice_days=tuple(body.notice_days),
    )
    kept = await handlers.put(tx, wanted, caller.subject)
    await audit(tx, caller, "wallet_type.put", key, revision=kept.revision, life=kept.life.kind)
    response.headers["ETag"] = etag(kept.revision)
    return response_of(kept)
