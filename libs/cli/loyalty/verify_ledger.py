"""`loyalty verify-ledger MEMBER_ID`: asks points whether a member's hash chains hold, as they are now."""

from typing import Annotated, Any
from uuid import UUID

import typer

from loyalty.clients.session import Session
from loyalty.screen import FAILED, out, print_json, problems, say_problem

SHOWN = 20


def verify_ledger(
    member: Annotated[UUID, typer.Argument(metavar="MEMBER_ID", help="Id of the member.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Let the service read every transfer of a member again and follow the hashes, wallet by wallet.

    Exit code 1: a chain is broken (each break is one line), or the service could not be asked. A head that was kept is
    proof for later: what it stands for cannot change without another head. To check without trusting the service, see
    verify-receipt.
    """
    with problems(), Session() as session:
        found = session.api("points").get(f"/v1/members/{member}/ledger/verify")
    if as_json:
        print_json(found)
    else:
        for chain in found["chains"]:
            _say(chain)
    if not found["holds"]:
        raise typer.Exit(FAILED)


def _say(chain: dict[str, Any]) -> None:
    breaks = chain["breaks"]
    verdict = "holds" if chain["holds"] else f"does not hold, {len(breaks)} problems"
    said = f"{chain['wallet']}: {chain['transfers']} transfers, {verdict}; head {chain['head']}"
    out.print(said, markup=False, soft_wrap=True)
    for one in breaks[:SHOWN]:
        say_problem(f"{one['wallet']}: transfer {one['sequence']} {one['problem']}.")
    if len(breaks) > SHOWN:
        say_problem(f"… and {len(breaks) - SHOWN} more problems.")
