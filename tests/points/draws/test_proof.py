"""The proof: no bias, two writings of it agree, and what was changed is found."""

import hmac
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty import fairness
from points.draws import proof
from points.draws.proof import Place, Played, Promise, commitment_of, drawn_by, pseudonym_of, replay, ticket_of

SEED = bytes(range(32))
TABLE = [
    Place(key="phone", weight=1, stock=2, kind="goods", reward="手机 15"),
    Place(key="coupon", weight=99, stock=30, kind="coupon", coupon="ten"),
    Place(key="points", weight=400, kind="points", points=5),
    Place(key="nothing", weight=500),
]
TOTAL = 1_000
PROMISE = Promise(draw="spin", epoch=1, total=TOTAL, fallback="nothing", prizes=TABLE)
NAMES = st.text("0123456789abcdef", min_size=32, max_size=32)
CLIENT = st.text("abcXYZ019_-", max_size=12)


def played(seed: bytes, plays: int, table: list[Place] = TABLE) -> list[Played]:
    given: dict[str, int] = {}
    rows = []
    for number in range(1, plays + 1):
        name = pseudonym_of("spin", 1, UUID(int=number % 7))
        ticket = ticket_of(seed, "mine", number, name, TOTAL)
        drawn = drawn_by(ticket, table)
        key = "nothing" if drawn.stock is not None and given.get(drawn.key, 0) >= drawn.stock else drawn.key
        given[key] = given.get(key, 0) + 1
        rows.append(
            Played(number=number, pseudonym=name, client_seed="mine", ticket=ticket, drawn=drawn.key, prize=key)
        )
    return rows


def document(rows: list[Played], seed: bytes = SEED) -> dict[str, Any]:
    return {
        "draw": "spin",
        "epoch": 1,
        "commitment": commitment_of(seed, PROMISE),
        "seed": seed.hex(),
        "total": TOTAL,
        "fallback": "nothing",
        "prizes": [asdict(place) for place in TABLE],
        "plays": [asdict(row) for row in rows],
    }


def test_known_ticket_stays_what_it_is() -> None:
    digest = hmac.new(SEED, b"mine|1|" + b"0" * 32, sha256).digest()
    assert ticket_of(SEED, "mine", 1, "0" * 32, 1_000_000) == int.from_bytes(digest[:8], "big") % 1_000_000


@given(st.binary(min_size=32, max_size=32), CLIENT, st.integers(1, 10**9), NAMES, st.integers(1, 2**63))
def test_both_writings_of_the_proof_draw_the_same_ticket(
    seed: bytes, client: str, number: int, name: str, total: int
) -> None:
    ticket = ticket_of(seed, client, number, name, total)
    assert 0 <= ticket < total
    assert fairness.ticket(seed, client, number, name, total) == ticket


@given(st.integers(0, TOTAL - 1))
def test_each_ticket_has_one_owner(ticket: int) -> None:
    assert drawn_by(ticket, TABLE).key == fairness.owner(ticket, [asdict(place) for place in TABLE])["key"]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_prizes_own_as_many_tickets_as_they_weigh(weights: list[int]) -> None:
    table = [Place(key=str(number), weight=weight) for number, weight in enumerate(weights)]
    owners = [drawn_by(ticket, table).key for ticket in range(sum(weights))]
    assert [owners.count(place.key) for place in table] == weights


def test_what_would_be_biased_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a total of 3 · 2^62 a quarter of all x lies above the limit: the first that lies below counts."""
    total = 3 * 2**62
    found = set()
    for number in range(1, 200):
        first = hmac.new(SEED, f"c|{number}|n".encode(), sha256).digest()
        x = int.from_bytes(first[:8], "big")
        if x >= total:
            again = int.from_bytes(hmac.new(SEED, f"c|{number}|n|1".encode(), sha256).digest()[:8], "big")
            if again < total:
                assert ticket_of(SEED, "c", number, "n", total) == again
                found.add(number)
        else:
            assert ticket_of(SEED, "c", number, "n", total) == x
    assert len(found) > 10


def test_ten_thousand_plays_are_as_the_odds_say() -> None:
    """Chi-square with 3 degrees of freedom; 16.27 would be passed once in a thousand seeds, and this one is fixed."""
    table = [replace(place, stock=None) for place in TABLE]
    rows = played(SEED, 10_000, table)
    drawn = [sum(row.drawn == place.key for row in rows) for place in table]
    expected = [10_000 * place.weight / TOTAL for place in table]
    assert sum((have - want) ** 2 / want for have, want in zip(drawn, expected, strict=True)) < 16.27


def test_untouched_list_holds_in_both_writings() -> None:
    rows = played(SEED, 500)
    assert sum(row.prize == "coupon" for row in rows) == 30
    assert replay(SEED, commitment_of(SEED, PROMISE), PROMISE, rows) == []
    assert fairness.verify(document(rows)) == []


@settings(deadline=None)
@given(
    st.integers(0, 199),
    st.sampled_from(["ticket", "prize", "client_seed", "pseudonym", "missing", "twice"]),
)
def test_whatever_is_changed_in_the_list_is_found_by_both(at: int, what: str) -> None:
    rows = played(SEED, 200)
    if what == "missing":
        del rows[at if at < 199 else 0]
    elif what == "twice":
        rows.insert(at, rows[at])
    elif what == "ticket":
        rows[at] = replace(rows[at], ticket=(rows[at].ticket + 1) % TOTAL)
    elif what == "prize":
        rows[at] = replace(rows[at], prize="phone" if rows[at].prize != "phone" else "nothing")
    elif what == "client_seed":
        rows[at] = replace(rows[at], client_seed="yours")
    else:
        rows[at] = replace(rows[at], pseudonym="f" * 32)
    assert replay(SEED, commitment_of(SEED, PROMISE), PROMISE, rows) != []
    assert fairness.verify(document(rows)) != []


def test_another_seed_than_the_committed_one_is_found() -> None:
    rows = played(SEED, 3)
    assert replay(SEED, commitment_of(b"x" * 32, PROMISE), PROMISE, rows)[0].number == 0
    assert "committed" in fairness.verify({**document(rows), "commitment": commitment_of(b"x" * 32, PROMISE)})[0]


@pytest.mark.parametrize(
    "other",
    [
        {"weight": 0},
        {"stock": 1},
        {"stock": None},
        {"key": "telephone"},
        {"kind": "nothing"},
        {"points": 1},
        {"reward": "手机 12"},
    ],
)
def test_other_odds_stocks_or_prizes_than_were_committed_to_are_found(other: dict[str, Any]) -> None:
    """Whoever changes the table after the plays cannot give the commitment that was known before."""
    changed = replace(TABLE[0], **other)
    rest = replace(TABLE[3], weight=TABLE[3].weight + TABLE[0].weight - changed.weight)
    prizes = [changed, *TABLE[1:3], rest]
    assert replay(SEED, commitment_of(SEED, PROMISE), replace(PROMISE, prizes=prizes), [])[0].number == 0
    told = {**document([]), "prizes": [asdict(place) for place in prizes]}
    assert "committed" in fairness.verify(told)[0]
    assert commitment_of(SEED, replace(PROMISE, epoch=2)) != commitment_of(SEED, PROMISE)


def test_members_find_their_own_plays() -> None:
    someone = UUID(int=5)
    assert fairness.pseudonym("spin", 1, str(someone)) == proof.pseudonym_of("spin", 1, someone)
