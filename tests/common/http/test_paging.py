"""Cursors come back as they were made, and rubbish is refused."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from common.http.paging import MAX_CURSOR, read_cursor, write_cursor
from common.http.problems import ProblemError

KEYS: TypeAdapter[tuple[Any, ...]] = TypeAdapter(tuple[datetime, UUID, int, str])
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(
    st.tuples(
        st.datetimes(timezones=st.just(UTC)), st.uuids(), st.integers(min_value=-(2**63), max_value=2**63 - 1), words
    )
)
def test_a_cursor_comes_back_as_it_was(key: tuple[datetime, UUID, int, str]) -> None:
    assert read_cursor(write_cursor(key), KEYS) == key


@given(st.one_of(st.text(max_size=200), st.binary(max_size=100).map(lambda raw: raw.hex())))
def test_rubbish_is_no_cursor(cursor: str) -> None:
    with pytest.raises(ProblemError):
        read_cursor(cursor, KEYS)


def test_the_longest_key_fits_into_a_cursor() -> None:
    """A time and two identifiers of 200 characters that are long in UTF-8, as purchases are listed."""
    longest = write_cursor((datetime.now(UTC), "\U0001f375" * 200, "\U0001f375" * 200))
    assert len(longest) <= MAX_CURSOR


async def test_all_pages_together_are_the_list(operator: httpx.AsyncClient) -> None:
    for number in range(7):
        await operator.post("/v1/things", json={"name": f"t{number}", "amount": number % 3})
    everything = (await operator.get("/v1/things")).json()
    assert everything["next"] is None
    for limit in (1, 3, 7):
        names, cursor, parts = [], None, 0
        while parts == 0 or cursor:
            params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
            part = (await operator.get("/v1/things", params=params)).json()
            names += [item["name"] for item in part["items"]]
            cursor, parts = part["next"], parts + 1
        assert names == [item["name"] for item in everything["items"]]
        assert parts == -(-7 // limit)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "%00",
        "x" * (MAX_CURSOR + 1),
        write_cursor(("a", 1)),
        write_cursor((1,)),
        write_cursor((2**63, "a")),
        write_cursor((1, "\x00")),
    ],
)
async def test_a_cursor_that_is_none_of_this_list_is_422(operator: httpx.AsyncClient, cursor: str) -> None:
    answer = await operator.get("/v1/things", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.cursor"
