"""What runs inside a task: Kafka records in, cells out, in native columnar code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
from pyspark import TaskContext

from tideline.engine.cells import Engine
from tideline.lateness import EVERY_WINDOW, Bounds
from tideline.quarantine import NOTHING, Quarantine
from tideline.records import RECORDS
from tideline.spec.model import StreamSpec
from tideline_spark.books import Books, describe_chunk

CELL: Final = ("metric", "key", "drop_at", "ts", "events")
"""The columns of a cell before its slots, in the order in which Spark is told of them."""

_engines: dict[
    tuple[str, Bounds, int | None], Engine
] = {}  # a worker process outlives its tasks: a kept connection halves a small batch


class CellTask:
    """The function given to `mapInArrow`: records of one task become cells."""

    def __init__(
        self,
        spec: StreamSpec,
        books: Books,
        bounds: Bounds = EVERY_WINDOW,
        pane: int | None = None,
        quarantine: Quarantine = NOTHING,
    ) -> None:
        self._spec = spec.model_dump_json()
        self._books = books
        self._bounds = bounds
        self._pane = pane
        self._quarantine = quarantine

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        batch = int((context and context.getLocalProperty("streaming.sql.batchId")) or -1)
        for records in batches:
            if records.num_rows:
                yield from self._cells(batch, records)

    def _cells(self, batch: int, records: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        engine = self._engine()
        table = pa.Table.from_batches([records]).select(RECORDS.names).cast(RECORDS)
        engine.load(self._quarantine.mark(table))
        key = (batch, table["partition"][0].as_py(), table["offset"][0].as_py())
        self._books.add({key: describe_chunk(engine)})
        yield from engine.cells().select([*CELL, *engine.slots]).to_batches()

    def _engine(self) -> Engine:
        key = (self._spec, self._bounds, self._pane)
        if key not in _engines:
            _engines[key] = Engine(StreamSpec.model_validate_json(self._spec), self._bounds, self._pane)
        return _engines[key]
