"""What each format makes of a record: its columns, or the reason why it is no event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
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
    ],
)
def test_a_source_without_an_event_time_is_no_source(source: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        spec_of(source)


def test_the_shipped_streams_are_specs() -> None:
    folder = CHECKOUT / "include/streams"
    assert {load_any_spec(path).name for path in folder.glob("*.yaml")} >= {"log-metrics", "user-events"}
