"""Parts without a ledger row: what a batch wrote whose row was lost. The next generation reads its records again."""

from __future__ import annotations

import pyarrow.compute as pc
from deltalake import DeltaTable

from tideline.engine.cells import GROUP
from tideline.generations import Cut, Era
from tideline.tables.books import read_versions
from tideline.tables.delta import commit_on_fresh_handle, dataset_of, stamped
from tideline.tables.publication import Publication, named
from tideline.tables.published import read_published
from tideline.tables.schemas import PART_KIND, PARTS_WRITER, StreamTables


def remove_orphans(tables: StreamTables, eras: tuple[Era, ...], cut: Cut) -> int:
    """Removes the parts behind the last ledgered batch before the cut, and publishes anew what was made from them.

    They would count twice. Returns the rows that changed; a run that was cut off is completed by the next.
    """
    before = [version for version in read_versions(tables) if version < cut.version]
    last = before[-1] if before else -1
    _remove_parts(tables, last, cut.version)
    orphaned = (pc.field("part_version") > last) & (pc.field("part_version") < cut.version)
    publication, changed = Publication(tables, eras), 0
    for name in sorted({name for era in eras for name in era.spec.metrics}):
        rows = read_published(tables.published(name), orphaned)
        if rows is not None and len(rows):
            wrong = named(rows, name)
            changed += publication.publish(wrong.select(GROUP), wrong)
    return changed


def _remove_parts(tables: StreamTables, after: int, before: int) -> None:
    orphans = (pc.field("kind") == PART_KIND) & (pc.field("version") > after) & (pc.field("version") < before)

    def commit(table: DeltaTable) -> bool:
        if dataset_of(tables.parts, table).count_rows(filter=orphans):
            properties = stamped(PARTS_WRITER, table.transaction_version(PARTS_WRITER) or 0)
            table.delete(
                f"kind = '{PART_KIND}' and version > {after} and version < {before}", commit_properties=properties
            )
        return True

    commit_on_fresh_handle(tables.parts, commit)
