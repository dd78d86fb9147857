"""python -m points api | worker | migrate"""

from common.http.verifier import grants_for
from common.runtime.process import run
from common.runtime.service import Service
from points import keyring
from points.api import ROUTERS
from points.consumer import SUBSCRIPTIONS
from points.jobs import SCHEDULE
from points.problems import PROBLEMS
from points.settings import Settings
from points.simulation import handlers as simulation

SERVICE = Service(
    name="points",
    settings=Settings,
    subscriptions=SUBSCRIPTIONS,
    schedule=SCHEDULE,
    routers=ROUTERS,
    problems=PROBLEMS,
    loops=[simulation.run],
    prepare=keyring.prepare,
    app_options=lambda settings, _: {"state": {"grants": grants_for(settings)}},
)

if __name__ == "__main__":
    run(SERVICE)
