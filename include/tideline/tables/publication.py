"""Publishes groups from all their inputs, and looks again for newer ones until there are none.

Every writer commits its own input first and reads the others' afterwards, so the one that commits last sees all. What
came in while it wrote is found by the sequence of corrections and overrides, and published again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from tideline.engine.cells import GROUP
from tideline.engine.publish import Publisher
from tideline.engine.relations import restrict, within
from tideline.generations import Era, eras_of, with_horizon, with_spec
from tideline.ledger import LedgerRow
from tideline.tables.books import Inputs, read_cuts, read_groups, read_inputs, read_last_row
from tideline.tables.delta import Superseded, last_version, stamp
from tideline.tables.detection import Detection
from tideline.tables.erased import read_horizon
from tideline.tables.published import Claim, Published, write_published
from tideline.tables.schemas import CORRECTIONS_WRITER, OVERRIDES_WRITER, TIME, StreamTables
from tideline.troubles import ANOMALIES_PART, Attempt, must, table_part

_ROUNDS = 20
_DONE = "tideline-published"
"""The transaction on corrections and overrides that tells up to which sequence all is published."""


class Publication:
    """Publishes any groups of a stream; `metric, window_end, key` name a group.

    `only` leaves out inputs that do not satisfy it. A table whose `attempt` fails is left behind, and named in
    `failed`; the others go on.
    """

    def __init__(
        self,
        tables: StreamTables,
        eras: Sequence[Era],
        only: pc.Expression | None = None,
        attempt: Attempt = must,
        failed: set[str] | None = None,
    ) -> None:
        self._tables = tables
        self._only = only
        self._eras = eras
        self._attempt = attempt
        self.failed: set[str] = set() if failed is None else failed
        self._publishers = {era.first: Publisher(era.spec, era.first_version) for era in eras}
        self._claims = {era.first: Claim.of(era, eras) for era in eras}

    def preview(self, corrections: pa.Table) -> list[tuple[Era, str, pa.Table]]:
        """The rows, by era and metric, that would be published if these corrections (`group_schema`) were written."""
        last = read_last_row(self._tables)
        found = []
        for era in self._eras:
            added = within(corrections, era.kept).filter(pc.field("version") >= era.first_version)
            if len(added):
                inputs = self._inputs(era, added)
                own = added.select([name for name in inputs.corrections.column_names if name in added.column_names])
                every = pa.concat_tables([inputs.corrections, own], promote_options="default")
                merged = self._publishers[era.first].merge(inputs.parts, every, inputs.overrides)
                rows = self._publishers[era.first].finish(merged, era.watermark_ms(last))
                found += [(era, name, each) for name, each in rows.items() if len(each)]
        return found

    def publish_new(self) -> int:
        """Publishes every group that corrections or overrides were added to since the last time; the rows changed.

        Where something fails, all of them are published again the next time.
        """
        sequences = self._sequences()
        new = {path: last_version(path, _DONE) or 0 for path, sequence in sequences.items() if sequence}
        added = [read_groups(path, done) for path, done in new.items() if sequences[path] > done]
        groups = _distinct([table for table in added if table is not None])
        changed = self.publish(groups)
        detection = Detection(self._tables, self._eras, self._attempt)
        if not self._attempt(ANOMALIES_PART, lambda: detection.look(groups, read_last_row(self._tables))):
            self.failed.add(ANOMALIES_PART)
        for path, done in new.items():
            if sequences[path] > done and not self.failed:
                stamp(path, _DONE, sequences[path])
        return changed

    def publish(self, groups: pa.Table, wrong: pa.Table | None = None) -> int:
        """Publishes the groups, until no input is newer than what was published; returns the rows changed.

        Rows still as `wrong` tells (columns `metric` and `SEEN`), made from inputs that are lost, give way to anything.
        """
        changed, left, every = 0, _distinct([groups]), groups
        for _ in range(_ROUNDS):
            if not len(left):
                return changed + self._publish_again_if_taken_over(every)
            before = self._sequences()
            try:
                done, behind = self._write(left, wrong)
            except Superseded:
                later = self._later()
                if later is self:
                    raise
                return changed + later.publish(every)
            changed += done
            newer = [read_groups(path, sequence) for path, sequence in before.items()]
            touched = [restrict(left, table, GROUP) for table in newer if table is not None and len(table)]
            left = _distinct([*touched, behind])
            wrong = behind  # what is ahead of all inputs there are, and does not change, lacks inputs that are lost
        raise RuntimeError(f"the published tables under {self._tables.root} were still behind after {_ROUNDS} rounds")

    def _publish_again_if_taken_over(self, groups: pa.Table) -> int:
        """A generation may have begun meanwhile: what this one wrote of windows that it took over is undone."""
        later = self._later() if len(groups) else self
        return 0 if later is self else later.publish(groups)

    def _later(self) -> Publication:
        """This one, or one that knows the generations that have begun since."""
        eras = with_spec(eras_of(read_cuts(self._tables)), self._eras[-1].spec)
        if not eras or eras[-1].last <= self._eras[-1].last:
            return self
        eras = with_horizon(eras, read_horizon(self._tables))
        return Publication(self._tables, eras, attempt=self._attempt, failed=self.failed)

    def _write(self, groups: pa.Table, wrong: pa.Table | None) -> tuple[int, pa.Table]:
        """The rows changed, and the published rows (`metric` and `SEEN`) that are ahead in something."""
        last = read_last_row(self._tables)
        changed, behind = 0, [_SEEN_SCHEMA.empty_table()]
        for era in self._eras:
            of_era = within(groups, era.kept)
            for name, written in self._publish_era(era, of_era, last, wrong).items():
                changed += written.changed
                behind.append(named(written.undecided, name).select(_SEEN_SCHEMA.names).cast(_SEEN_SCHEMA))
        return changed, pa.concat_tables(behind)

    def _publish_era(
        self, era: Era, groups: pa.Table, last: LedgerRow | None, wrong: pa.Table | None
    ) -> dict[str, Published]:
        publisher, claim = self._publishers[era.first], self._claims[era.first]
        inputs = self._inputs(era, groups)
        merged = publisher.merge(inputs.parts, inputs.corrections, inputs.overrides)
        watermark = era.watermark_ms(last)
        held = pc.greater(merged["events"], 0)
        absent = _without_inputs(restrict(groups, merged, GROUP, present=False), merged.schema)
        rows = publisher.finish(merged.filter(held), watermark)
        gone = publisher.finish(pa.concat_tables([merged.filter(pc.invert(held)), absent]), watermark)
        written: dict[str, Published] = {}

        def write(name: str) -> None:
            written[name] = write_published(
                self._tables.published(name),
                rows[name],
                gone=gone[name],
                claim=claim,
                wrong=None if wrong is None else wrong.filter(pc.equal(wrong["metric"], name)),
            )

        for name in rows:
            if (len(rows[name]) or len(gone[name])) and not self._attempt(table_part(name), partial(write, name)):
                self.failed.add(table_part(name))
        return written

    def _inputs(self, era: Era, groups: pa.Table) -> Inputs:
        windows = pc.field("window_end").isin(pc.unique(groups["window_end"]))
        wanted = windows & (pc.field("version") < self._claims[era.first].until)
        wanted = wanted if self._only is None else wanted & self._only
        return of_groups(read_inputs(self._tables, era, wanted), groups)

    def _sequences(self) -> dict[Path, int]:
        paths = {self._tables.corrections: CORRECTIONS_WRITER, self._tables.overrides: OVERRIDES_WRITER}
        return {path: last_version(path, writer) or 0 for path, writer in paths.items()}


def published_through(tables: StreamTables) -> dict[str, int]:
    """Up to which sequence all corrections and overrides are published, by the table's name; 0 before the first."""
    return {path.name: last_version(path, _DONE) or 0 for path in (tables.corrections, tables.overrides)}


