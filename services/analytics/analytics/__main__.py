"""`python -m analytics api | worker | migrate`."""

from analytics.api import ROUTERS
from analytics.consumer import SUBSCRIPTIONS
from analytics.jobs import SCHEDULE
from analytics.problems import PROBLEMS
from analytics.settings import Settings
from common.runtime.process import run
from common.runtime.service import Service

if __name__ == "__main__":
    run(
        Service(
            name="analytics",
            settings=Settings,
            subscriptions=SUBSCRIPTIONS,
            schedule=SCHEDULE,
            routers=ROUTERS,
            problems=PROBLEMS,
        )
    )
