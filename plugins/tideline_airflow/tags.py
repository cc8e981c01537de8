"""The tags of all DAGs: a DAG's tags come from here, and a test holds it to that."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """What a DAG is about."""

    STREAMS = "streams"
    KEEPER = "keeper"
    LATE_DATA = "late-data"
    TABLES = "tables"
    EXAMPLE = "example"
