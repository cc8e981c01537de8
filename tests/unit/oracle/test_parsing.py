"""The rules of the `log` format, one record a rule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from oracle.events import Event, Reject
from oracle.parsing import parse

TEN = int(datetime(2026, 1, 31, 10, tzinfo=UTC).timestamp()) * 1_000_000
AT = '"timestamp": "2026-01-31T10:00:00Z"'
DATE = "[31/Jan/2026:10:00:00 +0000]"
KAFKA_MS = TEN // 1000


def event(value: str | bytes) -> Event:
    found = parse(value.encode() if isinstance(value, str) else value, KAFKA_MS)
    assert isinstance(found, Event), found
    return found


def reason(value: str | bytes | None) -> str:
    found = parse(value.encode() if isinstance(value, str) else value, KAFKA_MS)
    assert isinstance(found, Reject), found
    return found.reason


@pytest.mark.parametrize(
    ("timestamp", "time_us"),
    [
        ('"2026-01-31T10:00:00Z"', TEN),
        ('"2026-01-31 10:00:00"', TEN),
        ('"2026-01-31t10:00:00z"', TEN),
        ('"2026-01-31T12:00:00+02:00"', TEN),
        ('"2026-01-31T04:30:00-05:30"', TEN),
        ('"2026-01-31T10:00:00.5Z"', TEN + 500_000),
        ('"2026-01-31T10:00:00.123456999Z"', TEN + 123_456),
        ('"1969-12-31T23:59:59.9999999Z"', -1),
        ('"1000-01-01T00:00:00Z"', -30_610_224_000_000_000),
        ("1", 1_000),
        ("-1", -1_000),
        (str(KAFKA_MS), TEN),
    ],
)
def test_event_times(timestamp: str, time_us: int) -> None:
    assert event(f'{{"timestamp": {timestamp}}}').time_us == time_us


@pytest.mark.parametrize(
    "timestamp",
    [
        '""',
        '"yesterday"',
        '"2026-01-31"',
        '"2026-01-31T10:00Z"',
        '"2026-02-29T10:00:00Z"',
        '"2026-01-31T24:00:00Z"',
        '"2026-01-31T10:60:00Z"',
        '"2026-01-31T10:00:60Z"',
        '"2026-01-31T10:00:00.Z"',
        '"2026-01-31T10:00:00+24:00"',
        '"2026-01-31T10:00:00+00:60"',
        '"2026-01-31T10:00:00+0200"',
        '" 2026-01-31T10:00:00Z"',
        '"0000-01-01T00:00:00Z"',
        '"0001-01-01T00:00:00Z"',
        '"0999-12-31T23:59:59.999999Z"',
        "1.0",
        "1e3",
        "-62135596800001",
        "253402300800000",
        "99999999999999999999999",
        "true",
        "[]",
        "{}",
    ],
)
def test_bad_event_times(timestamp: str) -> None:
    assert reason(f'{{"timestamp": {timestamp}}}') == "bad_timestamp"


@pytest.mark.parametrize(
    ("written", "millionths"),
    [
        ("null", None),
        ("0", 0),
        ("-0.0", 0),
        ("0.25", 250_000),
        ("1e3", 1_000_000_000),
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("0.0000025", 2),
        ("0.00000250000000000000000000000001", 3),
        ("-0.0000015", -2),
        ("1e-999999", 0),
        ("999999999.999999", 999_999_999_999_999),
    ],
)
def test_response_times_are_millionths_half_even(written: str, millionths: int | None) -> None:
    assert event(f'{{{AT}, "response_time": {written}}}').response_time == millionths


@pytest.mark.parametrize(
    "written", ['"0.25"', "true", "[]", "{}", "1000000000", "-1e9", "1e400", "1e99999999999999999"]
)
def test_bad_response_times(written: str) -> None:
    assert reason(f'{{{AT}, "response_time": {written}}}') == "bad_response_time"


@pytest.mark.parametrize(("written", "status"), [("null", None), ("0", 0), ("404", 404), ("999", 999), ("-0", 0)])
def test_status_codes(written: str, status: int | None) -> None:
    assert event(f'{{{AT}, "status_code": {written}}}').status_code == status


@pytest.mark.parametrize("written", ['"404"', "1000", "-1", "404.0", "4e2", "true", "[404]", "1" * 5000])
def test_bad_status_codes(written: str) -> None:
    assert reason(f'{{{AT}, "status_code": {written}}}') == "bad_status_code"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("null", None),
        ('""', ""),
        (r'"caf\u00e9"', "café"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        ("7", "7"),
        ("1.50", "1.50"),
        ("true", "true"),
        ("false", "false"),
    ],
)
def test_texts(written: str, text: str | None) -> None:
    assert event(f'{{{AT}, "user_id": {written}}}').user_id == text


@pytest.mark.parametrize("column", ["level", "service", "message", "ip_address", "user_id", "request_id", "error_code"])
@pytest.mark.parametrize("written", ["[]", "{}"])
def test_texts_are_no_structures(column: str, written: str) -> None:
    assert reason(f'{{{AT}, "{column}": {written}}}') == f"bad_{column}"


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "{}x",
        f"{{{AT},}}",
        f'{{{AT}, "x": NaN}}',
        f'{{{AT}, "x": -Infinity}}',
        f'{{{AT}, "x": 01}}',
        f'{{{AT}, "x": [1,]}}',
        f'{{{AT}, "x": "\x01"}}',
        f'{{{AT}, "x": "\\ud800"}}',
        f'{{{AT}, "x": ["\\ud800"]}}',
        "{'timestamp': 1}",
        f"{{{AT}}}\x00",
        f'{{{AT} "x": 1}}',
        " \t\r\n{",
    ],
)
def test_malformed_json(value: str) -> None:
    assert reason(value) == "malformed_json"


def test_json_may_stand_between_blanks() -> None:
    assert event(f" \t\r\n{{{AT}}} \n").time_us == TEN


def test_of_doubled_keys_the_first_counts() -> None:
    assert event('{"timestamp": 1, "timestamp": 2}').time_us == 1_000
    assert reason('{"timestamp": null, "timestamp": 2}') == "missing_timestamp"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "null_value"),
        (b"\xff{}", "not_utf8"),
        (b'{"timestamp": 1, "user_id": "\xed\xa0\x80"}', "not_utf8"),
        (b"{}", "missing_timestamp"),
        (b'{"timestamp": null}', "missing_timestamp"),
        (b"", "malformed_line"),
        (b"[]", "malformed_line"),
        (b"\xef\xbb\xbf{}", "malformed_line"),
        (b"\x0b{}", "malformed_line"),
        (b"hello world", "malformed_line"),
    ],
)
def test_what_is_no_event(value: bytes | None, why: str) -> None:
    assert reason(value) == why


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"x" * 1_000_000, "malformed_line"),
        (b"x" * 1_000_001, "too_long"),
        (b"\xff" * 1_000_001, "too_long"),
        ("\u00e9".encode() * 500_001, "too_long"),
    ],
    ids=["the longest", "a byte more", "no text either", "fewer characters"],
)
def test_a_record_above_a_million_bytes_is_not_read(value: bytes, why: str) -> None:
    assert reason(value) == why


def test_the_first_fault_is_the_reason() -> None:
    bad = '"response_time": "x", "status_code": "x", "level": []'
    assert reason(f'{{"timestamp": "x", {bad}}}') == "bad_timestamp"
    assert reason(f"{{{AT}, {bad}}}") == "bad_response_time"


def test_the_future_begins_an_hour_after_the_records_own_time() -> None:
    hour_ahead = '{"timestamp": "2026-01-31T11:00:00Z"}'
    assert event(hour_ahead).time_us == TEN + 3_600_000_000
    assert reason(hour_ahead.replace("00Z", "00.000001Z")) == "future_event"
    assert parse(hour_ahead.encode(), KAFKA_MS, max_future_ms=0) == Reject("future_event")


def test_an_access_line_fills_what_it_has() -> None:
    line = f'10.0.0.1 - frank {DATE} "GET /shop/cart?id=1 HTTP/1.1" 200 2326 "http://e.org/" "agent \\"x\\""'
    assert event(line) == Event(
        TEN,
        status_code=200,
        service="shop",
        message="GET /shop/cart?id=1 HTTP/1.1",
        ip_address="10.0.0.1",
        user_id="frank",
    )


@pytest.mark.parametrize(
    "line",
    [
        f'2001:db8::1 - - {DATE} "-" 408 -',
        f'host.example.org - - {DATE} "GET /" 200 0',
        f'h - - {DATE} "" 400 0',
        f'h - - {DATE} "GET /a" - -',
        f'h - - {DATE} "GET /a" 200 5 "-',
        f'h - - {DATE} "GET /a\\\\" 200 5',
        f'h - ü {DATE} "GET /é\u00a0" 200 5',
        f'h - - {DATE} "GET /a\nb" 200 5\n',
    ],
)
def test_odd_access_lines_are_read(line: str) -> None:
    assert event(line).time_us == TEN


@pytest.mark.parametrize(
    "line",
    [
        f'h - {DATE} "GET /a" 200 5',
        f'h - a b {DATE} "GET /a" 200 5',
        f'h  - - {DATE} "GET /a" 200 5',
        f' h - - {DATE} "GET /a" 200 5',
        f'h - - {DATE}"GET /a" 200 5',
        f'h - - {DATE[:-1]} "GET /a" 200 5',
        f"h - - {DATE} GET /a 200 5",
        f'h - - {DATE} "GET /a\\" 200 5',
        f'h - - {DATE} "GET /a" 20 5',
        f'h - - {DATE} "GET /a" 2000 5',
        f'h - - {DATE} "GET /a" 200 x',
        f'h - - {DATE} "GET /a" 200 5x',
        f'h - - {DATE} "GET /a" 200',
        f'h\t- - {DATE} "GET /a" 200 5',
    ],
)
def test_malformed_access_lines(line: str) -> None:
    assert reason(line) == "malformed_line"


@pytest.mark.parametrize(
    "date",
    [
        "31/Feb/2026:10:00:00 +0000",
        "31/Jan/2026:24:00:00 +0000",
        "31/Jan/2026:10:00:00",
        "1/Jan/2026:10:00:00 +0000",
        "31/Jan/26:10:00:00 +0000",
        "31/Jan/2026:10:00:00 +9999",
        "31/01/2026:10:00:00 +0000",
        "01/Jan/0001:00:00:00 +0001",
        "",
    ],
)
def test_dates_that_are_none(date: str) -> None:
    assert reason(f'h - - [{date}] "GET /a" 200 5') == "bad_timestamp"


@pytest.mark.parametrize(
    "date", ["31/Jan/2026:03:00:00 -0700", "31/jan/2026:10:30:00 +0030", "31/JAN/2026:10:00:00 +0000"]
)
def test_dates_in_their_zones(date: str) -> None:
    assert event(f'h - - [{date}] "GET /a" 200 5').time_us == TEN


@pytest.mark.parametrize(
    ("request_text", "service"),
    [
        ("GET /a/b?x=1 HTTP/1.1", "a"),
        ("GET /a", "a"),
        ("GET /a?x=/b", "a"),
        ("GET /a#b/c", "a"),
        ("GET / HTTP/1.1", "/"),
        ("GET /?x=1", "/"),
        ("GET //a//b", "a"),
        ("GET  /a  HTTP/1.1", "a"),
        ("GET /%41/b", "%41"),
        (r"GET /\"a\"/b", r"\"a\""),
        ("GET http://e.org:80/p/q HTTP/1.1", "p"),
        ("GET http://e.org HTTP/1.1", None),
        ("GET http://e.org?x=/y", None),
        ("GET /a://b/c", "a:"),
        ("OPTIONS *", None),
        ("CONNECT e.org:443 HTTP/1.1", None),
        ("GET a/b", None),
        ("-", None),
        ("", None),
        (" GET /a", None),
        ("GET\t/a", None),
    ],
)
def test_the_service_is_the_first_segment_of_the_path(request_text: str, service: str | None) -> None:
    assert event(f'h - - {DATE} "{request_text}" 200 5').service == service
