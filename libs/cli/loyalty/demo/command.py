"""`loyalty demo`: real purchases through all services, and a check of what came out. Run again it changes nothing."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from loyalty import cdnow
from loyalty.cdnow import CdnowError, CdnowPurchase
from loyalty.clients.api import ApiError
from loyalty.clients.session import NotConfiguredError, Session
from loyalty.demo import checks, figures, prepare, shop, story
from loyalty.demo.cast import DUPLICATES, RETURNS, STORY_CUSTOMER, TRACED_ORDER, name_of
from loyalty.demo.checks import Check
from loyalty.demo.figures import Figures, House
from loyalty.demo.prepare import NotOurProgrammeError, Registered
from loyalty.demo.programme import TIERS, WINDOW_DAYS
from loyalty.demo.settle import Look, NotSettledError, Watch, settle
from loyalty.publish_wire import SendingError
from loyalty.stackfile import Stack, find_stack_file
from loyalty.trace import trace

STILL_SECONDS = 120
"""How long nothing may move before the demonstration gives up waiting."""
LAST_QUIET_LOOKS = 12
"""In the end a relay's own count, taken every few seconds, is waited for too."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did: how many events were published, how long until the last effect, figures before and after."""

    members: Registered
    published: int
    seconds: float
    before: Figures
    after: Figures

    @property
    def new_purchases(self) -> int:
        return int(self.after.members["purchases"] - self.before.members["purchases"])


