"""What DuckDB itself says about an expression: the functions it knows, and a trial on extreme rows."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import cache
from typing import Final

import duckdb

# Consistent within a query, yet not a function of the event: a replay would not give the same answer.
_IMPURE: Final = frozenset({"version", "current_localtime", "current_localtimestamp", "age", "json_serialize_plan"})
_PURE_MACROS: Final = re.compile(r"(list|array)_\w+|nullif|if|split_part|fmod|fdiv|days_in_month|date_add")
# Their result's size is an argument: one event could ask for all the memory there is.
_BOUNDLESS: Final = frozenset(
    [
        "repeat",
        "range",
        "generate_series",
        "lpad",
        "rpad",
        "list_resize",
        "array_resize",
        "format",
        "printf",
        "bitstring",
    ]
)
# `x like y escape z` raises where a pattern ends with its escape character, and try() does not catch that.
_UNCATCHABLE: Final = frozenset(["like_escape", "ilike_escape", "not_like_escape", "not_ilike_escape"])
CONSTANT_ARGUMENTS: Final = {"timezone": 0, "array_length": 1}
"""Which argument of a function must be a constant: what the function raises over it, try() does not catch."""
_EXTREMES: Final = {
    "VARCHAR": ("''", "'x'", "'-'"),
    "VARCHAR[]": ("[]", "['x']", "['x', 'y']"),
    "BOOLEAN": ("false", "true", "false"),
    "INTEGER": ("0", "999", "1"),
    "BIGINT": ("0", "1000000000", "1"),
    "DOUBLE": ("0", "1e9", "-1e9"),
    "DECIMAL(18,6)": ("0", "999999999.999999", "-999999999.999999"),
    "DATE": ("'0001-01-01'", "'9999-12-31'", "'1970-01-01'"),
    "TIMESTAMPTZ": ("'0001-01-01'", "'9999-12-31'", "'1970-01-01'"),
}


class Refused(Exception):
    """Why DuckDB does not take an expression; `word` is the part it named, if any."""

    def __init__(self, message: str, hint: str = "", word: str = "") -> None:
        super().__init__(message)
        self.message, self.hint, self.word = message, hint, word


class _Kept(threading.local):
    """A connection for each thread: DuckDB refuses a second call on one that is busy."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set threads = 1; set timezone = 'UTC'; set enable_external_access = false")


_kept: Final = _Kept()


def connection() -> duckdb.DuckDBPyConnection:
    return _kept.connection


@cache
def functions() -> dict[str, set[str]]:
    """What each function of DuckDB is: pure, impure, aggregate or table."""
    found: dict[str, set[str]] = {}
    rows = connection().execute(
        "select lower(function_name), function_type, coalesce(stability, '') from duckdb_functions()"
    )
    for name, kind, stability in rows.fetchall():
        pure = (kind == "scalar" and stability == "CONSISTENT") or (kind == "macro" and _PURE_MACROS.fullmatch(name))
        what = kind if kind == "aggregate" else "table" if "table" in kind or kind == "pragma" else "impure"
        found.setdefault(name, set()).add("pure" if pure and name not in _IMPURE else what)
    refused = {"boundless": _BOUNDLESS, "uncatchable": _UNCATCHABLE}
    return found | {name: {why} for why, names in refused.items() for name in names}


def is_a_word_of_sql(name: str) -> bool:
    """Whether DuckDB cannot read `name` as a column's name, or reads something else."""
    try:
        read = connection().sql(f"select {name} as {name} from (select 42 as {name}) group by {name}").fetchall()
    except duckdb.Error:
        return True
    return read != [(42,)]


def type_of(sql: str, columns: Mapping[str, str]) -> str:
    """The expression's type. It is also tried on extreme rows: one that fails would stop the stream."""
    try:
        relation = connection().sql(f"select ({sql}) from ({_extreme_rows(columns)})")
        relation.to_arrow_table()
        return str(relation.types[0])
    except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException) as error:
        message = f"this fails on some events: {_first_line(error)}"
        raise Refused(message, "try(...) and try_cast give null instead") from error
    except duckdb.Error as error:
        message = _first_line(error)
        if "extension" in message:
            raise Refused("DuckDB has this only by an extension, and fetches none here", "write it without") from error
        hint = next((line for line in str(error).split("\n") if line.startswith("Did you mean")), "")
        named = re.search(r"name (\w+) does", message)
        raise Refused(message, hint.replace('"', "'").replace("Did", "did"), named[1] if named else "") from error


def _extreme_rows(columns: Mapping[str, str]) -> str:
    """Four rows: least, greatest and odd values, then nulls."""
    rows = (
        ", ".join(f'{(*_EXTREMES[kind], "null")[row]}::{kind} as "{name}"' for name, kind in columns.items())
        for row in range(4)
    )
    return " union all ".join(f"select {row or '1'}" for row in rows)


def _first_line(error: Exception) -> str:
    return re.sub(r"^[\w ]+ Error: ", "", str(error).split("\n")[0])
