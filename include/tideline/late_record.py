"""What a reconciliation records of the late events it reads: each beside the windows that lost it, and the alerts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import Engine
from tideline.engine.late_pairs import late_pairs
from tideline.generations import Era
from tideline.late_alerts import late_alerts
from tideline.lateness_stats import greatest_known_ms
from tideline.reconcile_plan import LateSpan
from tideline.spec.model import LateAlert
from tideline.tables.late_alerts import commit_late_alerts
from tideline.tables.late_events import (
    LATE_EVENTS,
    Outcome,
    commit_late_events,
    late_event_rows,
    of_alert_keys,
    read_late_events,
    tell_never,
    tell_outcome,
)
from tideline.tables.schemas import StreamTables
from tideline.tables.unrecoverable import withheld, withhold
from tideline.unrecoverable import Unrecoverable

log = logging.getLogger(__name__)


class LateRecord:
    """Collects the late events of a run, chunk by chunk, and writes them once all are there."""

    def __init__(self, alert: LateAlert | None, eras: Sequence[Era], spans: Iterable[LateSpan]) -> None:
        self._alert = alert
        self._facts = batch_facts(eras, spans)
        self._rows: list[pa.Table] = []

    def collect(self, engine: Engine, batches: pa.Table) -> None:
        """Takes the late pairs of the engine's chunk; `batches` is that of `Engine.late_cells`."""
        column = self._alert.key if self._alert else None
        self._rows.append(late_event_rows(late_pairs(engine, batches, self._facts, column)))

    def add(self, rows: pa.Table) -> None:
        """Takes rows of `late_events` that another record has collected."""
        self._rows.append(rows)

    def rows(self) -> pa.Table:
        return pa.concat_tables([LATE_EVENTS.empty_table(), *self._rows])

    def write(
        self, tables: StreamTables, outcome: Outcome = Outcome.CORRECTED, marks: Sequence[Unrecoverable] = ()
    ) -> int:
        """Writes late events, then alerts, both before the corrections of the same batches; returns rows written. What
        is of windows with `marks` is unrecoverable.

        A run that is killed in between is repeated whole, since only corrections mark a batch as done: late events
        that are there already are passed over, and alerts are made again from all of them.
        """
        rows = self.rows()
        if outcome is not Outcome.CORRECTED:
            rows = _with_outcome(rows, outcome)
        if marks:
            never = _with_outcome(withheld(rows, marks), Outcome.UNRECOVERABLE)
            rows = pa.concat_tables([withhold(rows, marks), never])
        written = commit_late_events(tables, rows)
        if written < len(rows):
            tell_outcome(tables, pc.unique(rows["version"]).to_pylist(), outcome)
            tell_never(tables, {(mark.version, *mark.window) for mark in marks})
        if self._alert and len(rows):
            for raised in raise_alerts(tables, self._alert, rows).to_pylist():
                log.warning(
                    "late alert: %s %s had %d late events in [%s, %s), the earliest of %s",
                    raised["alert_column"], raised["alert_key"], raised["late_event_count"],
                    raised["window_start"], raised["window_end"], raised["earliest_late_event"],
                )  # fmt: skip
        return written


def _with_outcome(rows: pa.Table, outcome: Outcome) -> pa.Table:
    at = rows.schema.get_field_index("outcome")
    return rows.set_column(at, "outcome", pa.repeat(pa.scalar(str(outcome)), len(rows)))


def raise_alerts(tables: StreamTables, alert: LateAlert, rows: pa.Table) -> pa.Table:
    """Counts again whatever these late events touch, among all that the table holds; returns the alerts new to it."""
    times, within = rows["event_time"].cast(pa.int64()), alert.within * 1000
    first = pc.min(times).as_py() // within * within
    last = pc.max(times).as_py() // within * within
    where = of_alert_keys(alert.key, pc.unique(rows["alert_key"].drop_null()), first, last + within)
    return commit_late_alerts(tables, late_alerts(read_late_events(tables, where), alert))


def batch_facts(eras: Sequence[Era], spans: Iterable[LateSpan]) -> pa.Table:
    """What a late pair says of its batch: version, known_ms (greatest event time known to it, or null), batch_at_us."""
    found = {span.version: span for span in spans}
    return pa.table(
        {
            "version": pa.array(found, pa.int64()),
            "known_ms": pa.array([_known_ms(eras, span) for span in found.values()], pa.int64()),
            "batch_at_us": pa.array([span.batch_at_ms * 1000 for span in found.values()], pa.int64()),
        }
    )


def _known_ms(eras: Sequence[Era], span: LateSpan) -> int | None:
    """By the delay of the spec that the batch ran by, not of the windows' own: theirs may be an older one."""
    delays = [era.spec.smallest_delay_ms for era in eras if era.ran(span.generation)]
    return greatest_known_ms(span.late_ms, delays[0]) if delays else None
