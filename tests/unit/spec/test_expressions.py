"""SQL in specs: one pure expression over known columns, or a fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tideline.spec.expressions import check_expression
from tideline.spec.schema import LOG_COLUMNS


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("status_code >= 400", "BOOLEAN"),
        ("STATUS_CODE between 500 and 599", "BOOLEAN"),
        ("service like 'pay%' and user_id is not null", "BOOLEAN"),
        ("regexp_matches(message, '^GET')", "BOOLEAN"),
        ("coalesce(nullif(error_code, ''), 'none') <> 'none'", "BOOLEAN"),
        ("response_time > 1.5 or status_code in (500, 503)", "BOOLEAN"),
        ("hour(timestamp) < 6", "BOOLEAN"),
        ("case when status_code = 200 then 1 else 0 end", "INTEGER"),
        ("list_contains(['a', 'b'], service)", "BOOLEAN"),
        ("hour(timestamp at time zone 'Europe/Berlin') < 6", "BOOLEAN"),
        ("array_length(['a', 'b']) > status_code", "BOOLEAN"),
        ("len(list_filter([1, 2], lambda n: n > status_code)) > 0", "BOOLEAN"),
    ],
)
def test_expressions_have_a_type(sql: str, kind: str) -> None:
    assert check_expression(sql, LOG_COLUMNS) == kind


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "true; select 1",
        "select 1",
        "(select max(status_code))",
        "exists (select 1)",
        "status_code in (select 1)",
        "true) or (false",
        "true -- a comment",
        "true /* a comment",
        "status_code, service",
        "status_code as x",
        "status_code from log",
        "status_code order by 1",
        "*",
        "columns('.*')",
        "?",
        "$1 = 1",
        "count(*) > 1",
        "sum(status_code) over () > 1",
        "read_csv('/etc/passwd')",
        "read_text('/etc/passwd')",
        "getenv('HOME') = 'x'",
        "current_setting('threads') = 1",
        "nextval('s') = 1",
        "random() > 0.5",
        "now() > timestamp",
        "ago(interval 1 day) > timestamp",
        "age(timestamp) > interval 1 day",
        "today() = timestamp::date",
        "current_user = 'x'",
        "version() = 'x'",
        "sleep_ms(10) is null",
        "error('x')",
        "insert into x values (1)",
        "copy x to '/tmp/x'",
        "attach 'x'",
        "log.status_code > 1",
        "rowid > 1",
        "partition = 1",
        "service > 1",
        "service like message escape user_id",
        "service not ilike 'x$' escape '$'",
        "timezone(service, timestamp) is null",
        "array_length(['a'], status_code) > 1",
        "repeat(service, 1000000000) = 'x'",
        "lpad(service, status_code * 1000000, 'x') = 'x'",
        "len(range(status_code)) > 1",
        "len(list_resize(['a'], status_code)) > 1",
        "format('{:>1000000000}', service) = 'x'",
        "printf('%1000000000d', status_code) = 'x'",
        "status_code::integr > 1",
    ],
)
def test_all_else_is_refused(sql: str) -> None:
    faults = check_expression(sql, LOG_COLUMNS)
    assert isinstance(faults, list)
    assert faults


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("service::int > 1", "try_cast"),
        ("cast(user_id as double) > 1", "try_cast"),
        ("strptime(message, '%Y') is null", "try"),
        ("response_time::decimal(9, 6) > 1", "try"),
        ("chr(status_code * 1000000) = 'x'", "try"),
    ],
)
def test_what_would_fail_on_some_event_is_refused(sql: str, hint: str) -> None:
    faults = check_expression(sql, LOG_COLUMNS)
    assert isinstance(faults, list)
    assert [("fails on some events" in fault.message, hint in fault.hint) for fault in faults] == [(True, True)]


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("status_code = 500 or 502", "502"),
        ("not status_code", "status_code"),
        ("service = 'é' or 'b'", "'b'"),
        ("case when status_code then 1 end = 1", "status_code"),
        ("status_code = 1 and (response_time + 1 or level is null)", "+"),
        ("status_code = 1 and lower(level)", "lower"),
        ("null = service", "null = service"),
        ("service <> null", "service <> null"),
        ("case service when null then 1 end = 1", "case service when null then 1 end = 1"),
    ],
)
def test_a_number_is_no_truth_and_nothing_compares_with_null(sql: str, word: str) -> None:
    faults = check_expression(sql, LOG_COLUMNS)
    assert isinstance(faults, list)
    (fault,) = faults
    assert "true" in fault.message
    assert sql[fault.offset : fault.offset + fault.length] == word


@pytest.mark.parametrize(
    "sql",
    [
        "service is null or not coalesce(status_code = 500, false)",
        "service is distinct from null and status_code between 1 and 2",
        "status_code in (1, null) or null",
        "contains(service, 'a') and not starts_with(service, 'b')",
        "case when contains(service, 'a') and status_code = 1 then true else false end",
    ],
)
def test_what_is_true_or_false_may_be_combined(sql: str) -> None:
    assert check_expression(sql, LOG_COLUMNS) == "BOOLEAN"


@pytest.mark.parametrize("sql", ["try_cast(service as int) > 1", "try(strptime(message, '%Y')) is null"])
def test_null_in_place_of_a_failure_is_welcome(sql: str) -> None:
    assert check_expression(sql, LOG_COLUMNS) == "BOOLEAN"


@given(st.text(alphabet="é漢a' ", max_size=12).map(lambda text: text.replace("'", "''")))
def test_a_fault_is_counted_in_characters(before: str) -> None:
    sql = f"service = '{before}' and nope > 1"
    faults = check_expression(sql, LOG_COLUMNS)
    assert isinstance(faults, list)
    assert [sql[fault.offset : fault.offset + fault.length] for fault in faults] == ["nope"]


@given(st.text(max_size=30))
def test_any_text_is_judged_without_an_error(sql: str) -> None:
    assert isinstance(check_expression(sql, LOG_COLUMNS), str | list)
