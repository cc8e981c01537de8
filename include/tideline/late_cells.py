"""What batches dropped, computed from their records: in chunks, in any order, on one machine or in many tasks.

Partial results merge with themselves, so where they were computed leaves no trace in the corrections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import pyarrow as pa

from tideline.engine.cells import GROUP, Engine
from tideline.engine.slots import slot_columns, stream_plans
from tideline.generations import Era
from tideline.reconcile_plan import LateSpan
from tideline.tables.schemas import TIME, group_schema

_ALL_LATE_US: Final = 1 << 62
_MERGED_BY: Final = ("version", *GROUP)

EachChunk = Callable[[Engine, pa.Table], None]
"""Is given an era's engine with a chunk loaded, and the era's batches (`Engine.late_cells`)."""


class LateCells:
    """Collects what the spans' batches dropped, era by era; records outside of the spans add nothing."""

    def __init__(self, eras: Sequence[Era], spans: Sequence[LateSpan], each: EachChunk = lambda *_: None) -> None:
        self._each = each
        self._times = {span.version: span.batch_at_ms * 1000 for span in spans}
        lost = [batches_of(era, spans) for era in eras]
        self._eras = {
            i: (Engine(era.spec, era.bounds, every_column=True), lost[i]) for i, era in enumerate(eras) if len(lost[i])
        }
        self._found: dict[int, list[pa.Table]] = {}
        self._slots = sorted({slot for era in eras for slot in slot_columns(stream_plans(era.spec).values())})

    def load(self, records: pa.Table) -> None:
        """Takes a chunk of records (`RECORDS`)."""
        for i, (engine, batches) in self._eras.items():
            engine.load(records)
            self.add(i, engine.late_cells(batches).select([*_MERGED_BY, "events", *engine.slots]))
            self._each(engine, batches)

    def add(self, era: int, cells: pa.Table) -> None:
        """Takes cells of the era at this index: of a chunk, or what another collector of the same spans has found."""
        self._found.setdefault(era, []).append(cells)

    def found(self) -> dict[int, pa.Table]:
        """The cells by the era's index, one row a batch and group."""
        return {i: self._eras[i][0].merge(pa.concat_tables(cells), _MERGED_BY) for i, cells in self._found.items()}

    def corrections(self) -> pa.Table:
        """What each batch dropped for each group (`group_schema`)."""
        tables = [self._corrections(i, cells) for i, cells in self.found().items()]
        return pa.concat_tables([group_schema(self._slots).empty_table(), *tables], promote_options="default")

    def _corrections(self, era: int, cells: pa.Table) -> pa.Table:
        at = pa.array([self._times[version] for version in cells["version"].to_pylist()], TIME)
        schema = group_schema(self._eras[era][0].slots)
        return cells.append_column("batch_at", at).select(schema.names).cast(schema)


def batches_of(era: Era, spans: Iterable[LateSpan]) -> pa.Table:
    """The spans in which windows of the era were lost, with the watermark that lost them: a later era's batch all, but
    for an inferred one. That is in doubt: such windows are computed again as a whole."""
    lost = [(span, span.late_ms * 1000 if era.ran(span.generation) else _ALL_LATE_US)
            for span in spans
            if era.ran(span.generation) or (span.generation > era.last and not span.in_doubt)]  # fmt: skip
    return pa.table(
        {
            "version": pa.array([span.version for span, _ in lost], pa.int64()),
            "partition": pa.array([span.partition for span, _ in lost], pa.int32()),
            "start": pa.array([span.start for span, _ in lost], pa.int64()),
            "end": pa.array([span.end for span, _ in lost], pa.int64()),
            "late_us": pa.array([late_us for _, late_us in lost], pa.int64()),
        }
    )
