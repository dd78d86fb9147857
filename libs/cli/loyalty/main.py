"""The `loyalty` command: one line per sub-command."""

import typer

from loyalty.dead_letters import dead_letters
from loyalty.demo.command import demo
from loyalty.jobs import jobs
from loyalty.publish import publish_file
from loyalty.queues import queues
from loyalty.trace import trace
from loyalty.verify_draw import verify_draw
from loyalty.verify_ledger import verify_ledger
from loyalty.verify_receipt import verify_receipt

app = typer.Typer(
    help="Publish purchases, look after queues and dead letters, follow one purchase through all services.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("publish")(publish_file)
app.command("demo")(demo)
app.command("queues")(queues)
app.add_typer(dead_letters, name="dead-letters")
app.command("trace")(trace)
app.add_typer(jobs, name="jobs")
app.command("verify-draw")(verify_draw)
app.command("verify-ledger")(verify_ledger)
app.command("verify-receipt")(verify_receipt)
