"""Who sends what twice, as the API tells it."""

from typing import Any

from common.storage import Database
from common.storage.inbox import count_duplicates
from tests.points.world import SHOP

PATH = "/v1/reports/duplicates"
REUSED = """
    INSERT INTO dead_letters (id, received_at, source, event_id, type, routing_key, body, headers, error_type,
        error_message, attempts)
    VALUES (gen_random_uuid(), now(), :source, 'e1', 'purchase.completed.v1', 'purchase.completed.v1', '{}', '{}',
        :reason, 'came before with another body', 1)
"""


async def test_a_sender_that_repeats_itself_is_named_with_how_often(points_database: Database, client: Any) -> None:
    async with points_database.transaction() as tx:
        await count_duplicates(tx, {(SHOP, "purchase.completed.v1"): 3, ("//other", "purchase.refunded.v1"): 1})
    async with client(role="operator") as operator:
        answer = (await operator.get(PATH)).json()
        only = (await operator.get(PATH, params={"source": SHOP})).json()
        first = (await operator.get(PATH, params={"limit": 1})).json()
        second = (await operator.get(PATH, params={"limit": 1, "cursor": first["next"]})).json()
    told = [(one["source"], one["type"], one["duplicates"], one["reused"]) for one in answer["items"]]
    assert told == [("//other", "purchase.refunded.v1", 1, 0), (SHOP, "purchase.completed.v1", 3, 0)]
    assert [one["source"] for one in only["items"]] == [SHOP]
    assert [one["source"] for page in (first, second) for one in page["items"]] == ["//other", SHOP]


async def test_an_id_that_was_used_for_another_body_is_told_apart_from_harmless_repeats(
    points_database: Database, client: Any
) -> None:
    async with points_database.transaction() as tx:
        await tx.execute(REUSED, {"source": SHOP, "reason": "order_id_reused"})
        await tx.execute(REUSED, {"source": SHOP, "reason": "unknown_member"})
    async with client(role="operator") as operator:
        (one,) = (await operator.get(PATH)).json()["items"]
        later = (await operator.get(PATH, params={"since": "2999-01-01T00:00:00Z"})).json()["items"]
    assert (one["source"], one["duplicates"], one["reused"]) == (SHOP, 0, 1)
    assert later == []
