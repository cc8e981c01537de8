"""The columns of the `log` format: what a metric's keys, measures and conditions may name."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ColumnType(StrEnum):
    """A column's type, by the name DuckDB gives it."""

    TIMESTAMP = "TIMESTAMPTZ"
    DECIMAL = "DECIMAL(18,6)"
    INTEGER = "INTEGER"
    TEXT = "VARCHAR"

    @property
    def is_numeric(self) -> bool:
        return self in (ColumnType.DECIMAL, ColumnType.INTEGER)


LOG_COLUMNS: Final[dict[str, ColumnType]] = {
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
