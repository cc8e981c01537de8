"""JSON objects in SQL: each becomes a row of events with the columns of a schema, or a reject with a reason.

Numbers never pass through DOUBLE, every regular expression runs in linear time, and nothing raises on bad input.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

from tideline.engine.json_fields import DECIMAL, Path, as_written, kinds, transforms, values
from tideline.spec.schema import Columns, ColumnType

LARGEST: Final = 1_000_000_000
"""Numbers stay below this in size: the sum of so many squares still fits 128 bits. What does not fit is a reject."""
YEARS: Final = "between -62135596800000000 and 253402300799999999"
"""The years 1 to 9999, in microseconds."""
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999

# DuckDB's JSON reader takes NaN, Infinity and trailing commas, RFC 8259 does not: what looks like one of them
# is looked at again with its strings taken out. Within a `case`: DuckDB works out both sides of an `and` for every row.
# Each pattern of the first look begins with the one character that may stand before such a word: regular expressions
# of that kind skip to it, and the three together take half the time of one that must look at every byte.
_LENIENT: Final = r"""(?i)\b(?:nan|inf|infinity)\b|,\s*[}\]]"""
_STRINGS: Final = r'''"(?:[^"\\]|\\.)*"'''
_SUSPECT: Final = " or ".join(
    f"regexp_matches(text, '{pattern}')"
    for pattern in (r":\s*[+-]?(?i:nan|inf)", r"\[\s*[+-]?(?i:nan|inf)", r",\s*(?:[}\]]|[+-]?(?i:nan|inf))")
)
_STRICT_JSON: Final = f"""json_valid(text) and not case
    when {_SUSPECT}
    then regexp_matches(regexp_replace(text, '{_STRINGS}', '""', 'g'), '{_LENIENT}') else false end"""
_RFC_3339: Final = r"\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):\d{2}:\d{2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?"
_NUMBER: Final = "in ('BIGINT', 'UBIGINT', 'DOUBLE')"
_INTEGER: Final = "in ('BIGINT', 'UBIGINT')"
_NO_TEXT: Final = "('OBJECT', 'ARRAY')"
_READ_AS: Final = {ColumnType.DECIMAL: DECIMAL, ColumnType.INTEGER: "BIGINT", ColumnType.BOOLEAN: "BOOLEAN"}
_BOUNDS: Final = {"status_code": (0, 999)}


def json_events(
    columns: Columns, event_time: str, source: str, used: Container[str], fields: Mapping[str, Path]
) -> str:
    """Rows of events from `source` (text and the places of its records), in any order.

    A column is the field of its own name, or the one whose path is in `fields`. The event time must be there, every
    other column may be null; a record tells the first of its faults. A text that is not `used` is null, and its faults
    are told all the same.
    """
    paths = {name: fields.get(name, (name,)) for name in columns}
    unread = {name for name, kind in columns.items() if kind is ColumnType.TEXT and name not in used}
    read = {name: _READ_AS.get(kind, "VARCHAR") for name, kind in columns.items() if name not in unread}
    places, kind_of = kinds(paths)
    trees, value_of = values(paths, read)
    structures = as_written(trees)
    selected = ", ".join(
        f'null::varchar as "{name}"'
        if name in unread
        else f'{_value(name, kind, value_of[name], kind_of[name])} as "{name}"'
        for name, kind in columns.items()
    )
    faults = " ".join(
        f"when {kind_of[name]} in {_NO_TEXT} then 'bad_{name}'"
        if name in unread
        else f"when {kind_of[name]} <> 'NULL' and \"{name}\" is null then 'bad_{name}'"
        for name in _told_first(columns, event_time)
    )
    return f"""
      select _partition, _offset, _recorded, _value,
        case when coalesce(_kinds[1] <> 'OBJECT', true) then 'malformed_json'
             when {kind_of[event_time]} = 'NULL' then 'missing_{event_time}'
             when "{event_time}" is null then 'bad_{event_time}'
             {faults} end as _reason,
        epoch_us("{event_time}") as _t, {", ".join(f'"{name}"' for name in columns)}
      from (
        select _partition, _offset, _recorded, _value, _kinds, {selected}
        from (
          select *, json_type(_doc, {places}) as _kinds, {transforms(structures)}
          from (select *, case when {_STRICT_JSON} then text end as _doc from {source})))"""


def _told_first(columns: Columns, event_time: str) -> list[str]:
    """The columns in the order in which their faults are told: texts, which hardly ever have one, last."""
    others = [name for name in columns if name != event_time]
    return sorted(others, key=lambda name: columns[name] is ColumnType.TEXT)


def _value(name: str, kind: ColumnType, field: str, json_kind: str) -> str:
    match kind:
        case ColumnType.TIMESTAMP:
            return f"""case
                when {json_kind} {_INTEGER} and try_cast({field} as bigint) between {_FIRST_MS} and {_LAST_MS}
                  then make_timestamptz(try_cast({field} as bigint) * 1000)
                when {json_kind} = 'VARCHAR' and regexp_full_match(upper({field}), '{_RFC_3339}')
                  and epoch_us(try_cast(upper({field}) as timestamptz)) {YEARS}
                  then try_cast(upper({field}) as timestamptz) end"""
        case ColumnType.DECIMAL:
            return f"""case when {json_kind} {_NUMBER} and abs({field}) < {LARGEST}
                            then cast(round_even({field}, 6) as decimal(18, 6)) end"""
        case ColumnType.INTEGER:
            least, greatest = _BOUNDS.get(name, (1 - LARGEST, LARGEST - 1))
            return f"""case when {json_kind} {_INTEGER} and {field} between {least} and {greatest}
                            then cast({field} as integer) end"""
        case ColumnType.BOOLEAN:
            return f"case when {json_kind} = 'BOOLEAN' then {field} end"
        case _:
            return f"case when {json_kind} not in {_NO_TEXT} then {field} end"
