"""`tideline try`: a spec on the lines of a file, without broker, Airflow or JVM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa

from tideline.engine.cells import GROUP, Engine
from tideline.engine.detection import ANOMALY, detect
from tideline.engine.publish import Publisher
from tideline.engine.slots import slot_columns
from tideline.errors import UserError
from tideline.lateness import OVER_MS
from tideline.records import RECORDS
from tideline.spec.model import StreamSpec
from tideline.tables.batch import group_rows
from tideline.tables.schemas import TIME, correction_schema

_LINES_AT_ONCE: Final = 50_000
_SHOWN_REJECTS: Final = 5
UNSEEN: Final = frozenset({"hour", "key", "is_open", "revision", "as_of", "part_version", "window_end"})
"""Columns of a published table that say nothing of a file's lines."""
FOUND: Final = pa.schema([("window_start", TIME), ("kind", pa.string()), ("metric", pa.string()), *list(ANOMALY)[2:]])


@dataclass(frozen=True)
class RejectedLine:
    """A line that is no event: its number in the file from 1, why, and its bytes."""

    line: int
    reason: str
    value: bytes | None


@dataclass(frozen=True)
class Trial:
    """What a spec makes of lines: events, rejects by reason and the first of them, the tables there would be, and what
    the detectors find in them (schema `FOUND`), oldest windows first."""

    events: int
    rejects: dict[str, int]
    first_rejects: tuple[RejectedLine, ...]
    tables: dict[str, pa.Table]
    anomalies: pa.Table

    @property
    def lines(self) -> int:
        return self.events + sum(self.rejects.values())


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file without their ends; UserError when it cannot be read."""
    try:
        with path.open("rb") as file:
            yield from (raw.rstrip(b"\r\n") for raw in file)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "give a file of log lines, one a record") from None


def try_lines(
    spec: StreamSpec,
    lines: Iterable[bytes],
    now_ms: int,
    progress: Callable[[int], None] = lambda _: None,
    at_once: int = _LINES_AT_ONCE,
) -> Trial:
    """Computes the lines as one batch in which nothing is late; they count as taken by Kafka at `now_ms`.

    Empty ones are passed over, and the others keep their numbers.
    """
    engine = Engine(spec)
    groups: pa.Table | None = None
    rejects: Counter[str] = Counter()
    first: list[RejectedLine] = []
    read = 0
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line)
    while chunk := list(islice(numbered, at_once)):
        engine.load(_records(chunk, now_ms))
        read += len(chunk)
        cells = engine.cells()
        known = [] if groups is None else [groups]
        groups = engine.merge(pa.concat_tables([*known, cells.select([*GROUP, "events", *engine.slots])]))
        refused = engine.rejects()
        rejects.update(refused["reason"].to_pylist())
        few = refused.slice(0, _SHOWN_REJECTS - len(first)).to_pylist()
        first += [RejectedLine(row["offset"], row["reason"], row["value"]) for row in few]
        progress(read)
    finished = _finished(spec, groups)
    tables = {name: _shown(rows) for name, rows in finished.items()}
    return Trial(read - rejects.total(), dict(rejects.most_common()), tuple(first), tables, _anomalies(spec, finished))


def _records(lines: Sequence[tuple[int, bytes]], now_ms: int) -> pa.Table:
    """Lines with their numbers, which are their offsets."""
    count = len(lines)
    numbers, values = zip(*lines, strict=True)
    columns = [
        pa.repeat(pa.scalar(0, pa.int32()), count),
        pa.array(numbers, pa.int64()),
        pa.repeat(pa.scalar(now_ms * 1000, pa.timestamp("us", "UTC")), count),
        pa.array(values, pa.binary()),
    ]
    return pa.table(columns, schema=RECORDS)


def _finished(spec: StreamSpec, groups: pa.Table | None) -> dict[str, pa.Table]:
    publisher = Publisher(spec)
    slots = slot_columns(publisher.plans.values())
    nothing = correction_schema(slots).empty_table()
    parts = nothing if groups is None else group_rows(slots, groups, 0, 0)
    return publisher.finish(publisher.merge(parts, nothing), OVER_MS)


def _shown(rows: pa.Table) -> pa.Table:
    columns = [column for column in rows.column_names if column not in UNSEEN]
    return rows.sort_by([("window_start", "ascending"), ("key", "ascending")]).select(columns)


def _anomalies(spec: StreamSpec, finished: dict[str, pa.Table]) -> pa.Table:
    found = [FOUND.empty_table()]
    for kind, detector in spec.detectors.items():
        rows = detect(detector, finished[detector.metric])
        names = {"kind": kind, "metric": detector.metric}
        for column, name in names.items():
            rows = rows.append_column(column, pa.repeat(pa.scalar(name), len(rows)))
        found.append(rows.select(FOUND.names).cast(FOUND))
    return pa.concat_tables(found).sort_by([(name, "ascending") for name in ("window_start", "kind", "key")])
