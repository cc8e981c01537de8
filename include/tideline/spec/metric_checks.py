"""What a metric says, checked against the columns there are: keys, measures, conditions and derived columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tideline.durations import format_duration, parse_duration
from tideline.spec.duckdb_trial import is_a_word_of_sql
from tideline.spec.expressions import check_expression
from tideline.spec.measures import LISTS, Measure, MeasureKind, parse_measure
from tideline.spec.model import RESERVED, TABLE_NAMES
from tideline.spec.parts import COLUMN
from tideline.spec.problems import Problem, did_you_mean
from tideline.spec.schema import ColumnType
from tideline.spec.source_checks import event_columns
from tideline.spec.sql_checks import argument_offset, check_condition, check_sql
from tideline.spec.yaml_text import Path, Text, mapping, texts

Columns = Mapping[str, str]
_NUMERIC: Final = {MeasureKind.SUM, MeasureKind.AVG, MeasureKind.STDDEV}
_EXTREME: Final = {MeasureKind.MIN, MeasureKind.MAX}
_WHOLE: Final = {
    MeasureKind.COUNT,
    MeasureKind.COUNT_IF,
    MeasureKind.COUNT_DISTINCT,
    MeasureKind.APPROX_COUNT_DISTINCT,
}
_NUMBERS: Final = {kind for kind in ColumnType if kind.is_numeric}
_ORDERED: Final = {kind for kind in ColumnType if kind.is_ordered}
MOST_WINDOWS: Final = 10_000
"""That an event is in: its cell leaves the task once for each, and each has a row of its own in state and table. A day
that slides by ten seconds has 8,640."""
_STORABLE: Final = re.compile(
    r"(BIG|HUGE|U?SMALL|U?TINY)INT|U?INTEGER|BOOLEAN|DOUBLE|FLOAT|DECIMAL\(.*\)|VARCHAR(\[\])?|TIMESTAMP.*|DATE|\"NULL\""
)


def metric_problems(text: Text) -> Iterator[Problem]:
    """All that is wrong inside `metrics`; what is not even of the right shape is left to the model."""
    columns = event_columns(text)
    for name, metric in mapping(text.data, "metrics").items():
        if isinstance(metric, dict):
            path = ("metrics", name)
            yield from _table_problems(text, path, name)
            yield from _slide_problems(text, path, metric)
            yield from _name_problems(text, path, metric)
            yield from _key_problems(text, path, metric, columns)
            if isinstance(metric.get("where"), str):
                yield from check_condition(text, (*path, "where"), metric["where"], columns)
            measures = {column: _measure(written) for column, written in texts(metric, "measures").items()}
            for column, measure in measures.items():
                yield from _measure_problems(text, (*path, "measures", column), measure, columns)
            yield from _derived_problems(text, path, metric, measures, columns)


def _table_problems(text: Text, path: Path, name: str) -> Iterator[Problem]:
    """A metric becomes a table beside those that every stream has."""
    if name in TABLE_NAMES:
        yield text.at_key(path, f"every stream has a table '{name}' of its own", "choose another name")


def _slide_problems(text: Text, path: Path, metric: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        window, slide = parse_duration(metric["window"]), parse_duration(metric["slide"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return
    if slide > window:
        yield text.at_value(
            (*path, "slide"),
            f"the slide is longer than the window, {metric['window']}: events between two windows would be in none",
        )
    elif slide and (windows := -(-window // slide)) > MOST_WINDOWS:
        yield text.at_value(
            (*path, "slide"),
            f"each event would be in {windows:,} windows: at most {MOST_WINDOWS:,} are allowed",
            f"write a slide of {_least_slide(window)} or more",
        )


def _least_slide(window: int) -> str:
    """In whole seconds where it is longer than one."""
    least = -(-window // MOST_WINDOWS)
    return format_duration(least if least < 1000 else -(-least // 1000) * 1000)


def _name_problems(text: Text, path: Path, metric: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys, measures and derived columns become columns of one table."""
    taken: set[str] = set()
    columns: list[tuple[Path, str]] = [(("keys", index), key) for index, key in enumerate(_keys(metric))]
    columns += [((part, column), column) for part in ("measures", "derived") for column in mapping(metric, part)]
    for place, column in columns:
        whole = (*path, *place)
        if place[0] != "keys" and re.fullmatch(COLUMN, column) and is_a_word_of_sql(column):
            yield text.at_key(whole, f"'{column}' is a word of SQL", "choose another name")
        elif column in RESERVED:
            yield text.at_key(whole, f"'{column}' is a column that every table has", "choose another name")
        elif column in taken:
            yield text.at_key(whole, f"column '{column}' stands twice in {path[1]}", "choose another name")
        taken.add(column)


