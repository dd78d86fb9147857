"""HTTP for services: the application, problems, one transaction per request, idempotency keys, pages.

router = Router(tags=["ledger"])

@router.get("/v1/members/{member_id}/balance", dependencies=[allow("points:read")])
async def balance(member_id: UUID, tx: Tx) -> BalanceResponse: ...

PROBLEMS = {InsufficientPointsError: problem(409, "insufficient_points", "Not enough points")}
app = create_app(service="points", settings=settings, routers=[router], problems=PROBLEMS)
"""

from common.http.app import create_app as create_app
from common.http.doors import public_routes as public_routes
from common.http.doors import routes_without_permission as routes_without_permission
from common.http.doors import walk as walk
from common.http.fields import RequestBody as RequestBody
from common.http.fields import ResponseBody as ResponseBody
from common.http.openapi import may_answer as may_answer
from common.http.paging import Page as Page
from common.http.paging import Paging as Paging
from common.http.paging import page as page
from common.http.paging import paged as paged
from common.http.problems import Problem as Problem
from common.http.problems import ProblemError as ProblemError
from common.http.problems import invalid as invalid
from common.http.problems import problem as problem
from common.http.revision import IfMatch as IfMatch
from common.http.revision import check_revision as check_revision
from common.http.revision import etag as etag
from common.http.route import Router as Router
from common.http.transaction import Tx as Tx
from common.http.verifier import verifier_for as verifier_for
from common.security.permissions import CurrentCaller as CurrentCaller
from common.security.permissions import allow as allow
from common.security.permissions import public as public
