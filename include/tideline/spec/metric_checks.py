"""What a metric says, checked against the columns there are: keys, measures, conditions and derived columns."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final

from tideline.durations import parse_duration
from tideline.spec.duckdb_trial import is_a_word_of_sql
from tideline.spec.expressions import check_expression
from tideline.spec.measures import Measure, MeasureKind, parse_measure
from tideline.spec.model import COLUMN, RESERVED, TABLE_NAMES
from tideline.spec.problems import Problem, did_you_mean
from tideline.spec.schema import LOG_COLUMNS
from tideline.spec.yaml_text import Path, Text

_NUMERIC: Final = {MeasureKind.SUM, MeasureKind.AVG, MeasureKind.MIN, MeasureKind.MAX, MeasureKind.STDDEV}
_WHOLE: Final = {MeasureKind.COUNT, MeasureKind.COUNT_IF, MeasureKind.COUNT_DISTINCT}
_STORABLE: Final = re.compile(
    r"U?(BIG|SMALL|TINY|HUGE)INT|U?INTEGER|BOOLEAN|DOUBLE|FLOAT|DECIMAL\(.*\)|VARCHAR(\[\])?|TIMESTAMP.*|DATE|BIGNUM|\"NULL\""
)


def metric_problems(text: Text) -> Iterator[Problem]:
    """All that is wrong inside `metrics`; what is not even of the right shape is left to the model."""
    for name, metric in _mapping(text.data, "metrics").items():
        if isinstance(metric, dict):
            path = ("metrics", name)
            yield from _table_problems(text, path, name)
            yield from _slide_problems(text, path, metric)
            yield from _name_problems(text, path, metric)
            yield from _key_problems(text, path, metric)
            measures = {column: _measure(written) for column, written in _texts(metric, "measures").items()}
            for column, measure in measures.items():
                yield from _measure_problems(text, (*path, "measures", column), measure)
            yield from _derived_problems(text, path, metric, measures)


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


def _name_problems(text: Text, path: Path, metric: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys, measures and derived columns become columns of one table."""
    taken: set[str] = set()
    columns: list[tuple[Path, str]] = [(("keys", index), key) for index, key in enumerate(_keys(metric))]
    columns += [((part, column), column) for part in ("measures", "derived") for column in _mapping(metric, part)]
    for place, column in columns:
        whole = (*path, *place)
        if place[0] != "keys" and re.fullmatch(COLUMN, column) and is_a_word_of_sql(column):
            yield text.at_key(whole, f"'{column}' is a word of SQL", "choose another name")
        elif column in RESERVED:
            yield text.at_key(whole, f"'{column}' is a column that every table has", "choose another name")
        elif column in taken:
            yield text.at_key(whole, f"column '{column}' stands twice in {path[1]}", "choose another name")
        taken.add(column)


def _key_problems(text: Text, path: Path, metric: Mapping[str, Any]) -> Iterator[Problem]:
    for index, key in enumerate(_keys(metric)):
        if key not in LOG_COLUMNS:
            hint = did_you_mean(key, LOG_COLUMNS, "columns are")
            yield text.at_value((*path, "keys", index), f"there is no column '{key}'", hint)


def _measure(written: str) -> Measure | str:
    """The measure, or why it is none."""
    try:
        return parse_measure(written)
    except ValueError as error:
        return str(error)


def _measure_problems(text: Text, path: Path, measure: Measure | str) -> Iterator[Problem]:
    if isinstance(measure, str):
        message, _, hint = measure.partition(": ")
        yield text.at_value(path, message, hint)
    elif measure.kind is MeasureKind.COUNT_IF:
        kind = yield from _sql_problems(text, path, measure.argument or "", LOG_COLUMNS)
        if kind not in (None, "BOOLEAN"):
            yield text.at_value(path, f"a condition is true or false, this is {kind}", "compare it with something")
    elif measure.argument is not None:
        yield from _column_problems(text, path, measure.kind, measure.argument)


def _column_problems(text: Text, path: Path, kind: MeasureKind, column: str) -> Iterator[Problem]:
    offset = _argument_offset(text, path, column)
    if column not in LOG_COLUMNS:
        hint = did_you_mean(column, LOG_COLUMNS, "columns are")
        yield text.at_word(path, offset, len(column), f"there is no column '{column}'", hint)
    elif kind in _NUMERIC and not LOG_COLUMNS[column].is_numeric:
        numeric = ", ".join(name for name, of in LOG_COLUMNS.items() if of.is_numeric)
        yield text.at_word(
            path, offset, len(column), f"{kind} needs a number, '{column}' is none", f"numbers are {numeric}"
        )


def _derived_problems(
    text: Text, path: Path, metric: Mapping[str, Any], measures: Mapping[str, Measure | str]
) -> Iterator[Problem]:
    columns = {key: "VARCHAR" for key in _keys(metric) if key in LOG_COLUMNS}
    columns |= {name: _published_type(measure) for name, measure in measures.items()}
    for name, sql in _texts(metric, "derived").items():
        place = (*path, "derived", name)
        kind = yield from _sql_problems(text, place, sql, columns)
        if kind is not None and not _STORABLE.fullmatch(kind):
            yield text.at_value(place, f"a table cannot hold {kind}", "make it a number or a text")


def _published_type(measure: Measure | str) -> str:
    if isinstance(measure, str) or measure.kind in _WHOLE:
        return "BIGINT"
    return "VARCHAR[]" if measure.kind is MeasureKind.SET else "DOUBLE"


def _sql_problems(text: Text, path: Path, sql: str, columns: Mapping[str, str]) -> Generator[Problem, None, str | None]:
    """Yields what is wrong with an expression and returns its type, None when it has none."""
    verdict = check_expression(sql, columns)
    if isinstance(verdict, str):
        return verdict
    start = _argument_offset(text, path, sql)
    for fault in verdict:
        yield text.at_word(path, start + fault.offset, fault.length, fault.message, fault.hint)
    return None


def _argument_offset(text: Text, path: Path, argument: str) -> int:
    """Where an argument begins inside the value that holds it."""
    value: Any = text.data
    for part in path:
        value = value[part]
    return max(0, str(value).find(argument, str(value).find("(") + 1 if str(value) != argument else 0))


def _mapping(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return {k: v for k, v in value.items() if isinstance(k, str)} if isinstance(value, dict) else {}


def _texts(data: Any, key: str) -> dict[str, str]:
    return {name: value for name, value in _mapping(data, key).items() if isinstance(value, str)}


def _keys(metric: Mapping[str, Any]) -> list[str]:
    keys = metric.get("keys")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
