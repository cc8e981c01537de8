"""What each format makes of a record: its columns, or the reason why it is no event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from support.records import CHECKOUT
from tideline.bench.player import records
from tideline.engine.cells import Engine
from tideline.engine.late_pairs import late_pairs
from tideline.records import LONGEST
from tideline.spec.load import load_any_spec
from tideline.spec.model import StreamSpec
from tideline.spec.schema import FORMATS, JSON

COUNT = {"n": {"window": "1 minute", "measures": {"n": "count"}}}
ORDERS = {
    "format": "json",
    "event_time": "at",
    "columns": {
        "at": "timestamp",
        "id": "text",
        "amount": "number",
        "items": "integer",
        "paid": "boolean",
        "value": "text",
    },
}


def spec_of(source: dict[str, Any], metrics: dict[str, Any] = COUNT) -> StreamSpec:
    found = {"name": "any", "source": {"topic": "any", **source}, "watermark": "1 minute", "metrics": metrics}
    return StreamSpec.model_validate(found)


def parsed(source: dict[str, Any], *values: bytes) -> list[dict[str, Any]]:
    engine = Engine(spec_of(source), every_column=True)
    engine.load(records(values))
    return list(engine.parsed().sort_by("_offset").to_pylist())


def told(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("_") and value is not None}


def order(**fields: Any) -> bytes:
    return json.dumps({"at": "2026-01-02T03:04:05.006007+01:00", **fields}).encode()


def test_declared_columns_have_their_types() -> None:
    (row,) = parsed(ORDERS, order(id=7, amount=12.345678, items=3, paid=True, value="v"))
    assert told(row) == {
        "at": datetime(2026, 1, 2, 2, 4, 5, 6007, UTC),
        "id": "7",
        "amount": Decimal("12.345678"),
        "items": 3,
        "paid": True,
        "value": "v",
    }
    assert row["_t"] == 1767319445006007


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (order(amount="12"), "bad_amount"),
        (order(amount=1e9), "bad_amount"),
        (order(items=1.5), "bad_items"),
        (order(items=1_000_000_000), "bad_items"),
        (order(paid="yes"), "bad_paid"),
        (order(id=[1]), "bad_id"),
        (order(id={}, items="x"), "bad_items"),
        (b'{"id": "a"}', "missing_at"),
        (b'{"at": true}', "bad_at"),
        (b'{"at": "yesterday"}', "bad_at"),
        (b'{"at": 253402300800000}', "bad_at"),
        (b'{"at": 1,}', "malformed_json"),
        (b'{"at": NaN}', "malformed_json"),
        (b'[{"at": 1}]', "malformed_json"),
        (b"17", "malformed_json"),
        (b"", "malformed_json"),
        (b"\xff", "not_utf8"),
    ],
)
def test_what_does_not_fit_is_rejected_with_its_reason(value: bytes, reason: str) -> None:
    assert [row["_reason"] for row in parsed(ORDERS, value, order())] == [reason, None]


NESTED = {
    "format": "json",
    "event_time": "at",
    "columns": {"at": "timestamp", "user_id": "text", "shop": "text", "amount": "number", "paid": "boolean"},
    "fields": {
        "at": "meta.createdAt",
        "user_id": "userId",
        "shop": ["customer", "shop.name"],
        "amount": "customer.order.amount",
    },
}


def nested(customer: Any = None, **fields: Any) -> bytes:
    return json.dumps({"meta": {"createdAt": 1000}, "customer": customer, **fields}).encode()


def test_a_column_may_be_read_from_another_field() -> None:
    customer = {"shop": {"name": "none"}, "shop.name": "a", "order": {"amount": 12.5}}
    (row,) = parsed(NESTED, nested(customer, userId="u", paid=True, user_id="none", amount="none", at=[]))
    assert (row["_t"], told(row) | {"at": None}) == (
        1_000_000,
        {"at": None, "user_id": "u", "shop": "a", "amount": Decimal("12.500000"), "paid": True},
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (nested(), None),
        (nested({}), None),
        (nested({"order": None, "shop.name": None}, userId=None), None),
        (nested({"order": {}}), None),
        (nested({"order": {"amount": "12"}}), "bad_amount"),
        (nested({"order": [{"amount": 12}]}), "bad_amount"),
        (nested({"order": "12"}), "bad_amount"),
        (nested({"shop.name": {}}), "bad_shop"),
        (nested([], userId="u"), "bad_amount"),
        (nested(userId=[]), "bad_user_id"),
        (nested(user_id=[]), None),
        (b'{"at": 1000}', "missing_at"),
        (b'{"meta": null}', "missing_at"),
        (b'{"meta": {"createdAt": null}}', "missing_at"),
        (b'{"meta": {"createdAt": "x"}}', "bad_at"),
        (b'{"meta": 1000}', "bad_at"),
        (b'{"meta": [{"createdAt": 1000}]}', "bad_at"),
        (b'[{"meta": {"createdAt": 1000}}]', "malformed_json"),
    ],
)
@pytest.mark.parametrize("every_column", [True, False])
def test_another_field_is_missing_or_bad_like_a_columns_own(
    value: bytes, reason: str | None, every_column: bool
) -> None:
    engine = Engine(spec_of(NESTED), every_column=every_column)
    engine.load(records([value]))
    assert [row["_reason"] for row in engine.parsed().to_pylist()] == [reason]


def test_a_list_has_no_field_that_is_called_like_a_place_in_it() -> None:
    source = {**NESTED, "fields": {"at": ["meta", "0"]}}
    values = [b'{"meta": [1000]}', b'{"meta": {"0": 1000}}']
    assert [row["_reason"] for row in parsed(source, *values)] == ["bad_at", None]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"at": 1, "a": {"b": 1, "b": 2}, "a": {"b": 3}}', "1"),
        (b'{"at": 1, "a": {"c": 1}, "a": {"b": 3}}', None),
        (b'{"at": 1, "a": null, "a": {"b": 3}}', None),
        (b'{"at": 1, "a": 5, "a": {"b": 3}}', "bad_id"),
    ],
)
def test_of_fields_of_one_name_the_first_counts(value: bytes, said: str | None) -> None:
    (row,) = parsed({**ORDERS, "fields": {"id": "a.b"}}, value)
    assert (row["_reason"] or row["id"]) == said


@pytest.mark.parametrize("first", ["1", "null", '"x"', "[]", "1.50"])
def test_a_field_that_stands_twice_is_read_like_a_columns_own(first: str) -> None:
    source = {"format": "json", "event_time": "at", "columns": {"at": "timestamp", "n": "number"}}
    (own,) = parsed(source, f'{{"at": 1, "n": {first}, "n": 7}}'.encode())
    (other,) = parsed({**source, "fields": {"n": "aN"}}, f'{{"at": 1, "aN": {first}, "aN": 7}}'.encode())
    assert (own["n"], own["_reason"]) == (other["n"], other["_reason"])


@pytest.mark.parametrize("number", ["1.50", "1e5", "-0", "0.12345678901234567890123", "12345678901234567890"])
@pytest.mark.parametrize(
    ("columns", "fields"),
    [({}, {}), ({"n": "number"}, {}), ({"n": "number"}, {"n": "a.n"}), ({}, {"text": "a.text"})],
)
def test_a_text_has_the_digits_of_a_number_as_they_were_written(
    columns: dict[str, str], fields: dict[str, str], number: str
) -> None:
    source = {"format": "json", "event_time": "at", "columns": {"at": "timestamp", "text": "text", **columns}}
    value = f'{{"at": 1, "text": {number}, "a": {{"n": 1, "text": {number}}}}}'.encode()
    (row,) = parsed({**source, "fields": fields}, value)
    assert row["text"] == number


def test_columns_may_be_read_from_one_field_and_from_around_it() -> None:
    columns = {"at": "timestamp", "ms": "integer", "text": "text", "again": "text", "whole": "text", "cased": "text"}
    fields = {"at": "a.B", "ms": "a.B", "text": "a.B", "again": "a.B", "whole": "c.d", "cased": "a.b"}
    source = {"format": "json", "event_time": "at", "columns": {**columns, "lower": "text"}}
    source["fields"] = {**fields, "lower": ["A", "B"]}
    (row,) = parsed(source, b'{"a": {"b": "x", "B": 1000}, "A": {"B": "y"}, "c": {"d": 1.50}}')
    assert row["_t"] == 1_000_000
    assert {name: row[name] for name in source["columns"] if name != "at"} == {
        "ms": 1000,
        "text": "1000",
        "again": "1000",
        "whole": "1.50",
        "cased": "x",
        "lower": "y",
    }


def test_a_column_that_is_read_from_around_another_is_bad_where_the_other_is_there() -> None:
    columns = {"at": "timestamp", "error": "text", "code": "integer"}
    source = {"format": "json", "event_time": "at", "columns": columns, "fields": {"code": "error.code"}}
    values = [b'{"at": 1}', b'{"at": 1, "error": {"code": 5}}', b'{"at": 1, "error": "down"}']
    assert [row["_reason"] for row in parsed(source, *values)] == [None, "bad_error", "bad_code"]


@pytest.mark.parametrize("number", ["0.1234565", "0.1234575", "999999999.9999994", "100000000.0000005", "1e-6"])
def test_numbers_of_other_fields_are_as_exact(number: str) -> None:
    source = {**ORDERS, "fields": {"amount": "sum.of", "id": "sum.of"}}
    (row,) = parsed(source, f'{{"at": 1, "sum": {{"of": {number}}}}}'.encode())
    own = parsed(ORDERS, f'{{"at": 1, "amount": {number}}}'.encode())
    assert (row["amount"], row["id"]) == (own[0]["amount"], number)


NAMES = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("""'"\\`$*/~.[]{}@#-01aA\0\u00a0"""), min_size=1
)
PATHS = st.lists(NAMES, min_size=1, max_size=4)


