"""`loyalty publish FILE.csv --map …`: publishes anybody's purchases or returns, and takes up where it stopped."""

import asyncio
from datetime import time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from common.events.contract import Contract
from loyalty.publish_csv import FileError, Layout, survey
from loyalty.publish_mapping import FIELDS, MappingError, pairs, plan
from loyalty.publish_run import Publication, Tally, publish, rehearse
from loyalty.publish_state import Progress as Account
from loyalty.publish_state import key_of, load
from loyalty.publish_values import DECIMALS, MoneyFormat, TimeFormat
from loyalty.publish_wire import LONGEST_ID, WINDOW, Sender, SendingError, where
from loyalty.stackfile import StackMissingError, load_stack

SHOWN_IN_REHEARSAL = 3
WRONG, INCOMPLETE, STOPPED = 2, 1, 3
out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def publish_file(
    file: Annotated[Path, typer.Argument(help="The CSV file.")],
    source: Annotated[str, typer.Option(help="Who publishes, as a URI like //till-7.shop.example.")],
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", "-m", help="field=column, several by commas or by repeating; a+b joins two columns."),
    ] = None,
    fixed: Annotated[list[str] | None, typer.Option("--set", "-s", help="field=value for every line.")] = None,
    kind: Annotated[str, typer.Option(help="purchases or returns.")] = "purchases",
    url: Annotated[
        str,
        typer.Option(envvar="RABBITMQ_URL", help="amqp(s)://user:password@host/vhost; else the running stack's."),
    ] = "",
    time_format: Annotated[
        list[str] | None, typer.Option(help="iso, epoch, epoch-ms or like %d/%m/%Y %H:%M; the first that fits.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Zone of times without an offset, like Asia/Shanghai.")] = "",
    time_of_day: Annotated[str, typer.Option(help="What a date without a time means.")] = "12:00",
    decimal_mark: Annotated[str, typer.Option(help="'.' or ','.")] = ".",
    minor_units: Annotated[bool, typer.Option(help="Amounts are in 分 or cents already.")] = False,
    encoding: Annotated[str, typer.Option(help="utf-8 (with or without byte-order mark), gbk, …")] = "utf-8",
    delimiter: Annotated[str, typer.Option(help="Found out when not given; \\t is a tab.")] = "",
    header: Annotated[bool, typer.Option(help="Without one the columns are called #1, #2, …")] = True,
    dry_run: Annotated[bool, typer.Option(help="Read and check everything, send nothing.")] = False,
    again: Annotated[bool, typer.Option(help="From the first line, whatever was published before.")] = False,
    state: Annotated[Path | None, typer.Option(help="Where progress is kept.", show_default="beside the file")] = None,
    rejected: Annotated[Path | None, typer.Option(help="For bad lines.", show_default="FILE.rejected.csv")] = None,
    window: Annotated[int, typer.Option(min=1, max=5000, help="Messages under way at once.")] = WINDOW,
) -> None:
    """Publish the purchases or returns in a CSV file as events, through AMQP, each confirmed by the broker.

    Exit status: 0 all published, 1 some lines rejected, 2 wrong options or file, 3 stopped before the end.
    """
    try:
        layout = _layout(encoding, delimiter, header=header)
        wanted = _plan_options(mapped, fixed, kind, source)
        money = _money_format(decimal_mark, minor_units=minor_units)
        times = _time_format(time_format, time_zone, time_of_day)
        found = survey(file, layout)
        fitted = plan(kind, found.columns, mapped=wanted[0], constants=wanted[1], money=money, times=times)
    except (MappingError, FileError) as error:
        err.print(str(error), style="red", markup=False)
        raise typer.Exit(WRONG) from error
    what = Publication(
        path=file,
        layout=layout,
        survey=found,
        plan=fitted,
        source=source,
        url=url or _url_of_running_stack(),
        state=state or file.with_name(file.name + ".published.json"),
        rejected=rejected or file.with_name(file.stem + ".rejected.csv"),
    )
    _introduce(what)
    if dry_run:
        raise typer.Exit(_rehearse(what))
    raise typer.Exit(_publish(what, window, again=again))


def _url_of_running_stack() -> str:
    """Of its publisher `demo-shop`, who may do no more than any other publisher; "" when no stack runs here."""
    try:
        return load_stack().publisher.url
    except (StackMissingError, OSError, ValueError):
        return ""


