"""What the records of each format hold: the columns that a metric's keys, measures and conditions may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ColumnType(StrEnum):
    """A column's type, by the name DuckDB gives it."""

    TIMESTAMP = "TIMESTAMPTZ"
    DECIMAL = "DECIMAL(18,6)"
    INTEGER = "INTEGER"
    BOOLEAN = "BOOLEAN"
    TEXT = "VARCHAR"

    @property
    def is_numeric(self) -> bool:
        return self in (ColumnType.DECIMAL, ColumnType.INTEGER)

    @property
    def is_ordered(self) -> bool:
        """Whether a least and a greatest value can be kept."""
        return self.is_numeric or self is ColumnType.TIMESTAMP


Columns = Mapping[str, ColumnType]

DECLARED_TYPES: Final = {
    "text": ColumnType.TEXT,
    "number": ColumnType.DECIMAL,
    "integer": ColumnType.INTEGER,
    "boolean": ColumnType.BOOLEAN,
    "timestamp": ColumnType.TIMESTAMP,
}
"""The types that a declared schema may give its columns."""

LOG_COLUMNS: Final[Columns] = {
    "timestamp": ColumnType.TIMESTAMP,
    "level": ColumnType.TEXT,
    "service": ColumnType.TEXT,
    "message": ColumnType.TEXT,
    "ip_address": ColumnType.TEXT,
    "user_id": ColumnType.TEXT,
    "request_id": ColumnType.TEXT,
    "response_time": ColumnType.DECIMAL,
    "status_code": ColumnType.INTEGER,
    "error_code": ColumnType.TEXT,
}
USER_EVENT_COLUMNS: Final[Columns] = {
    "timestamp": ColumnType.TIMESTAMP,
    "user_id": ColumnType.TEXT,
    "action": ColumnType.TEXT,
    "value": ColumnType.DECIMAL,
    "session_id": ColumnType.TEXT,
    "ip_address": ColumnType.TEXT,
}
RATE_COLUMNS: Final[Columns] = {"timestamp": ColumnType.TIMESTAMP, "value": ColumnType.DECIMAL}


class Line(StrEnum):
    """The forms of an access-log line; `ANY` is one of them, whatever follows the size."""

    ANY = "any"
    COMMON = "common"
    COMBINED = "combined"
    NGINX = "nginx"


@dataclass(frozen=True)
class Format:
    """How records are read: as JSON objects, as access lines, or as whichever a record begins like."""

    columns: Columns
    reads_json: bool = True
    line: Line | None = None


RATE: Final = "rate"
"""The format of the records that a `rate` makes."""

FORMATS: Final[Mapping[str, Format]] = {
    "log": Format(LOG_COLUMNS, line=Line.ANY),
    "json-log": Format(LOG_COLUMNS),
    "apache-common": Format(LOG_COLUMNS, reads_json=False, line=Line.COMMON),
    "apache-combined": Format(LOG_COLUMNS, reads_json=False, line=Line.COMBINED),
    "nginx": Format(LOG_COLUMNS, reads_json=False, line=Line.NGINX),
    "user-event": Format(USER_EVENT_COLUMNS),
    RATE: Format(RATE_COLUMNS),
}
JSON: Final = "json"
"""The format whose columns a spec declares itself."""


def format_of(name: str, declared: Mapping[str, str]) -> Format:
    """The format of a name; `declared` types are those of a spec's own schema. KeyError for unknown ones."""
    return Format({column: DECLARED_TYPES[kind] for column, kind in declared.items()}) if declared else FORMATS[name]
