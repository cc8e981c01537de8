"""Looks what the tables of all streams have to announce, beyond what was announced before."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from tideline.announcements import Announcement, Window, closed_ms, completions, corrected
from tideline.checkpoint import CheckpointLog
from tideline.home import Home
from tideline.keeper.deployed import parse_deployed
from tideline.keeper.heartbeat import read_heartbeat
from tideline.logs.context import about
from tideline.registry.store import Registry
from tideline.spec.job import JobSpec
from tideline.spec.model import StreamSpec
from tideline.stream_books import deployed_spec
from tideline.tables.books import read_eras, read_groups, read_last_row
from tideline.tables.publication import published_through
from tideline.tables.schemas import StreamTables
from tideline.troubles import table_part

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """What a stream's tables have to announce, and what is `told` by it: of a metric's table up to when (us) it is
    complete, of corrections and overrides up to which sequence they are announced."""

    stream: str
    announcements: tuple[Announcement, ...]
    told: dict[str, int]


def look(home: Home, registry: Registry) -> list[Due]:
    """Of all streams; one whose tables cannot be read is left for the next time, and the log says why."""
    found = []
    for row in registry.streams():
        try:
            if row.epoch and not isinstance(parse_deployed(row.spec), JobSpec):
                found.append(due(home, deployed_spec(home, row.name), registry.announced.told(row.name)))
        except Exception:
            with about(stream=row.name):
                log.exception("%s: its tables cannot be looked at", row.name)
    return [each for each in found if each.told]


def due(home: Home, spec: StreamSpec, told: dict[str, int]) -> Due:
    """Of one stream."""
    tables = StreamTables(home.tables(spec.name))
    complete = tuple(_complete(home, tables, spec, told))
    sequences = {name: until for name, until in published_through(tables).items() if until > told.get(name, 0)}
    again = corrected(read_eras(tables, spec), _windows(tables, sequences, told)) if sequences else []
    closed = {each.metric: each.until_us for each in complete}
    return Due(spec.name, (*complete, *again), closed | sequences)


def _complete(home: Home, tables: StreamTables, spec: StreamSpec, told: dict[str, int]) -> Iterator[Announcement]:
    """Nothing while another spec waits for its first batch: the windows are then closed by other rules than its own."""
    row = read_last_row(tables)
    if row is None or row.fingerprint != spec.fingerprint():
        return
    last_commit = CheckpointLog(home.stream(spec.name).checkpoint(row.generation)).last_commit()
    beat = read_heartbeat(home.stream(spec.name).heartbeat)
    failing = {each.get("part") for each in (beat.troubles if beat else ())}
    behind = {metric for metric in spec.metrics if table_part(metric) in failing}
    yield from completions(spec, closed_ms(row, last_commit), told, behind)


def _windows(tables: StreamTables, sequences: dict[str, int], told: dict[str, int]) -> set[Window]:
    """The windows of what was brought to corrections and overrides since, and is published."""
    added = [
        read_groups(tables.root / name, told.get(name, 0), until_sequence=until) for name, until in sequences.items()
    ]
    groups = pa.concat_tables([each.select(["metric", "window_end"]) for each in added if each is not None])
    each_once = groups.group_by(["metric", "window_end"]).aggregate([])
    ends = each_once["window_end"].cast(pa.int64()).to_pylist()
    return set(zip(each_once["metric"].to_pylist(), ends, strict=True))
