"""Do the published counts tie to the ledger? For each closed window, without Kafka.

The ledger says how many events of each pane every batch read; a window that lost none of them, or got them all back,
must count as many. Left out are windows of which that cannot be said: open, pending, held, in doubt, unrecoverable,
expired, or touched by a batch that is not published yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tideline.gate.rules import Rule
from tideline.gate.suites import Frame
from tideline.generations import Era, counts_every_event, within_eras
from tideline.lateness import windows_of
from tideline.ledger import LedgerRow
from tideline.spec.measures import MeasureKind
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrected, read_eras, read_ledger
from tideline.tables.delta import last_version
from tideline.tables.published import read_published
from tideline.tables.schemas import PUBLISHED_WRITER, TIME, StreamTables
from tideline.tables.unrecoverable import read_unrecoverable

NAME: Final = "ledger"
ROW: Final = ("metric", "window_end")
RULES: Final = (
    Rule(
        "expect_column_pair_values_to_be_equal",
        {"column_A": "published_events", "column_B": "ledger_events"},
    ),
)
_SCHEMA: Final = pa.schema(
    [("metric", pa.string()), ("window_end", TIME), ("ledger_events", pa.int64()), ("published_events", pa.int64())]
)


@dataclass(frozen=True)
class Counted:
    """A metric that counts every event of its windows, and the column that does."""

    metric: str
    column: str


def counted_metrics(spec: StreamSpec) -> list[Counted]:
    """One column a metric without a condition; metrics that have no plain count are not tied."""
    found = []
    for name, metric in spec.metrics.items():
        column = next((column for column, each in metric.parsed().items() if each.kind is MeasureKind.COUNT), None)
        if column is not None and metric.where is None:
            found.append(Counted(name, column))
    return found


def ledger_frame(tables: StreamTables, spec: StreamSpec) -> Frame:
    """Of each window that can be told: what the ledger says it holds, and what is published (columns `_SCHEMA`)."""
    eras = read_eras(tables, spec)
    ledger = within_eras(eras, read_ledger(tables))  # before the tables: what they have more is left out
    corrected = read_corrected(tables)
    settled = {row.version for row in ledger if row.version in corrected}
    marked = {mark.window for mark in read_unrecoverable(tables)}
    rows = [
        row
        for counted in counted_metrics(eras[-1].spec)
        for row in _windows(tables, eras, ledger, settled, marked, counted)
    ]
    return Frame(NAME, pa.Table.from_pylist(rows, schema=_SCHEMA), RULES, ROW)


def _windows(
    tables: StreamTables,
    eras: tuple[Era, ...],
    ledger: list[LedgerRow],
    settled: set[int],
    marked: set[tuple[str, int]],
    counted: Counted,
) -> Iterable[dict[str, object]]:
    path = tables.published(counted.metric)
    seen = last_version(path, PUBLISHED_WRITER) or 0
    published = read_published(path, pc.invert(pc.field("is_open")))
    if published is None:
        return
    expected, left_out = expected_events(eras, ledger, settled, counted.metric, seen)
    sums = published.group_by("window_end").aggregate([(counted.column, "sum")])
    ends = sums["window_end"].cast(pa.int64()).to_pylist()
    for end, found in zip(ends, sums[f"{counted.column}_sum"].to_pylist(), strict=True):
        known = eras[-1].kept.hold(end) and counts_every_event(eras, (counted.metric, end))
        if known and end not in left_out and (counted.metric, end) not in marked:
            yield {
                "metric": counted.metric,
                "window_end": end,
                "ledger_events": expected[end],
                "published_events": found,
            }


def expected_events(
    eras: tuple[Era, ...], ledger: Iterable[LedgerRow], settled: set[int], metric: str, published: int
) -> tuple[Counter[int], set[int]]:
    """Events by window end (us) of the newest era's metric, and the windows of which they cannot be told.

    `settled` are the batches that are corrected; those above the version `published` are not in the table yet.
    """
    newest = eras[-1]
    events: Counter[int] = Counter()
    unknown: set[int] = set()
    for row in ledger:
        own = row.version > newest.first_version
        for pane in row.panes:
            ends = [end for name, end in windows_of(newest.spec, pane.pane, row.pane_ms * 1000) if name == metric]
            for end in ends:
                events[end] += pane.events
            if row.version > published or row.pane_ms > newest.spec.metrics[metric].pane_ms:
                unknown |= set(ends)
            elif own and row.version not in settled:
                unknown |= {end for name, end in row.lost_windows(eras, pane) if name == metric}
            unknown |= {end for name, end in row.doubtful_windows(eras, pane) if name == metric}
    return events, unknown
