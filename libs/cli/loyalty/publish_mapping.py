"""Which column says what: turns a record of anybody's CSV file into an event, or says what is wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from common.events.contract import Contract
from common.events.purchases import PurchaseCompleted, PurchaseRefunded, PurchaseSubmitted
from loyalty.publish_csv import Record
from loyalty.publish_values import CellError, MoneyFormat, TimeFormat, currency_of, instant, minor_units

CUSTOMERS = {"customer": "external_id", "card_number": "card_number", "phone": "phone", "openid": "openid"}
"""Ways to say who the customer is → field of the contract's customer reference; the first that is given counts."""

FIELDS: dict[str, tuple[str, ...]] = {
    "purchases": (
        *("order_id", "occurred_at", "amount", "currency", "discount", "tax", "delivery", "channel", "shop"),
        *("member_id", *CUSTOMERS),
    ),
    "returns": ("return_id", "order_id", "order_source", "occurred_at", "amount", "currency", "reason"),
}
REQUIRED = {
    "purchases": ("order_id", "occurred_at", "amount", "currency"),
    "returns": ("return_id", "order_id", "occurred_at", "amount", "currency"),
}
MONEY = ("amount", "discount", "tax", "delivery")


class MappingError(Exception):
    """The mapping does not fit the file; the text says what to change."""


class RecordError(Exception):
    """A record that cannot be published: the column (as the file calls it, "" for the whole record) and the reason."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}" if column else reason)
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A mapping that fits the file. `columns`: from which cells a field is joined; `constants`: what is always so."""

    kind: str
    contract: type[Contract]
    columns: Mapping[str, tuple[int, ...]]
    names: Sequence[str]
    constants: Mapping[str, str]
    money: MoneyFormat = field(default_factory=MoneyFormat)
    times: TimeFormat = field(default_factory=TimeFormat)


def pairs(options: Iterable[str]) -> dict[str, str]:
    """`["order_id=Order no,amount=Total", "currency=USD"]` as a dict; MappingError when a part has no `=`."""
    found: dict[str, str] = {}
    for part in (part for option in options for part in option.split(",") if part.strip()):
        name, sign, value = part.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise MappingError(f"{part!r} is not of the form field=column")
        if name.strip() in found:
            raise MappingError(f"{name.strip()!r} is given twice")
        found[name.strip()] = value.strip()
    return found


def plan(
    kind: str,
    columns: Sequence[str],
    *,
    mapped: Mapping[str, str],
    constants: Mapping[str, str],
    money: MoneyFormat,
    times: TimeFormat,
) -> Plan:
    """Fits `mapped` (field → column, or `a+b` for two joined by a space) to the file's columns.

    A column that has a field's own name needs no mapping. MappingError when something is missing or does not exist.
    """
    known = FIELDS[kind]
    for name in (*mapped, *constants):
        if name not in known:
            raise MappingError(f"there is no field {name!r}; {kind} have {', '.join(known)}")
    both = sorted(mapped.keys() & constants.keys())
    if both:
        raise MappingError(f"{both[0]!r} is given both as a column and as a fixed value")
    found: dict[str, tuple[int, ...]] = {
        name: (columns.index(name),) for name in known if name in columns and name not in constants
    }
    found |= {name: _indexes(name, column, columns) for name, column in mapped.items()}
    missing = [name for name in REQUIRED[kind] if name not in found and name not in constants]
    if missing:
        raise MappingError(f"no column for {', '.join(missing)} (see --map); the file has {', '.join(columns)}")
    has_member = "member_id" in found
    if kind == "purchases" and not has_member and not found.keys() & CUSTOMERS.keys():
        raise MappingError(f"no column says who the customer is: map one of member_id, {', '.join(CUSTOMERS)}")
    if kind == "returns":
        contract: type[Contract] = PurchaseRefunded
    else:
        contract = PurchaseCompleted if has_member else PurchaseSubmitted
    if "currency" in constants:
        constants = {**constants, "currency": _fixed_currency(constants["currency"])}
    return Plan(
        kind=kind, contract=contract, columns=found, names=columns, constants=constants, money=money, times=times
    )


def event_data(record: Record, by: Plan) -> Contract:
    """The contract for one record; RecordError names the column and the reason."""
    if record.problem:
        raise RecordError("", record.problem)
    cells = dict(by.constants)
    for name, indexes in by.columns.items():
        if text := " ".join(record.cells[index].strip() for index in indexes).strip():
            cells[name] = text
    for name in REQUIRED[by.kind]:
        if name not in cells:
            raise RecordError(_column(name, by), "is empty")
    fields: dict[str, object] = {}
    name = "currency"
    try:
        currency = fields["currency"] = currency_of(cells.pop("currency"))
        for name, text in cells.items():
            if name in MONEY:
                fields[name] = minor_units(text, currency, by.money)
            elif name == "occurred_at":
                fields[name] = instant(text, by.times)
            elif name not in CUSTOMERS:
                fields[name] = text
    except CellError as error:
        raise RecordError(_column(name, by), str(error)) from error
    if by.contract is PurchaseSubmitted:
        fields["customer"] = _customer(cells, by)
    try:
        return by.contract.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = str(first["loc"][-1]) if first["loc"] else ""
        where = next((given for given, meant in CUSTOMERS.items() if meant == where), where)
        reason = first["msg"].removeprefix("Value error, ")
        raise RecordError(_column(where, by), reason) from error


def _customer(cells: Mapping[str, str], by: Plan) -> dict[str, str]:
    for given, meant in CUSTOMERS.items():
        if given in cells:
            return {meant: cells[given]}
    columns = [_column(given, by) for given in CUSTOMERS if given in by.columns]
    raise RecordError(" / ".join(columns), "is empty: nobody knows whose purchase this is")


def _column(name: str, by: Plan) -> str:
    """The field as the file calls it, so that the reader finds it there."""
    indexes = by.columns.get(name, ())
    return "+".join(by.names[index] for index in indexes) or name


def _indexes(name: str, column: str, columns: Sequence[str]) -> tuple[int, ...]:
    wanted = [column] if column in columns else [part.strip() for part in column.split("+")]
    for part in wanted:
        if part not in columns:
            raise MappingError(f"{name}={column}: the file has no column {part!r}, but {', '.join(columns)}")
    return tuple(columns.index(part) for part in wanted)


def _fixed_currency(code: str) -> str:
    try:
        return currency_of(code)
    except CellError as error:
        raise MappingError(f"currency: {error}") from error
