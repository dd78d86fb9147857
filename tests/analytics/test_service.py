"""The lists a process of this service is made of."""

from analytics.consumer import SUBSCRIPTIONS
from analytics.jobs import SCHEDULE
from analytics.settings import Settings
from common.events.registry import PUBLISHERS
from common.storage import Database


def test_every_fact_that_a_service_tells_is_heard() -> None:
    """A submitted purchase is no fact yet: members answers it with a completed one."""
    told = {contract.TYPE for service in ("members", "points", "notify") for contract in PUBLISHERS[service]}
    heard = [subscription.contract.TYPE for subscription in SUBSCRIPTIONS]
    assert told - {"purchase.submitted.v1"} == set(heard)
    assert len(heard) == len(set(heard))


def test_jobs_have_names_of_their_own() -> None:
    assert sorted(job.name for job in SCHEDULE) == [
        "calendar.rebuild",
        "notices.fold",
        "points_usage.fold",
        "proof.prove",
        "returns.match_waiting",
        "spend.fold",
    ]


async def test_every_job_runs_on_an_empty_database(analytics_database: Database) -> None:
    for job in SCHEDULE:
        async with analytics_database.transaction() as tx:
            await job.run(tx)


def test_ports_are_those_of_the_house() -> None:
    assert (Settings.model_fields["api_port"].default, Settings.model_fields["metrics_port"].default) == (8004, 9004)
