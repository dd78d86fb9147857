"""Tickets given out with an order, shown, taken back, and used at the door. Callers hold the order's row locked."""

import secrets
from uuid import UUID, uuid4

from common.security.callers import Caller
from common.security.cipher import PersonalDataErasedError
from common.storage import Transaction
from points import keyring
from points.reward_tickets import domain, store
from points.reward_tickets.domain import Ticket, TicketUnknownError

PURPOSE = "reward ticket"
"""What codes are sealed for."""


async def issue(tx: Transaction, member_id: UUID, order_id: UUID, quantity: int) -> None:
    """So many tickets. Raises PersonalDataClosedError, PersonalDataErasedError."""
    cipher = keyring.current()
    rows: list[tuple[UUID, bytes, str]] = []
    for _ in range(quantity):
        code = "".join(secrets.choice(domain.CODE_ALPHABET) for _ in range(domain.CODE_CHARACTERS))
        sealed = await cipher.seal(tx, member_id, {"code": code}, purpose=PURPOSE)
        rows.append((uuid4(), domain.code_hash(code), sealed.box))
    await store.add(tx, order_id, rows)


async def of_order(tx: Transaction, member_id: UUID, order_id: UUID) -> list[Ticket]:
    """With their codes, where they can be read."""
    tickets: list[Ticket] = []
    for row in await store.of_order(tx, order_id):
        fields = row._asdict()
        code = await _opened(tx, member_id, fields.pop("sealed"))
        tickets.append(Ticket(**fields, code=code))
    return tickets


async def _opened(tx: Transaction, member_id: UUID, sealed: str) -> str:
    if not keyring.given():
        return ""
    try:
        return (await keyring.current().open(tx, member_id, sealed, purpose=PURPOSE)).get("code", "")
    except PersonalDataErasedError:
        return ""


async def take_back(tx: Transaction, order_id: UUID) -> Ticket | None:
    """Revoke the tickets of an order, if none was used; gives the used one otherwise, and revokes nothing."""
    rows = await store.of_order(tx, order_id)
    used = next((row for row in rows if row.state == domain.USED), None)
    if used is None:
        await store.revoke(tx, order_id)
        return None
    return Ticket(
        ticket_id=used.ticket_id,
        order_id=order_id,
        number=used.number,
        state=used.state,
        used_at=used.used_at,
    )


async def of_code(tx: Transaction, code: str) -> Ticket:
    """Raises TicketUnknownError."""
    found = await store.of_code(tx, domain.code_hash(code))
    if found is None:
        raise TicketUnknownError()
    return found


async def use(tx: Transaction, caller: Caller, code: str) -> tuple[Ticket, int]:
    """Once. Gives the ticket, and how many of its order are left. Raises TicketUsedError, TicketRevokedError."""
    ticket = await of_code(tx, code)
    domain.check_valid(ticket)
    await store.use(tx, ticket.ticket_id, caller.subject)
    return await of_code(tx, code), await store.left(tx, ticket.order_id)