@settings(max_examples=50)
@given(PATHS, PATHS)
@example(["o'k"], ["') from texts; --"])
@example(["a", '"'], ["a", "\\"])
@example(["*"], ["$", "**", "[*]"])
@example(["~1", "/"], ["~1", "~"])
@example(["a"], ["a\0"])
@example(["\u00e9"], ["e\u0301"])
@example(["$max_future_us"], ["?", "$1"])
def test_a_field_may_have_any_name(path: list[str], other: list[str]) -> None:
    def inside(names: list[str], value: Any) -> Any:
        return {names[0]: inside(names[1:], value)} if names else value

    source = {**ORDERS, "fields": {"at": path, "id": other}}
    rows = parsed(source, json.dumps(inside(path, 1000)).encode(), json.dumps(inside(other, "x")).encode())
    both = "1000" if path == other else None
    assert [(row["_t"], row["id"]) for row in rows] == [(1_000_000, both), (None, "x")]


def test_a_user_event_keeps_its_milliseconds() -> None:
    event = {"timestamp": 1700000000123, "user_id": "u", "action": "login", "value": 2.5, "session_id": "s"}
    (row,) = parsed({"format": "user-event"}, json.dumps(event).encode())
    assert row["_t"] == 1700000000123000
    assert told(row) | {"timestamp": None} == {**event, "value": Decimal("2.500000"), "timestamp": None}


