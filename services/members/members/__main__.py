"""python -m members api | worker | migrate"""

from common.runtime.process import run
from common.runtime.service import Service
from members import keyring
from members.api import ROUTERS, app_options
from members.consumer import SUBSCRIPTIONS
from members.jobs import SCHEDULE
from members.problems import PROBLEMS
from members.seed import seed
from members.settings import Settings

SERVICE = Service(
    name="members",
    settings=Settings,
    subscriptions=SUBSCRIPTIONS,
    schedule=SCHEDULE,
    routers=ROUTERS,
    problems=PROBLEMS,
    seed=seed,
    prepare=keyring.prepare,
    app_options=app_options,
)

if __name__ == "__main__":
    run(SERVICE)
