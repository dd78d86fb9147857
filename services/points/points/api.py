"""The HTTP doors of all subjects."""

from points.checks.api import router as checks
from points.ledger.api import router as ledger
from points.reports.api import router as reports
from points.returns.api import router as returns
from points.rules.api import router as rules
from points.statement.api import router as statement
from points.wallet_types.api import router as wallet_types

ROUTERS = [ledger, statement, returns, rules, checks, reports, wallet_types]