def _publish(what: Publication, window: int, *, again: bool) -> int:
    if not what.url:
        err.print("no broker: give the publisher's --url, or RABBITMQ_URL in the environment", style="red")
        return WRONG
    key = key_of(what.survey.sha256, what.plan, what.source, where(what.url))
    since = Account(key=key) if again else load(what.state, key)
    if since.finished:
        out.print(
            f"nothing to do: all {since.published:,} were published before (--again publishes them again)",
            soft_wrap=True,
        )
        return INCOMPLETE if since.rejected else 0
    if since.records:
        out.print(f"taking up after {since.records:,} records that were done before")
    bar = Progress(
        TextColumn("publishing"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(), console=out, transient=True,
    )  # fmt: skip
    sender = Sender(what.url, window=window, trouble=lambda text: err.print(text, style="yellow", markup=False))
    with bar:
        task = bar.add_task("", total=what.survey.lines, told="")
        started = bar.get_time()

        def moved(tally: Tally, account: Account) -> None:
            rate = sender.confirmed / max(bar.get_time() - started, 0.001)
            told = f"{account.published:,} confirmed, {account.rejected:,} rejected, {rate:,.0f}/s"
            bar.update(task, completed=tally.line, told=told)

        try:
            tally, account = asyncio.run(publish(what, since, sender, moved))
        except (SendingError, KeyboardInterrupt) as error:
            account = load(what.state, key)
            reason = str(error) if isinstance(error, SendingError) else "interrupted"
            err.print(f"stopped: {reason}", style="red", markup=False)
            err.print(f"{account.published:,} are published and confirmed; the same command takes up from there")
            return STOPPED
        seconds = bar.get_time() - started
    _sum_up(what, tally, f"{sender.confirmed:,} published in {seconds:.1f} s ({sender.confirmed / seconds:,.0f}/s)")
    if account.rejected:
        out.print(
            f"{account.rejected:,} lines were rejected: {what.rejected} has them, each with its reason", soft_wrap=True
        )
    return INCOMPLETE if account.rejected else 0


def _rehearse(what: Publication) -> int:
    shown: list[Contract] = []

    def show(data: Contract) -> None:
        if len(shown) < SHOWN_IN_REHEARSAL:
            shown.append(data)
            body = orjson.dumps(data.model_dump(mode="json", exclude_defaults=True)).decode()
            out.print(f"{data.TYPE} {body}", markup=False)

    tally = rehearse(what, show)
    _sum_up(what, tally, f"{tally.taken:,} could be published; nothing was sent")
    return INCOMPLETE if tally.rejected else 0


def _introduce(what: Publication) -> None:
    said = [f"{name} ← {'+'.join(what.survey.columns[i] for i in at)}" for name, at in what.plan.columns.items()]
    said += [f"{name} = {value}" for name, value in what.plan.constants.items()]
    out.print(
        f"{what.path}: {what.survey.lines:,} lines as {what.plan.contract.TYPE} from {what.source}",
        markup=False,
        soft_wrap=True,
    )
    out.print("  " + ", ".join(said), markup=False, soft_wrap=True)


def _sum_up(what: Publication, tally: Tally, first: str) -> None:
    out.print(first)
    for currency, total in tally.totals.items():
        decimals = DECIMALS.get(currency, 0)
        out.print(f"  {currency} {total / 10**decimals:,.{decimals}f} in all")
    if not tally.rejected:
        return
    table = Table("line", "column", "reason", title=f"{tally.rejected:,} bad lines, the first of them")
    for line, column, reason in tally.examples:
        table.add_row(str(line), Text(column), Text(reason))
    out.print(table)


def _plan_options(
    mapped: list[str] | None, fixed: list[str] | None, kind: str, source: str
) -> tuple[dict[str, str], dict[str, str]]:
    if not 1 <= len(source) <= LONGEST_ID:
        raise MappingError(f"--source has 1 to {LONGEST_ID} characters")
    if kind not in FIELDS:
        raise MappingError(f"--kind is one of {', '.join(FIELDS)}, not {kind!r}")
    return pairs(mapped or ()), pairs(fixed or ())


def _layout(encoding: str, delimiter: str, *, header: bool) -> Layout:
    sign = delimiter.replace("\\t", "\t")
    if len(sign) > 1 or sign in ('"', "\n", "\r"):
        raise MappingError(f"--delimiter is one sign, not {delimiter!r}")
    return Layout(encoding=encoding, delimiter=sign, header=header)


def _money_format(decimal_mark: str, *, minor_units: bool) -> MoneyFormat:
    if decimal_mark not in (".", ","):
        raise MappingError(f"--decimal-mark is '.' or ',', not {decimal_mark!r}")
    return MoneyFormat(decimal_mark=decimal_mark, minor_units=minor_units)


def _time_format(formats: list[str] | None, zone: str, time_of_day: str) -> TimeFormat:
    try:
        day_time = time.fromisoformat(time_of_day)
    except ValueError as error:
        raise MappingError(f"--time-of-day {time_of_day!r} is not a time like 12:00") from error
    try:
        located = ZoneInfo(zone) if zone else None
    except (KeyError, ValueError, OSError) as error:
        raise MappingError(f"--time-zone {zone!r} is not a zone like Asia/Shanghai") from error
    return TimeFormat(formats=tuple(formats or ("iso",)), zone=located, time_of_day=day_time)