LINE = b'1.2.3.4 - bob [10/Oct/2000:13:55:36 -0700] "GET /shop/b?q=1 HTTP/1.0" 404 2326'
AGENT = b' "http://a/" "Mozilla \\"x\\""'
MALFORMED = "malformed_line"


@pytest.mark.parametrize(
    ("form", "reasons"),
    [
        ("log", [None, None, None, None, None, None]),
        ("apache-common", [None, MALFORMED, MALFORMED, MALFORMED, None, MALFORMED]),
        ("apache-combined", [MALFORMED, None, MALFORMED, MALFORMED, MALFORMED, MALFORMED]),
        ("nginx", [MALFORMED, None, None, MALFORMED, MALFORMED, MALFORMED]),
        ("json-log", ["malformed_json"] * 5 + [None]),
    ],
)
def test_a_format_takes_its_own_lines_alone(form: str, reasons: list[str | None]) -> None:
    lines = [LINE, LINE + AGENT, LINE + AGENT + b" 0.125", LINE + b' "cut off', LINE + b" ", b'{"timestamp": 1}']
    rows = parsed({"format": form}, *lines)
    assert [row["_reason"] for row in rows] == reasons
    services = {
        row["service"] for row, line in zip(rows, lines, strict=True) if row["_reason"] is None and line[:1] != b"{"
    }
    assert services <= {"shop"}


EVENTS = {
    "log": LINE,
    "apache-common": LINE,
    "apache-combined": LINE + AGENT,
    "nginx": LINE + AGENT,
    "json-log": b'{"timestamp": 1}',
    "user-event": b'{"timestamp": 1}',
    "rate": b'{"timestamp": 1}',
    "json": b'{"at": 1}',
}


