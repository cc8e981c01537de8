"""What `source` says of the records: the columns there are, declared or derived, and the event time among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from tideline.spec.parts import COLUMN
from tideline.spec.problems import Problem, did_you_mean
from tideline.spec.schema import DECLARED_TYPES, FORMATS, JSON, ColumnType
from tideline.spec.sql_checks import check_sql
from tideline.spec.yaml_text import Text, mapping, texts

_KEPT: Final = frozenset(ColumnType)
_CAST: Final = dict.fromkeys(
    ["BIGINT", "DOUBLE", "HUGEINT", "FLOAT"], "cast it: (...)::integer or (...)::decimal(18, 6)"
) | {"TIMESTAMP WITH TIME ZONE": "make it seconds since 1970: epoch(...)::decimal(18, 6), or a text: (...)::varchar"}


def record_columns(text: Text) -> dict[str, ColumnType]:
    """The columns of a record by the spec's format, as far as it can be read; those of `log` where it cannot."""
    source = mapping(text.data, "source")
    declared = {name: _nearest(kind) for name, kind in texts(source, "columns").items()}
    named = FORMATS.get(str(source.get("format", "log")), FORMATS["log"])
    return declared or ({} if source.get("format") == JSON else dict(named.columns))


def _nearest(kind: str) -> ColumnType:
    """What was meant by a type, so that one wrong word is one problem."""
    near = get_close_matches(kind, DECLARED_TYPES, 1, cutoff=0.4)
    return DECLARED_TYPES[near[0] if near else "text"]


def event_columns(text: Text) -> dict[str, str]:
    """The columns that metrics may name, with DuckDB's types: the record's and those derived from them."""
    columns: dict[str, str] = dict(record_columns(text))
    records = dict(columns)
    for name, sql in texts(mapping(text.data, "source"), "derived").items():
        kind, _ = check_sql(text, ("source", "derived", name), sql, records)
        columns.setdefault(name, kind if kind in _KEPT else ColumnType.DECIMAL)
    return columns


def source_problems(text: Text) -> Iterator[Problem]:
    """All that is wrong with columns; what is not even of the right shape is left to the model."""
    source = mapping(text.data, "source")
    yield from _format_problems(text, source)
    yield from _field_problems(text, source)
    yield from _event_time_problems(text, source)
    yield from _derived_problems(text, source)


def _format_problems(text: Text, source: Mapping[str, Any]) -> Iterator[Problem]:
    declared, form = source.get("columns"), source.get("format", "log")
    if form == JSON and not declared:
        yield text.at_key(("source",), "format json needs its columns", "such as `columns: {at: timestamp, id: text}`")
    elif declared and form in FORMATS:
        yield text.at_key(("source", "columns"), f"format {form} has columns of its own", "they go with `format: json`")


def _field_problems(text: Text, source: Mapping[str, Any]) -> Iterator[Problem]:
    declared, form = mapping(source, "columns"), source.get("format", "log")
    if form in FORMATS and not declared and source.get("fields"):
        yield text.at_key(("source", "fields"), f"format {form} has fields of its own", "they go with `format: json`")
    for name, path in mapping(source, "fields").items() if declared else ():
        if name not in declared:
            swapped = isinstance(path, str) and path in declared
            hint = (
                f"the column comes first: `{path}: {name}`" if swapped else did_you_mean(name, declared, "columns are")
            )
            yield text.at_key(("source", "fields", name), f"there is no column '{name}'", hint)


def _event_time_problems(text: Text, source: Mapping[str, Any]) -> Iterator[Problem]:
    columns = record_columns(text)
    name = source.get("event_time", "timestamp")
    times = [column for column, kind in columns.items() if kind is ColumnType.TIMESTAMP]
    if columns and isinstance(name, str) and re.fullmatch(COLUMN, name) and name not in times:
        place = ("source", "event_time") if "event_time" in source else ("source",)
        at = text.at_value if "event_time" in source else text.at_key
        what = f"'{name}' is no timestamp of the format" if name in columns else f"there is no column '{name}'"
        yield at(place, f"{what}: it cannot be the event time", did_you_mean(name, times, "timestamps are"))


def _derived_problems(text: Text, source: Mapping[str, Any]) -> Iterator[Problem]:
    columns = record_columns(text)
    for name, sql in texts(source, "derived").items():
        place = ("source", "derived", name)
        kind, problems = check_sql(text, place, sql, columns)
        yield from problems
        if name in columns:
            yield text.at_key(place, f"the records have a column '{name}' already", "choose another name")
        elif kind is not None and kind not in _KEPT:
            yield text.at_value(place, f"events cannot hold {kind}", _CAST.get(kind, "make it a text: (...)::varchar"))
