"""What a driver's metrics begin with: rows of windows that its batches will not publish whole again."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tideline.spec.model import StreamSpec
from tideline.tables.books import read_last_row
from tideline.tables.published import read_published
from tideline.tables.schemas import TIME, StreamTables


def windows_at_start(tables: StreamTables, spec: StreamSpec) -> tuple[dict[str, pa.Table], int]:
    """By metric the rows of windows that are about as new as the last batch's event time, or newer; and its watermark
    (ms)."""
    last = read_last_row(tables)
    if last is None or not last.watermark_ms:
        return {}, 0
    passed_ms = last.watermark_ms + spec.smallest_delay_ms
    found: dict[str, pa.Table] = {}
    for name, metric in spec.metrics.items():
        after = pa.scalar((passed_ms - 2 * metric.window) * 1000, TIME)
        rows = read_published(tables.published(name), pc.field("window_end") > after)
        if rows is not None:
            found[name] = rows
    return found, last.watermark_ms
