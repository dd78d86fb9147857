"""The HTTP door: every subject's routes."""

from analytics.facts import api as facts
from analytics.frequency import api as frequency
from analytics.happenings import api as happenings
from analytics.notices import api as notices
from analytics.points_usage import api as points_usage
from analytics.retention import api as retention
from analytics.spend import api as spend

ROUTERS = [
    facts.router,
    spend.router,
    frequency.router,
    retention.router,
    points_usage.router,
    happenings.router,
    notices.router,
]
