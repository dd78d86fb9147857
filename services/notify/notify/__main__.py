"""python -m notify api | worker | migrate"""

from common.runtime.process import run
from common.runtime.service import Service
from notify.api import ROUTERS
from notify.channels import sender
from notify.consumer import SUBSCRIPTIONS
from notify.jobs import SCHEDULE
from notify.preferences import rotation
from notify.problems import PROBLEMS
from notify.settings import Settings

SERVICE = Service(
    name="notify",
    settings=Settings,
    subscriptions=SUBSCRIPTIONS,
    schedule=SCHEDULE,
    routers=ROUTERS,
    problems=PROBLEMS,
    loops=[sender.run, rotation.run],
)

if __name__ == "__main__":
    run(SERVICE)
