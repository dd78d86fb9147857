"""Metric names and labels are a contract with dashboards and alerts."""

from common.runtime import metrics


def test_a_batch_is_counted_by_service_type_and_outcome() -> None:
    metrics.batch_done(
        "shop",
        {("purchase.completed.v1", "done"): 480, ("purchase.completed.v1", "dead"): 20},
        seconds=0.2,
        oldest_lag_seconds=1.5,
    )
    text = metrics.exposition().decode()
    assert 'loyalty_events_total{outcome="done",service="shop",type="purchase.completed.v1"} 480.0' in text
    assert 'loyalty_batch_events_sum{service="shop"} 500.0' in text
    assert 'loyalty_batch_seconds_count{service="shop"} 1.0' in text
    assert 'loyalty_lag_seconds{service="shop"} 1.5' in text


def test_an_event_from_the_future_has_no_negative_lag() -> None:
    metrics.batch_done("ahead", {("a.b.v1", "done"): 1}, seconds=0.1, oldest_lag_seconds=-5)
    assert 'loyalty_lag_seconds{service="ahead"} 0.0' in metrics.exposition().decode()


def test_everything_else_that_is_watched_has_its_name() -> None:
    metrics.outbox_waiting("shop", 7, 3.5)
    metrics.dead_letters_open("shop", 2)
    metrics.dead_letters_taken("shop", 2)
    metrics.batch_retried("shop", "deadlock")
    metrics.consumer_restarted("shop", "channel closed")
    metrics.consumer_running("shop", True)
    metrics.published("shop", 10)
    metrics.job_ran("shop", "ledger.check", "failed", 0.5)
    metrics.request_answered("shop", "GET", "/v1/members/{member_id}", 200, 0.01)
    text = metrics.exposition().decode()
    for line in (
        'loyalty_outbox_events{service="shop"} 7.0',
        'loyalty_outbox_oldest_seconds{service="shop"} 3.5',
        'loyalty_dead_letters_open{service="shop"} 2.0',
        'loyalty_dead_letters_total{service="shop"} 2.0',
        'loyalty_batch_retries_total{reason="deadlock",service="shop"} 1.0',
        'loyalty_consumer_restarts_total{reason="channel closed",service="shop"} 1.0',
        'loyalty_consumer_running{service="shop"} 1.0',
        'loyalty_published_total{outcome="confirmed",service="shop"} 10.0',
        'loyalty_schedule_runs_total{job="ledger.check",outcome="failed",service="shop"} 1.0',
        'loyalty_http_requests_total{method="GET",route="/v1/members/{member_id}",service="shop",status="200"} 1.0',
    ):
        assert line in text, line
