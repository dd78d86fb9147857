"""Anybody's CSV file becomes events; bad lines are named with line, column and reason and stop nothing."""

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from common.events.contract import Contract
from common.events.purchases import PurchaseCompleted, PurchaseRefunded, PurchaseSubmitted
from loyalty.publish_csv import FileError, Layout, records, survey
from loyalty.publish_mapping import MappingError, Plan, RecordError, event_data, pairs, plan
from loyalty.publish_run import Reader
from loyalty.publish_state import Progress, Rejects, key_of, load, save
from loyalty.publish_values import MoneyFormat, TimeFormat
from loyalty.publish_wire import event_id

Write = Callable[[str | bytes], Path]
PLAIN = Layout()
HEADER = "order_id,customer,occurred_at,amount,currency\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "purchases.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def fitted(path: Path, layout: Layout = PLAIN, kind: str = "purchases", **options: str) -> Plan:
    constants = {"currency": "CNY"} if options.pop("cny", "") else {}
    return plan(
        kind,
        survey(path, layout).columns,
        mapped=options,
        constants=constants,
        money=MoneyFormat(),
        times=TimeFormat(formats=("iso", "%d.%m.%Y %H:%M"), zone=ZoneInfo("Asia/Shanghai")),
    )


def events(path: Path, by: Plan, layout: Layout = PLAIN) -> list[Contract | tuple[int, str, str]]:
    found: list[Contract | tuple[int, str, str]] = []
    reader = Reader(by)
    for record in records(path, layout, survey(path, layout)):
        try:
            found.append(reader.take(record))
        except RecordError as error:
            found.append((record.line, error.column, error.reason))
    return found


def test_columns_named_as_the_fields_need_no_mapping(write: Write) -> None:
    path = write(HEADER + "A1,4711,2024-03-01T08:00+08:00,12.34,USD\n")
    (event,) = events(path, fitted(path))
    assert isinstance(event, PurchaseSubmitted)
    assert (event.order_id, event.amount, event.currency, event.customer.external_id) == ("A1", 1234, "USD", "4711")
    assert event.occurred_at.isoformat() == "2024-03-01T00:00:00+00:00"


def test_a_chinese_excel_export_in_gbk_is_read(write: Write) -> None:
    layout = Layout(encoding="gbk")
    path = write("订单号;手机号;日期;时间;实付\nD-1;13800138000;01.03.2024;08:00;88.50\n".encode("gbk"))
    by = fitted(path, layout, order_id="订单号", phone="手机号", occurred_at="日期+时间", amount="实付", cny="1")
    (event,) = events(path, by, layout)
    assert isinstance(event, PurchaseSubmitted)
    assert (event.customer.phone, event.amount, event.occurred_at.hour) == ("13800138000", 8850, 0)


def test_byte_order_mark_tabs_and_line_breaks_in_quotes_are_read(write: Write) -> None:
    path = write(
        "\ufeff" + HEADER.replace(",", "\t") + 'A1\t"Smith\nJones"\t2024-03-01\t1.00\tUSD\n\nA2\tX\t-\t1\tUSD\n'
    )
    first, second = events(path, fitted(path))
    assert isinstance(first, PurchaseSubmitted)
    assert first.customer.external_id == "Smith\nJones"
    assert second == (5, "occurred_at", "'-' is not a time as iso or %d.%m.%Y %H:%M"), "the number is that of the line"


def test_a_file_without_header_is_mapped_by_column_number(write: Write) -> None:
    layout = Layout(header=False)
    path = write("A1|4711|2024-03-01|5.00\nA2|4711|2024-03-02|6.00\n")
    by = fitted(path, layout, order_id="#1", customer="#2", occurred_at="#3", amount="#4", cny="1")
    assert [event.amount for event in events(path, by, layout) if isinstance(event, PurchaseSubmitted)] == [500, 600]


def test_a_known_member_makes_it_a_completed_purchase(write: Write) -> None:
    member = "0192f7c0-0000-7000-8000-000000000001"
    path = write(
        f"order_id,member_id,occurred_at,amount,currency\nA1,{member},2024-03-01,1.00,USD\nA2,7,2024-03-01,1,USD\n"
    )
    first, second = events(path, fitted(path))
    assert isinstance(first, PurchaseCompleted)
    assert isinstance(second, tuple)
    assert second[:2] == (3, "member_id")


def test_the_first_way_to_say_who_it_is_counts(write: Write) -> None:
    path = write(
        "order_id,occurred_at,amount,currency,phone,card_number\nA1,2024-03-01,1,USD,555,\nA2,2024-03-01,1,USD,,\n"
    )
    first, second = events(path, fitted(path))
    assert isinstance(first, PurchaseSubmitted)
    assert first.customer.phone == "555"
    assert second == (3, "card_number / phone", "is empty: nobody knows whose purchase this is")


def test_returns_are_read(write: Write) -> None:
    path = write("return_id,order_id,occurred_at,amount,currency\nR1,A1,2024-03-05,1.50,USD\nR2,A1,2024-03-05,0,USD\n")
    first, second = events(path, fitted(path, kind="returns"))
    assert isinstance(first, PurchaseRefunded)
    assert (first.return_id, first.amount) == ("R1", 150)
    assert second == (3, "amount", "Input should be greater than 0")


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("A1,4711,2024-03-01,12.345,USD", "amount", "'12.345' has too many decimals (USD has 2)"),
        ("A1,4711,2024-03-01,1.00,RMB", "currency", "'RMB' is not an ISO 4217 currency code"),
        ("A1,4711,2024-03-01,1.00", "", "has 4 cells where the file has 5 columns"),
        (",4711,2024-03-01,1.00,USD", "order_id", "is empty"),
        ("A1,,2024-03-01,1.00,USD", "customer", "is empty: nobody knows whose purchase this is"),
        (f"{'A' * 201},4711,2024-03-01,1.00,USD", "order_id", "String should have at most 200 characters"),
        (f"A1,4711,2024-03-01,{10**14},USD", "amount", "Input should be less than or equal to 1000000000000000"),
    ],
)
def test_bad_lines_are_named_with_column_and_reason(write: Write, line: str, column: str, reason: str) -> None:
    path = write(HEADER + line + "\nA9,4711,2024-03-01,1.00,USD\n")
    bad, good = events(path, fitted(path))
    assert bad == (2, column, reason)
    assert isinstance(good, PurchaseSubmitted)


