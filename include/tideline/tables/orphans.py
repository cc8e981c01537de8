"""What batches left whose ledger rows were lost before a cut: the cut's generation reads their records again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from tideline.engine.cells import GROUP
from tideline.engine.relations import restrict
from tideline.generations import Cut, Era, metric_names
from tideline.ledger import LedgerRow, ends_of
from tideline.tables.books import read_cuts, read_last_row
from tideline.tables.delta import commit_on_fresh_handle, dataset_of, exists, open_dataset, stamped
from tideline.tables.detection import Detection
from tideline.tables.lost_ends import begins_beyond
from tideline.tables.newer import SEEN
from tideline.tables.publication import Publication, named
from tideline.tables.published import read_published
from tideline.tables.rejects import remove_orphaned_rejects
from tideline.tables.schemas import CORRECTIONS_WRITER, OVERRIDES_WRITER, PART_KIND, PARTS_WRITER, StreamTables
from tideline.troubles import ANOMALIES_PART, Attempt, must, table_part

_IS_PART: Final = f"kind = '{PART_KIND}'"


def remove_orphans(tables: StreamTables, eras: tuple[Era, ...], cut: Cut, attempt: Attempt = must) -> int:
    """Removes the parts, corrections and overrides of batches behind the last ledgered one before the cut.

    They would count twice. Not so where the cut begins beyond that batch: its rows were lost later, and nobody reads
    their records again. Returns the rows that changed; a run that was cut off is completed by the next.
    """
    cuts = [each for each in read_cuts(tables) if each.version <= cut.version]
    last = read_last_row(tables, up_to=cut.version)
    ledgered = -1 if last is None else last.version
    if begins_beyond(cut.starts, _ends(cuts, last)):
        remove_orphaned_rejects(tables, cut.version, cut.version)
        return 0
    remove_orphaned_rejects(tables, ledgered, cut.version)
    orphans = _Orphans(tables, ledgered, cuts, attempt)
    groups = orphans.groups(metric_names(cuts))
    if not len(groups):
        return 0
    # First without them, and then they go: while they are there a run that was cut off finds their groups again.
    wrong = _published(tables, groups)
    changed = Publication(tables, eras, orphans.others, attempt).publish(groups, wrong)
    orphans.remove()
    changed += Publication(tables, eras, attempt=attempt).publish(groups)
    attempt(ANOMALIES_PART, lambda: Detection(tables, eras, attempt).look(groups, last))
    return changed


def _ends(cuts: Sequence[Cut], last: LedgerRow | None) -> dict[int, int]:
    """Up to where the ledger knows each partition: by its last row, else from where that one's generation began."""
    if last is None:
        return cuts[-2].starts if len(cuts) > 1 else {}
    begun = next((cut.starts for cut in cuts if cut.generation == last.generation), {})
    return {**begun, **ends_of(last)}


class _Orphans:
    """The rows of versions above `after` and below the newest cut; what a cut's own windows were made of is none."""

    def __init__(self, tables: StreamTables, after: int, cuts: Sequence[Cut], attempt: Attempt) -> None:
        self._tables = tables
        self._attempt = attempt
        self._after, self._before = after, cuts[-1].version
        self._kept = [each.version for each in cuts if after < each.version < self._before]
        version = pc.field("version")
        inside = (version > after) & (version < self._before) & ~version.isin(pa.array(self._kept, pa.int64()))
        self._where, self.others = inside, ~inside

    def groups(self, metrics: Iterable[str]) -> pa.Table:
        """The groups (metric, window_end, key) that they are of, or that were published from them."""
        tables, parts = self._tables, self._where & (pc.field("kind") == PART_KIND)
        found = [_groups(tables.parts, parts), *(_groups(path, self._where) for path, _ in self._tables_beside())]
        published = (pc.field("part_version") > self._after) & (pc.field("part_version") < self._before)

        def look_at(name: str) -> None:
            rows = read_published(tables.published(name), published)
            if rows is not None:
                found.append(named(rows.select(["window_end", "key"]), name).select(GROUP))

        for name in metrics:
            self._attempt(table_part(name), partial(look_at, name))
        return pa.concat_tables([table for table in found if table is not None], promote_options="default")

    def remove(self) -> None:
        for path, writer in self._tables_beside():
            _delete(path, writer, self._where, self._sql())
        parts = self._where & (pc.field("kind") == PART_KIND)
        _delete(self._tables.parts, PARTS_WRITER, parts, f"{_IS_PART} and {self._sql()}")

    def _tables_beside(self) -> list[tuple[Path, str]]:
        return [(self._tables.corrections, CORRECTIONS_WRITER), (self._tables.overrides, OVERRIDES_WRITER)]

    def _sql(self) -> str:
        kept = "".join(f" and version <> {version}" for version in self._kept)
        return f"version > {self._after} and version < {self._before}{kept}"


def _published(tables: StreamTables, groups: pa.Table) -> pa.Table:
    """The groups' rows as they are published (columns `metric` and `SEEN`)."""
    found = []
    for name in pc.unique(groups["metric"]).to_pylist():
        own = groups.filter(pc.equal(groups["metric"], name))
        rows = read_published(tables.published(name), pc.field("window_end").isin(pc.unique(own["window_end"])))
        if rows is not None:
            found.append(restrict(named(rows.select(SEEN), name), own, GROUP))
    return pa.concat_tables(found) if found else groups.slice(0, 0)


def _groups(path: Path, where: pc.Expression) -> pa.Table | None:
    return open_dataset(path).to_table(columns=list(GROUP), filter=where) if exists(path) else None


def _delete(path: Path, writer: str, where: pc.Expression, sql: str) -> None:
    """Deletes the rows in a commit that leaves the writer's last version as it is."""

    def commit(table: DeltaTable) -> bool:
        if dataset_of(path, table).count_rows(filter=where):
            table.delete(sql, commit_properties=stamped(writer, table.transaction_version(writer) or 0))
        return True

    if exists(path):
        commit_on_fresh_handle(path, commit)