@pytest.mark.parametrize("form", EVENTS)
def test_a_longer_record_than_is_read_is_rejected(form: str) -> None:
    longest = EVENTS[form].ljust(LONGEST)
    values = [longest, longest + b" ", b"\xff" * (LONGEST + 1), EVENTS[form]]
    rows = parsed(ORDERS if form == "json" else {"format": form}, *values)
    assert [row["_reason"] for row in rows] == [None, "too_long", "too_long", None]
    assert [row["_value"] for row in rows] == [None, *values[1:3], None]


def test_every_format_has_a_longest_record() -> None:
    assert EVENTS.keys() == {*FORMATS, JSON}


def test_nginx_may_tell_the_time_a_request_took() -> None:
    (row,) = parsed({"format": "nginx"}, LINE + AGENT + b" 0.125")
    assert (row["response_time"], row["status_code"], row["user_id"]) == (Decimal("0.125000"), 404, "bob")


def test_a_derived_column_is_like_any_other() -> None:
    metric = {"window": "1 minute", "keys": ["kind"], "where": "paid", "measures": {"n": "count", "sum": "sum(each)"}}
    derived = {"kind": "upper(left(id, 1))", "each": "(amount / items)::decimal(18, 6)"}
    engine = Engine(spec_of({**ORDERS, "derived": derived}, {"n": metric}))
    engine.load(
        records(
            [
                order(id="ab", amount=10, items=4, paid=True),
                order(id="ac", amount=1, items=0, paid=True),  # the division fails: null, and the event counts
                order(id="ad", amount=1, items=1, paid=False),
                order(id="ae", amount=1, items=1),
            ]
        )
    )
    (cell,) = engine.cells().to_pylist()
    assert (cell["key"], cell["events"], cell["count_0"], cell["sum_0"]) == ('["A"]', 2, 1, Decimal(2_500_000))


def test_a_derived_number_too_large_for_its_sums_is_null() -> None:
    metric = {"window": "1 minute", "measures": {"spread": "stddev(large)", "n": "count"}}
    derived = {"large": "(items * 1000)::decimal(18, 6)"}
    engine = Engine(spec_of({**ORDERS, "derived": derived}, {"n": metric}))
    engine.load(records([order(items=999_999_999)] * 150 + [order(items=2)]))
    (cell,) = engine.cells().to_pylist()
    assert (cell["events"], cell["count_0"], cell["sum_0"]) == (151, 1, Decimal(2_000_000_000))


@pytest.mark.parametrize("name", ["copy", "known_ms", "batch_at_us", "version", "window_us", "late_us", "at"])
def test_no_column_of_a_record_is_in_the_way_of_the_engines_own(name: str) -> None:
    metric = {"window": "1 minute", "keys": [name], "measures": {"n": "count", "most": f"max({name})"}}
    engine = Engine(
        spec_of({"format": "json", "event_time": "t0", "columns": {"t0": "timestamp", name: "integer"}}, {"m": metric})
    )
    engine.load(records([json.dumps({"t0": 1000, name: 7}).encode()]))
    assert [cell["key"] for cell in engine.cells().to_pylist()] == ['["7"]']
    batches = pa.table({"version": [1], "partition": [0], "start": [0], "end": [1], "late_us": [10**15]})
    facts = pa.table({"version": [1], "known_ms": [5_000], "batch_at_us": [0]})
    (pair,) = late_pairs(engine, batches, facts, name).to_pylist()
    assert (pair["lateness_ms"], pair["key"], pair["alert_key"]) == (4_000, '["7"]', "7")
    assert len(engine.late_cells(batches)) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"format": "json"}, "format json needs its columns"),
        ({"format": "log", "columns": {"at": "timestamp"}}, "format log has columns of its own"),
        ({**ORDERS, "event_time": "id"}, "event_time 'id' is no timestamp"),
        ({"format": "user-event", "event_time": "at"}, "event_time 'at' is no timestamp"),
        ({**ORDERS, "derived": {"id": "1"}}, "derived columns that the records have already: id"),
        ({**ORDERS, "fields": {"ids": "x"}}, "fields of columns that are not declared: ids"),
        ({"format": "user-event", "fields": {"user_id": "x"}}, "fields of columns that are not declared: user_id"),
    ],
)
def test_a_source_without_an_event_time_is_no_source(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        spec_of(source)


def test_the_shipped_streams_are_specs() -> None:
    folder = CHECKOUT / "include/streams"
    assert {load_any_spec(path).name for path in folder.glob("*.yaml")} >= {"log-metrics", "user-events"}