def test_bytes_of_another_encoding_spoil_their_own_line_only(write: Write) -> None:
    path = write(HEADER.encode() + b"A1,M\xfcller,2024-03-01,1.00,USD\nA2,Miller,2024-03-01,1.00,USD\n")
    bad, good = events(path, fitted(path))
    assert bad == (2, "", "holds bytes that are not utf-8 (see --encoding)")
    assert isinstance(good, PurchaseSubmitted)


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(write: Write) -> None:
    lines = [f"B{n},4711,2024-03-01,1.00,USD\n" for n in range(4000)]
    path = write(HEADER + 'A1,"4711,2024-03-01,1.00,USD\n' + "".join(lines))
    bad, *rest = events(path, fitted(path))
    assert isinstance(bad, tuple)
    assert (bad[0], bad[2][:19]) == (2, "a quote is not clos")
    assert isinstance(rest[-1], PurchaseSubmitted)
    assert rest[-1].order_id == "B3999"


def test_an_order_number_that_comes_again_is_named(write: Write) -> None:
    same = "A1,4711,2024-03-01,1.00,USD\n"
    path = write(HEADER + same + same + same.replace("1.00", "2.00"))
    first, second, third = events(path, fitted(path))
    assert isinstance(first, PurchaseSubmitted)
    assert second == (3, "order_id", "repeats line 2")
    assert third == (4, "order_id", "has the number of another one on line 2")


def test_the_same_order_always_has_the_same_event_id_and_another_body_another(write: Write) -> None:
    path = write(HEADER + "A1,4711,2024-03-01,1.00,USD\nA1,4711,2024-03-01,1.00,USD\nA1,4711,2024-03-01,2.00,USD\n")
    by = fitted(path)
    ids = [event_id(event_data(record, by)) for record in records(path, PLAIN, survey(path, PLAIN))]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].startswith("purchase-A1-")


@pytest.mark.parametrize(
    ("mapped", "words"),
    [
        ({"order": "order_id"}, "there is no field 'order'"),
        ({"amount": "total"}, "the file has no column 'total'"),
        ({"order_id": "a", "customer": "b", "occurred_at": "c"}, "no column for amount, currency"),
        ({"order_id": "a", "amount": "b", "occurred_at": "c", "currency": "b"}, "who the customer is"),
    ],
)
def test_a_mapping_that_does_not_fit_says_so(write: Write, mapped: dict[str, str], words: str) -> None:
    with pytest.raises(MappingError, match=words):
        fitted(write("a,b,c\n1,2,3\n"), PLAIN, "purchases", **mapped)


def test_mapping_options_are_pairs() -> None:
    assert pairs(["order_id=Order no,amount=Total", "shop=x=y"]) == {
        "order_id": "Order no",
        "amount": "Total",
        "shop": "x=y",
    }
    with pytest.raises(MappingError, match="not of the form"):
        pairs(["order_id"])
    with pytest.raises(MappingError, match="twice"):
        pairs(["amount=a", "amount=b"])


@pytest.mark.parametrize(("content", "words"), [("", "is empty"), ("a,b,a\n1,2,3\n", "the column 'a' twice")])
def test_a_file_that_cannot_be_used_says_so(write: Write, content: str, words: str) -> None:
    with pytest.raises(FileError, match=words):
        survey(write(content), Layout())


def test_a_missing_file_and_an_unknown_encoding_say_so(tmp_path: Path, write: Write) -> None:
    with pytest.raises(FileError, match="No such file"):
        survey(tmp_path / "none.csv", Layout())
    with pytest.raises(FileError, match="no encoding 'utf-9'"):
        survey(write("a\n"), Layout(encoding="utf-9"))


def test_progress_of_another_publication_or_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    path, key = tmp_path / "state.json", key_of("hash", "mapping")
    assert load(path, key) == Progress(key=key)
    save(path, Progress(key=key, records=10, rejected=2, rejected_bytes=99))
    assert load(path, key).published == 8
    assert load(path, key_of("hash", "other mapping")).records == 0
    path.write_text("{")
    assert load(path, key).records == 0


def test_rejected_lines_behind_the_last_account_are_not_kept_twice(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    start = Progress(key="k")
    with Rejects(path, ["a", "b"], encoding="utf-8-sig", delimiter=",", since=start) as rejects:
        rejects.add(3, 4, ["1", "2"], "a", "为什么")
        rejects.add(7, 8, ["3"], "b", "why")
        count, size = rejects.until(5)
    since = Progress(key="k", records=5, rejected=count, rejected_bytes=size)
    with Rejects(path, ["a", "b"], encoding="utf-8-sig", delimiter=",", since=since) as rejects:
        rejects.add(7, 8, ["3"], "b", "why")
        assert rejects.until(9)[0] == 2
    assert path.read_text("utf-8-sig").splitlines() == [
        "a,b,rejected_line,rejected_column,rejected_reason",
        "1,2,4,a,为什么",
        "3,,8,b,why",
    ]