def _key_problems(text: Text, path: Path, metric: Mapping[str, Any], columns: Columns) -> Iterator[Problem]:
    for index, key in enumerate(_keys(metric)):
        if key not in columns:
            hint = did_you_mean(key, columns, "columns are")
            yield text.at_value((*path, "keys", index), f"there is no column '{key}'", hint)


def _measure(written: str) -> Measure | str:
    """The measure, or why it is none."""
    try:
        return parse_measure(written)
    except ValueError as error:
        return str(error)


def _measure_problems(text: Text, path: Path, measure: Measure | str, columns: Columns) -> Iterator[Problem]:
    if isinstance(measure, str):
        message, _, hint = measure.partition(": ")
        yield text.at_value(path, message, hint)
    elif measure.kind is MeasureKind.COUNT_IF:
        yield from check_condition(text, path, measure.argument or "", columns)
    elif measure.argument is not None:
        yield from _column_problems(text, path, measure.kind, measure.argument, columns)


def _column_problems(text: Text, path: Path, kind: MeasureKind, column: str, columns: Columns) -> Iterator[Problem]:
    offset, length = argument_offset(text, path, column), len(column)
    if not re.fullmatch(r"\w+", column):
        message = f"a measure takes one column, '{column}' is none"
        yield text.at_word(path, offset, length, message, "put the expression under source.derived, and its name here")
        return
    fits = _NUMBERS if kind in _NUMERIC else _ORDERED if kind in _EXTREME else None
    if column not in columns:
        hint = did_you_mean(column, columns, "columns are")
        yield text.at_word(path, offset, length, f"there is no column '{column}'", hint)
    elif fits is not None and columns[column] not in fits:
        what = "a number" if kind in _NUMERIC else "a number or a time"
        others = ", ".join(name for name, of in columns.items() if of in fits)
        yield text.at_word(
            path, offset, length, f"{kind} needs {what}, '{column}' is none", f"there are {others or 'none'}"
        )


def _derived_problems(
    text: Text, path: Path, metric: Mapping[str, Any], measures: Mapping[str, Measure | str], columns: Columns
) -> Iterator[Problem]:
    published = {key: "VARCHAR" for key in _keys(metric) if key in columns}
    published |= {name: _published_type(measure, columns) for name, measure in measures.items()}
    for name, sql in texts(metric, "derived").items():
        place = (*path, "derived", name)
        kind, problems = check_sql(text, place, sql, published)
        yield from problems
        if kind is not None and not _STORABLE.fullmatch(kind):
            yield text.at_value(place, f"a table cannot hold {kind}", "make it a number or a text")


def published_columns(metric: Mapping[str, Any], columns: Columns) -> dict[str, str]:
    """The columns that a metric publishes with DuckDB's types, as far as they can be told; keys are texts."""
    known = {key: "VARCHAR" for key in _keys(metric) if key in columns}
    known |= {name: _published_type(_measure(text), columns) for name, text in texts(metric, "measures").items()}
    derived = {name: check_expression(sql, known) for name, sql in texts(metric, "derived").items()}
    return known | {name: _stored(kind) if isinstance(kind, str) else "DOUBLE" for name, kind in derived.items()}


def _stored(kind: str) -> str:
    """What a table makes of a type, see `tideline.engine.publish`."""
    if kind.startswith("TIMESTAMP"):
        return ColumnType.TIMESTAMP.value
    if kind in ("VARCHAR", "VARCHAR[]", "BOOLEAN", "DATE"):
        return kind
    return "BIGINT" if kind.endswith(("INT", "INTEGER")) and kind != "HUGEINT" else "DOUBLE"


def _published_type(measure: Measure | str, columns: Columns) -> str:
    if isinstance(measure, str) or measure.kind in _WHOLE:
        return "BIGINT"
    if measure.kind in LISTS:
        return "VARCHAR[]"
    is_time = measure.kind in _EXTREME and columns.get(measure.argument or "") == ColumnType.TIMESTAMP
    return ColumnType.TIMESTAMP.value if is_time else "DOUBLE"


def _keys(metric: Mapping[str, Any]) -> list[str]:
    keys = metric.get("keys")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
