"""Orders as CSV for the warehouse: UTF-8 with a mark, so that spreadsheets read Chinese."""

import csv
import io
from collections.abc import Mapping, Sequence
from uuid import UUID

from fastapi.responses import Response

from points.reward_orders import domain
from points.reward_orders.domain import Order

MEDIA_TYPE = "text/csv; charset=utf-8"
MAX_ORDERS = 5_000
MARK = "\ufeff"
_ADDRESS = ("name", "phone", "country", "region", "city", "street", "postal_code", "note")
_HEAD = ("order_id", "ordered_at", "state", "reward", "name_zh", "name_en", "quantity", "carrier", "tracking")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvResponse(Response):
    media_type = MEDIA_TYPE


def text_of(orders: Sequence[Order], addresses: Mapping[UUID, Mapping[str, str]], *, reveal: bool) -> str:
    """One line for each order; addresses are masked unless revealed."""
    out = io.StringIO()
    out.write(MARK)
    writer = csv.writer(out)
    writer.writerow((*_HEAD, *_ADDRESS))
    for order in orders:
        address = addresses.get(order.order_id, {})
        shown = [address.get(field, "") for field in _ADDRESS]
        if not reveal:
            shown = [domain.mask(field, text) for field, text in zip(_ADDRESS, shown, strict=True)]
        plain = [order.order_id, order.ordered_at.isoformat(), *(getattr(order, field) for field in _HEAD[2:])]
        writer.writerow([harmless(str(cell)) for cell in (*plain, *shown)])
    return out.getvalue()


def harmless(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is marked as text."""
    return "'" + cell if cell.startswith(_FORMULA) else cell
