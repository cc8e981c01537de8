"""What a batch costs at the tables, with an hour's windows in them and with 30 days'.

Two streams of the same spec, the same rows a window and the same batches are measured in turns, so that whatever else
the machine does hits both. A batch is its commit to `parts` and the publication of its groups, without Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import pyarrow as pa
from deltalake import write_deltalake

from tideline.bench.history import Groups, append_history, ledger_row, watermark_at
from tideline.engine.publish import Publisher, published_schema
from tideline.generations import only_era
from tideline.home import PROJECT_SPECS
from tideline.spec.load import find_spec, load_spec
from tideline.spec.model import StreamSpec
from tideline.tables.batch import commit_batch, group_rows
from tideline.tables.delta import make_table
from tideline.tables.live import LivePublisher
from tideline.tables.published import HOUR
from tideline.tables.schemas import StreamTables

NOW: Final = datetime(2026, 1, 31, 10, 55, tzinfo=UTC)
HOUR_OF_TIME: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Size:
    """How much the tables hold: windows of how long a time, and batches before."""

    span: timedelta
    batches: int


@dataclass(frozen=True)
class Plan:
    """What is compared, by how many batches each, after some that warm up; `keys` groups a window where it has keys."""

    small: Size = Size(HOUR_OF_TIME, 360)
    large: Size = Size(timedelta(days=30), 20_000)
    rounds: int = 40
    warm_up: int = 5
    keys: int = 20


@dataclass(frozen=True)
class BatchCost:
    """Median milliseconds of a batch at the tables; `ratio` is the median of those of the batches of each round.

    What slows the machine down slows both batches of a round, so it hits their ratio less than that of the medians.
    """

    hour_ms: float
    month_ms: float
    ratio: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_batch_cost(
    root: Path,
    spec: StreamSpec,
    plan: Plan = Plan(),
    clock: Callable[[], float] = perf_counter,
    progress: Callable[[str], None] = lambda _: None,
) -> BatchCost:
    """Builds both streams' tables under `root` and measures them in turns; ratio = large / small."""
    writers = []
    for name, size in (("hour", plan.small), ("month", plan.large)):
        progress(f"building tables with {size.span} of windows and {size.batches} batches")
        writers.append(_Writer(StreamTables(root / name), spec, plan.keys, size))
    progress(f"measuring {plan.rounds} batches each, in turns")
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(plan.warm_up + plan.rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            before = clock()
            writers[which].batch()
            took[which].append((clock() - before) * 1000)
    return cost_of(*(each[plan.warm_up :] for each in took))


def cost_of(small: Sequence[float], large: Sequence[float]) -> BatchCost:
    """From the milliseconds of both sides' batches, round by round."""
    ratio = median(of_large / of_small for of_small, of_large in zip(small, large, strict=True))
    return BatchCost(round(median(small), 2), round(median(large), 2), round(ratio, 3))


def bench_spec() -> StreamSpec:
    """The project's own, wherever the user's specs are: costs are compared from one machine and day to another."""
    return load_spec(find_spec("log-metrics", PROJECT_SPECS))


class _Writer:
    """One stream with a history, and the next batches of it."""

    def __init__(self, tables: StreamTables, spec: StreamSpec, keys: int, size: Size) -> None:
        self._tables = tables
        self._groups = Groups(spec, keys)
        self._next = append_history(tables, self._groups, NOW, size.batches)
        publish_history(tables, spec, self._groups, size.span)
        self._publisher = LivePublisher(tables, only_era(spec), 1)
        self._publisher.recover()
        self._touched = self._groups.between(NOW - timedelta(minutes=2), NOW)

    def batch(self) -> None:
        """A batch that touches the windows of the last two minutes."""
        row = ledger_row(self._next, NOW)
        self._next += 1
        commit_batch(self._tables, self._groups.slots, self._touched, row)
        parts = group_rows(self._groups.slots, self._touched, row.version, row.batch_at_ms)
        if self._publisher.publish(parts, row) == 0:
            raise RuntimeError("the batch published nothing: what was measured is no batch")


def publish_history(tables: StreamTables, spec: StreamSpec, groups: Groups, span: timedelta) -> None:
    """Publishes every window of `span` before NOW as version 0, a file an hour as the writer leaves it."""
    publisher = Publisher(spec)
    days: dict[str, list[pa.Table]] = {name: [] for name in spec.metrics}
    for start, end in _days(NOW - span, NOW):
        for name, rows in publisher.finish(groups.finished(start, end), watermark_at(NOW)).items():
            days[name].append(rows)
    for name, tables_of_days in days.items():
        make_table(tables.published(name), published_schema(spec, name), [HOUR])
        rows = pa.concat_tables(tables_of_days)
        write_deltalake(str(tables.published(name)), rows, mode="append", partition_by=[HOUR])


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + timedelta(days=1), end)
        start += timedelta(days=1)
