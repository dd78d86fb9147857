"""What the demonstration tells: tables of what happened, one member's story, one purchase's way, the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from loyalty.cdnow import SOURCE
from loyalty.demo.cast import STORY_CUSTOMER, TRACED_ORDER, name_of
from loyalty.demo.checks import Check
from loyalty.demo.figures import Figures, House, rows
from loyalty.demo.prepare import Registered
from loyalty.demo.story import tell
from loyalty.stackfile import Stack, find_stack_file
from loyalty.trace_logs import LogsMissingError, in_docker, in_folder, story_of

WIDE = 120
"""Columns where nobody looks at a terminal: in a file, in a pipe."""

out = Console(highlight=False)
if not out.is_terminal:
    out.width = max(out.width, WIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did: how many events were published, how long until the last effect, figures before and after."""

    members: Registered
    published: int
    seconds: float
    before: Figures
    after: Figures

    @property
    def new(self) -> int:
        """Purchases that were not known before."""
        return int(self.after.members["purchases"] - self.before.members["purchases"])

    @property
    def again(self) -> int:
        """Of what was published, how much was known before."""
        return int(self.after.members["duplicates"] - self.before.members["duplicates"])


def step(what: str, told: str, how: str = "") -> None:
    """One line for something that is done."""
    out.print(f"  [green]✓[/] {what:<10} {told}" + (f" ({how})" if how else ""))


def what_happened(outcome: Outcome) -> None:
    table = Table("", "", "this run", "now", title="What happened in each service", title_justify="left")
    table.columns[2].justify = table.columns[3].justify = "right"
    for service, lines in rows(outcome.before, outcome.after).items():
        for number, (what, added, now) in enumerate(lines):
            table.add_row("" if number else service, what, f"{added:+,}" if added else "0", f"{now:,}")
        table.add_section()
    out.print("", table, sep="\n")
    if outcome.new:
        rate = outcome.new / outcome.seconds
        told = f"{outcome.new:,} purchases in {outcome.seconds:.1f} s, {rate:,.0f}/s"
        out.print(f"{told}: from the first published to the last notice, mail and figure of all four services")
    else:
        out.print("nothing has changed")
    out.print(f"[bold]{outcome.new:,} new; {outcome.again:,} duplicates ignored[/]")


def story(house: House, member_id: str) -> None:
    title = f"{name_of(STORY_CUSTOMER)}, customer {STORY_CUSTOMER}"
    table = Table("when", "who says", "what", title=title, title_justify="left")
    for moment in tell(house, member_id):
        table.add_row(f"{moment.at:%Y-%m-%d %H:%M}", moment.who, moment.what)
    out.print("", table, sep="\n")


def way(house: House) -> None:
    """What the services logged of one purchase, by its trace; of its duplicates `make trace` tells too."""
    found = house.members.get("/v1/purchases", source=SOURCE, order_id=TRACED_ORDER)
    try:
        logs = in_docker(find_stack_file()) if house.stack.logs is None else in_folder(house.stack.logs)
        lines = story_of(logs, {found["trace_id"]})
    except LogsMissingError as error:
        out.print(f"\nno logs to trace order {TRACED_ORDER} in: {error}", markup=False)
        return
    table = Table("time (UTC)", "+ ms", "service", "event", "about", "", title_justify="left")
    table.title = f"Order {TRACED_ORDER} through all services (make trace PURCHASE={TRACED_ORDER})"
    table.columns[1].justify = "right"
    for line in lines:
        table.add_row(*_cells(line, lines[0]))
    out.print("", table, sep="\n")


def _cells(line: dict[str, Any], first: dict[str, Any]) -> list[str]:
    at, began = (datetime.fromisoformat(one["time"]) for one in (line, first))
    since = f"{(at - began).total_seconds() * 1000:,.0f}"
    said = (line.get("service"), line.get("type") or line.get("event"), line.get("subject"), line.get("outcome"))
    return [f"{at:%H:%M:%S}.{at.microsecond // 1000:03}", since, *(str(one or "") for one in said)]


def what_if(found: Mapping[str, Any]) -> None:
    """What another rule would have paid for the same purchases."""
    result = found["result"]
    table = Table("tier", "today", "what if", "difference", title=f"What if: {found['name']}", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in (*result["tiers"], *({**wallet, "tier": "all"} for wallet in result["wallets"])):
        table.add_row(one["tier"], f"{one['before']:,}", f"{one['after']:,}", f"{one['difference']:+,}")
    out.print("", table, sep="\n")
    pace = f", {found['per_second']:,.0f}/s" if found["per_second"] else ""
    out.print(f"{result['purchases']:,} purchases replayed{pace}; nothing but this answer was written")
    for one in result["double_payments"]:
        rules = " and ".join(one["rules"])
        out.print(f"{rules} would both pay {one['purchases_after']:,} purchases, {one['points']:,} points of it twice")


def verdict(found: Sequence[Check]) -> bool:
    """True when all passed."""
    table = Table("", "check", "wanted", "found", title="Checks", title_justify="left")
    for check in found:
        table.add_row("[green]PASS[/]" if check.passed else "[red]FAIL[/]", check.what, check.wanted, check.found)
    out.print("", table, sep="\n")
    failed = sum(not check.passed for check in found)
    out.print(
        f"[red]{failed} of {len(found)} checks FAILED[/]" if failed else f"[green]all {len(found)} checks passed[/]"
    )
    return not failed


def where(stack: Stack) -> None:
    out.print("\nEverything is left running:")
    for service, address in stack.services.items():
        out.print(f"  {service:<10} {address.api_url}/openapi.json")
    out.print(f"  e-mails    {stack.mail.http_url}/messages")
    out.print(f"  RabbitMQ   {stack.rabbitmq.management_url} (user {stack.rabbitmq.user}, password in .run/stack.json)")
    out.print(f"  staff      {stack.admin.email} (password in .run/stack.json)")
    out.print("  make status · make trace PURCHASE=… · .venv/bin/loyalty queues · make down")
