"""`loyalty demo`: real purchases through all services, and a check of what came out. Run again it changes nothing."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from loyalty import cdnow
from loyalty.cdnow import CdnowError, CdnowPurchase
from loyalty.clients.api import ApiError
from loyalty.clients.session import NotConfiguredError, Session
from loyalty.demo import checks, figures, prepare, shop, tell, trial
from loyalty.demo.cast import DUPLICATES, RETURNS, STORY_CUSTOMER
from loyalty.demo.checks import Check
from loyalty.demo.figures import House
from loyalty.demo.prepare import NotOurProgrammeError, Registered
from loyalty.demo.programme import TIERS, WINDOW_DAYS
from loyalty.demo.settle import QUIET_LOOKS, Look, NotSettledError, Watch, settle
from loyalty.demo.tell import Outcome, out, step
from loyalty.publish_wire import SendingError
from loyalty.receipts import NoReceiptError
from loyalty.stackfile import StackMissingError, find_stack_file

STILL_SECONDS = 120
"""How long nothing may move before the demonstration gives up waiting."""
LAST_QUIET_LOOKS = 12
"""In the end a relay's own count, taken every few seconds, is waited for too."""

err = Console(stderr=True, highlight=False, soft_wrap=True)


def demo(
    dataset: Annotated[
        str, typer.Option(envvar="DATASET", help="sample (2,357 customers) or full (23,570).")
    ] = "sample",
) -> None:
    """Send the CDNOW purchases through all services of the running stack and check what came out.

    Exit status: 0 all checks passed, 1 some failed or it could not be finished.
    """
    known = (CdnowError, NotConfiguredError, StackMissingError, NotOurProgrammeError, NotSettledError, SendingError)
    late = (trial.NotReplayedError, NoReceiptError)
    try:
        passed = _run(dataset)
    except (*known, *late, ApiError, httpx.HTTPError) as error:
        err.print(f"the demonstration stopped: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    raise typer.Exit(0 if passed else 1)


def _run(name: str) -> bool:
    wanted, folder = cdnow.dataset(name), find_stack_file().parent / "data"
    purchases = shop.day_book(cdnow.read(cdnow.fetch(wanted, folder)))
    days = f"{purchases[0].day} to {purchases[-1].day}"
    out.print(f"\n[bold]CDNOW, {name}[/]: {wanted.customers:,} customers, {wanted.purchases:,} purchases, {days}")
    with Session() as session:
        apis = {service: session.api(service) for service in ("members", "points", "notify", "analytics")}
        house = House(stack=session.stack, **apis)
        with contextlib.closing(Watch(session.stack)) as watch:
            outcome = _play(house, watch, purchases)
        tell.what_happened(outcome)
        tell.story(house, outcome.members.ids[STORY_CUSTOMER])
        tell.way(house)
        passed = tell.verdict([*_judge(house, outcome, purchases, folder), *_try(house, outcome)])
        tell.where(session.stack)
    return passed


def _play(house: House, watch: Watch, purchases: Sequence[CdnowPurchase]) -> Outcome:
    """Sets the stage, publishes, waits."""
    changed = prepare.set_programme(house.members)
    published = prepare.publish_rules(house.points)
    tiers = ", ".join(f"{name} {threshold / 100:,.0f}" for _, name, threshold, _ in TIERS)
    rates = ", ".join(f"×{rate}" for *_, rate in TIERS)
    step("programme", f"CDNOW Club, USD, spend of {WINDOW_DAYS} days: {tiers}", "set" if changed else "as before")
    step("rules", f"1 point per 1.00 USD, {rates}", f"{published} published" if published else "as before")
    _settle(watch, "nothing is left of an earlier run")
    before = figures.take(house)
    members = _register(house, purchases)
    _settle(watch, "programme and members are known everywhere")
    began = time.monotonic()
    confirmed = _publish(house, purchases)
    quiet_for = _settle(watch, "queues, retries and outboxes are empty, all mails sent", looks=LAST_QUIET_LOOKS)
    seconds = time.monotonic() - began - quiet_for
    return Outcome(members=members, published=confirmed, seconds=seconds, before=before, after=figures.take(house))


def _register(house: House, purchases: Sequence[CdnowPurchase]) -> Registered:
    customers = len({purchase.customer for purchase in purchases})
    began = time.monotonic()
    with _bar("members", customers) as show:
        members = prepare.register(house.members, purchases, show)
    seconds = time.monotonic() - began
    step("members", f"{members.new:,} new, {len(members.ids) - members.new:,} known before", f"{seconds:.1f} s")
    return members


def _publish(house: House, purchases: Sequence[CdnowPurchase]) -> int:
    publisher, total = house.stack.publisher, shop.number_of_news(purchases)
    began = time.monotonic()
    with _bar("purchases", total) as show:
        confirmed = shop.publish(
            publisher.url,
            shop.news(purchases),
            show=show,
            trouble=lambda text: err.print(text, style="yellow", markup=False),
        )
    rate = confirmed / (time.monotonic() - began)
    told = f"{len(purchases):,} purchases, {len(RETURNS)} returns, {DUPLICATES} of the purchases again"
    step("published", f"{told}, by {publisher.user}", f"{rate:,.0f}/s confirmed")
    return confirmed


def _settle(watch: Watch, until: str, *, looks: int = QUIET_LOOKS) -> float:
    """Waits with a line that shows what is left; returns for how long it has been quiet."""
    with out.status(f"waiting until {until}") as line:

        def show(look: Look) -> None:
            left = ", ".join(f"{name} {count:,}" for name, count in sorted(look.waiting.items()))
            line.update(f"waiting for {left}" if left else f"waiting until {until}")

        _, quiet_for = settle(watch, limit_seconds=STILL_SECONDS, show=show, quiet_looks=looks)
    step("settled", until)
    return quiet_for


def _judge(house: House, outcome: Outcome, purchases: Sequence[CdnowPurchase], folder: Path) -> list[Check]:
    """All checks. What analytics says is about everybody: it is held against the set that is wholly there."""
    ids, counted = outcome.members.ids, checks.orders_in(house.analytics, purchases)
    with _bar("every member's ledger", len(ids)) as show:
        kept = checks.ledgers(house.points, list(ids.values()), show)
    tiers = {one["member_id"]: one["tier"] for one in house.members.items("/v1/members")}
    whole = next((one for one in cdnow.DATASETS.values() if one.purchases == counted), None)
    if whole is None:
        out.print(
            f"  {counted:,} purchases of these years are there: neither set alone, so no published figures to compare"
        )
    everybody = cdnow.read(cdnow.fetch(whole, folder)) if whole else []
    return [
        *checks.everything_arrived(outcome.published, outcome.before, outcome.after),
        *(checks.published_figures(house.analytics, everybody) if everybody else ()),
        *checks.against_oracle(checks.oracle(purchases), ids, kept, tiers),
        *checks.in_order(outcome.before, outcome.after, house.points.get("/v1/ledger/check")),
    ]


def _try(house: House, outcome: Outcome) -> list[Check]:
    """Replays all purchases under another rule, and looks at one member's receipt."""
    with _bar("what if, percent", 100) as show:
        found = trial.what_if(house.points, lambda done, total: show(100 * done // max(1, total)))
    tell.what_if(found)
    wallet = outcome.after.wallet
    return [
        trial.agrees(found, wallet["outstanding"] - wallet["debt"]),
        trial.receipt(house.points, outcome.members.ids[STORY_CUSTOMER]),
    ]


@contextlib.contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar that goes away when it is full; gives the function that moves it."""
    columns = (TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.completed:,}/{task.total:,}"))
    with Progress(*columns, TimeElapsedColumn(), console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
