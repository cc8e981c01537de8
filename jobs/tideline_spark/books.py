"""What leaves the tasks beside the data: what each chunk of records held, by an accumulator.

`foreachBatch` sees only what survived the watermark; the ledger needs what arrived. Entries are keyed by batch,
partition and first offset, so that a task that runs twice counts once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import pyarrow as pa
from pyspark import AccumulatorParam, SparkContext

from tideline.engine.cells import Engine
from tideline.ledger import Pane
from tideline.tables.rejects import NONE_REFUSED

ChunkKey = tuple[int, int, int]


@dataclass(frozen=True)
class Chunk:
    """One partition's share of a chunk of records: records, panes, event-time bounds in us."""

    rows: int
    rejects: int
    panes: tuple[Pane, ...]
    least: int | None
    greatest: int | None


@dataclass(frozen=True)
class ChunkBooks:
    """All that a task tells of one chunk: shares by partition, and its rejects as an Arrow stream."""

    shares: dict[int, Chunk]
    rejects: bytes


class _Entries(AccumulatorParam):  # type: ignore[misc]
    def zero(self, value: dict[ChunkKey, ChunkBooks]) -> dict[ChunkKey, ChunkBooks]:
        return {}

    def addInPlace(
        self, value1: dict[ChunkKey, ChunkBooks], value2: dict[ChunkKey, ChunkBooks]
    ) -> dict[ChunkKey, ChunkBooks]:
        value1.update(value2)
        return value1


class Books(Protocol):
    """The accumulator as its two ends see it: tasks add, the driver takes."""

    value: dict[ChunkKey, ChunkBooks]

    def add(self, term: dict[ChunkKey, ChunkBooks]) -> None: ...


def new_books(context: SparkContext) -> Books:
    return cast(Books, context.accumulator({}, _Entries()))


def take_batch(books: Books, batch: int) -> list[ChunkBooks]:
    """The entries of a finished batch, removed so that the driver's memory stays flat."""
    keys = sorted(key for key in books.value if key[0] <= batch)
    entries = [(key, books.value.pop(key)) for key in keys]
    return [entry for key, entry in entries if key[0] == batch]


def describe_chunk(engine: Engine) -> ChunkBooks:
    """The books of the chunk that the engine has loaded."""
    rows = engine.rows_by_partition()
    panes: dict[int, list[dict[str, int]]] = {partition: [] for partition in rows}
    for pane in engine.panes().to_pylist():
        panes[pane["partition"]].append(pane)
    shares = {partition: _share(count, panes[partition]) for partition, count in rows.items()}
    return ChunkBooks(shares, arrow_bytes(engine.rejects()))


def _share(rows: int, panes: list[dict[str, int]]) -> Chunk:
    events = sum(pane["events"] for pane in panes)
    return Chunk(
        rows=rows,
        rejects=rows - events,
        panes=tuple(Pane.of(p) for p in panes),
        least=min((pane["least"] for pane in panes), default=None),
        greatest=max((pane["greatest"] for pane in panes), default=None),
    )


def arrow_bytes(table: pa.Table) -> bytes:
    """A table as an Arrow stream; nothing when it has no rows."""
    if not len(table):
        return b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def refused_of(chunks: list[ChunkBooks]) -> pa.Table:
    """The rejects of all chunks as one table: partition, offset, timestamp, reason, value."""
    tables = [pa.ipc.open_stream(chunk.rejects).read_all() for chunk in chunks if chunk.rejects]
    return pa.concat_tables(tables) if tables else NONE_REFUSED