def of_groups(inputs: Inputs, groups: pa.Table) -> Inputs:
    return Inputs(
        restrict(inputs.parts, groups, GROUP),
        corrections=restrict(inputs.corrections, groups, GROUP),
        overrides=restrict(inputs.overrides, groups, GROUP),
    )


def _without_inputs(groups: pa.Table, schema: pa.Schema) -> pa.Table:
    """Groups that nothing is left of, as merged rows older than any: only rows that are wrong or stale give way."""
    count = len(groups)
    zero = {name: pa.repeat(pa.scalar(0, pa.int64()), count) for name in ("events", "part_version", "revision")}
    known = zero | {name: groups[name] for name in GROUP}
    columns = [known.get(field.name, pa.nulls(count, field.type)) for field in schema]
    return pa.table([column.cast(field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)


def named(groups: pa.Table, metric: str) -> pa.Table:
    return groups.append_column("metric", pa.repeat(metric, len(groups)))


_GROUP_SCHEMA = pa.schema([("metric", pa.string()), ("window_end", TIME), ("key", pa.string())])
_SEEN_SCHEMA = pa.schema(
    [
        *_GROUP_SCHEMA,
        ("window_start", TIME),
        ("part_version", pa.int64()),
        ("revision", pa.int64()),
    ]
)


def _distinct(tables: Sequence[pa.Table]) -> pa.Table:
    """The groups of all tables, each once."""
    if not tables:
        return _GROUP_SCHEMA.empty_table()
    groups = pa.concat_tables([table.select(_GROUP_SCHEMA.names).cast(_GROUP_SCHEMA) for table in tables])
    return groups.group_by(_GROUP_SCHEMA.names).aggregate([])