def demo(dataset: str = typer.Option("", help="sample or full; DATASET in the environment says the same.")) -> None:
    """Send the CDNOW purchases through all services of the running stack and check what came out."""
    try:
        passed = _run(dataset or os.environ.get("DATASET") or "sample")
    except (CdnowError, NotConfiguredError, NotOurProgrammeError, NotSettledError, SendingError, ApiError) as error:
        err.print(f"the demonstration stopped: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    except httpx.HTTPError as error:
        err.print(f"the demonstration stopped: a server does not answer: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    raise typer.Exit(0 if passed else 1)


def _run(name: str) -> bool:
    wanted = cdnow.dataset(name)
    folder = find_stack_file().parent / "data"
    purchases = shop.day_book(cdnow.read(cdnow.fetch(wanted, folder)))
    days = f"{purchases[0].day} to {purchases[-1].day}"
    out.print(f"\n[bold]CDNOW, {name}[/]: {wanted.customers:,} customers, {wanted.purchases:,} purchases, {days}")
    with Session() as session:
        apis = {service: session.api(service) for service in ("members", "points", "notify", "analytics")}
        house = House(stack=session.stack, **apis)
        watch = Watch(session.stack)
        try:
            outcome = _play(house, watch, purchases)
            _tell_figures(outcome)
            _tell_story(house, outcome.members)
            _tell_trace(house)
            passed = _tell_verdict(_verdict(house, outcome, purchases, folder))
        finally:
            watch.close()
        _say_where(session.stack)
    return passed


def _play(house: House, watch: Watch, purchases: Sequence[CdnowPurchase]) -> Outcome:
    """Sets the stage, publishes, waits."""
    changed = prepare.set_programme(house.members)
    version, published = prepare.publish_rule(house.points)
    tiers = ", ".join(f"{name} from {threshold / 100:,.0f} (×{rate})" for _, name, threshold, rate in TIERS)
    _said("programme", f"CDNOW Club, USD; {tiers}; spend of {WINDOW_DAYS} days", "set" if changed else "as before")
    _said("rule", f"version {version}: 1 point per 1.00 USD × tier", "published" if published else "as before")
    before = figures.take(house)
    members = _register(house, purchases)
    _settle(watch, "programme and members known everywhere")
    began = time.monotonic()
    confirmed = _publish(house.stack, purchases)
    quiet_for = _settle(watch, "all queues, retries and outboxes empty, all mails sent", looks=LAST_QUIET_LOOKS)
    seconds = time.monotonic() - began - quiet_for
    return Outcome(members=members, published=confirmed, seconds=seconds, before=before, after=figures.take(house))


def _register(house: House, purchases: Sequence[CdnowPurchase]) -> Registered:
    customers = len({purchase.customer for purchase in purchases})
    began = time.monotonic()
    with _bar("members", customers) as show:
        members = prepare.register(house.members, purchases, show)
    seconds = time.monotonic() - began
    _said("members", f"{members.new:,} new, {len(members.ids) - members.new:,} known before", f"{seconds:.1f} s")
    return members


def _publish(stack: Stack, purchases: Sequence[CdnowPurchase]) -> int:
    total = shop.number_of_news(purchases)
    began = time.monotonic()
    with _bar("purchases", total) as show:
        confirmed = shop.publish(
            stack.publisher.url,
            shop.news(purchases),
            show=show,
            trouble=lambda text: err.print(text, style="yellow", markup=False),
        )
    rate = confirmed / (time.monotonic() - began)
    told = f"{len(purchases):,} purchases, {len(RETURNS)} returns, {DUPLICATES} duplicates by {stack.publisher.user}"
    _said("published", told, f"{rate:,.0f}/s confirmed")
    return confirmed


def _settle(watch: Watch, until: str, **options: int) -> float:
    """Waits with a line that shows what is left; returns for how long it has been quiet."""
    with out.status(f"waiting: {until}") as line:

        def show(look: Look) -> None:
            left = ", ".join(f"{name} {count:,}" for name, count in sorted(look.waiting.items()))
            line.update(f"waiting: {left or until}")

        looks = {"quiet_looks": options["looks"]} if options else {}
        _, quiet_for = settle(watch, limit_seconds=STILL_SECONDS, show=show, **looks)
    _said("settled", until, "")
    return quiet_for


def _tell_figures(outcome: Outcome) -> None:
    table = Table("", "", "this run", "now", title="What happened in each service", title_justify="left")
    table.columns[2].justify = table.columns[3].justify = "right"
    for service, rows in figures.rows(outcome.before, outcome.after).items():
        for number, (what, added, now) in enumerate(rows):
            table.add_row("" if number else service, what, f"{added:+,}" if added else "0", f"{now:,}")
        table.add_section()
    out.print()
    out.print(table)
    duplicates = outcome.after.members["duplicates"] - outcome.before.members["duplicates"]
    if outcome.new_purchases:
        rate = outcome.new_purchases / outcome.seconds
        told = (
            f"{outcome.new_purchases:,} purchases through all four services in {outcome.seconds:.1f} s: {rate:,.0f}/s"
        )
        out.print(f"{told}, from the first one published to the last notice and figure written")
    else:
        out.print("nothing has changed")
    out.print(f"[bold]{outcome.new_purchases:,} new; {duplicates:,} duplicates ignored[/]")


def _tell_story(house: House, members: Registered) -> None:
    table = Table(
        "when", "who", "what", title=f"{name_of(STORY_CUSTOMER)}, customer {STORY_CUSTOMER}", title_justify="left"
    )
    for moment in story.tell(house, members.ids[STORY_CUSTOMER]):
        table.add_row(f"{moment.at:%Y-%m-%d %H:%M}", moment.who, moment.what)
    out.print()
    out.print(table)


def _tell_trace(house: House) -> None:
    """The log lines of the purchase's own trace; of its duplicates `make trace` tells too."""
    found = house.members.get("/v1/purchases", source=cdnow.SOURCE, order_id=TRACED_ORDER)
    out.print(f"\n[italic]Order {TRACED_ORDER} through all services[/] (make trace PURCHASE={TRACED_ORDER})")
    with contextlib.suppress(typer.Exit):
        trace(found["trace_id"], logs=None, as_json=False)


def _verdict(house: House, outcome: Outcome, purchases: Sequence[CdnowPurchase], folder: Path) -> list[Check]:
    """All checks. Figures of analytics are about everybody: after the full set they are held against the full set."""
    everybody = purchases
    if outcome.after.members["members"] > len(outcome.members.ids):
        everybody = cdnow.read(cdnow.fetch(cdnow.dataset("full"), folder))
    ids = outcome.members.ids
    with _bar("reading every member's ledger", len(ids)) as show:
        kept = checks.ledgers(house.points, list(ids.values()), show)
    tiers = {one["member_id"]: one["tier"] for one in house.members.items("/v1/members")}
    return [
        *checks.everything_arrived(outcome.published, outcome.before, outcome.after),
        *checks.published_figures(house.analytics, everybody),
        *checks.against_oracle(checks.oracle(purchases), ids, kept, tiers),
        *checks.in_order(outcome.before, outcome.after, house.points.get("/v1/ledger/check")),
    ]


def _tell_verdict(found: Sequence[Check]) -> bool:
    table = Table("", "check", "wanted", "found", title="Checks", title_justify="left")
    for check in found:
        table.add_row("[green]PASS[/]" if check.passed else "[red]FAIL[/]", check.what, check.wanted, check.found)
    out.print()
    out.print(table)
    failed = sum(not check.passed for check in found)
    out.print(
        f"[red]{failed} of {len(found)} checks failed[/]" if failed else f"[green]all {len(found)} checks passed[/]"
    )
    return not failed


def _say_where(stack: Stack) -> None:
    out.print("\nEverything is left running:")
    for service, address in stack.services.items():
        out.print(f"  {service:<10} {address.api_url}/docs")
    out.print(f"  e-mails    {stack.mail.http_url}/messages")
    out.print(f"  RabbitMQ   {stack.rabbitmq.management_url} (user {stack.rabbitmq.user}, password in .run/stack.json)")
    out.print(f"  staff      {stack.admin.email} (password in .run/stack.json)")
    out.print("  make status · make down · loyalty queues · loyalty dead-letters list", markup=False)


def _said(what: str, told: str, how: str) -> None:
    out.print(f"  [green]✓[/] {what:<10} {told}" + (f" ({how})" if how else ""))


@contextlib.contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar that goes away when it is full; gives the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}/{task.total:,}"))
    with Progress(*columns, TimeElapsedColumn(), console=out, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
