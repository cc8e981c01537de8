"""Many small files made few: each batch leaves a file of each kind, and who opens a table reads of them all.

Files grow in tiers: many of one tier become files of the next, so that a byte is written again once a tier and not at
every compaction. What readers of older snapshots may still hold is kept for an hour.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError

from tideline.tables.delta import commit_on_fresh_handle, exists, statistics_of
from tideline.tables.schemas import StreamTables

log = logging.getLogger(__name__)

TIERS: Final = (1 << 20, 16 << 20, 256 << 20)
MANY: Final = 32
TIDY_EVERY: Final = 100
_KEPT_HOURS: Final = 1

Partition = tuple[tuple[str, str], ...]


def target_size(sizes: Sequence[int]) -> int | None:
    """The size in bytes to compact files of these sizes to; None while no tier holds many.

    A packed file is seldom quite full, so a tier begins at half of what the one below packs to.
    """
    bounds = [0, *(tier // 2 for tier in TIERS)]
    full = [
        tier
        for tier, least, limit in zip(TIERS, bounds, bounds[1:], strict=False)
        if sum(least <= size < limit for size in sizes) >= MANY
    ]
    return full[-1] if full else None


def file_sizes(table: DeltaTable) -> Mapping[Partition, list[int]]:
    """Bytes of each live file, by the partition it is in."""
    by = table.metadata().partition_columns
    actions = statistics_of(table).to_pylist()
    sizes: dict[Partition, list[int]] = defaultdict(list)
    for action in actions:
        sizes[tuple((column, action[f"partition.{column}"]) for column in by)].append(action["size_bytes"])
    return sizes


def compact(path: Path) -> int:
    """Compacts what holds many small files; returns how many files were replaced. Writers go on beside it."""
    if not exists(path):
        return 0
    replaced = 0
    for where, sizes in file_sizes(DeltaTable(str(path))).items():
        target = target_size(sizes)
        if target is not None:
            replaced += commit_on_fresh_handle(path, partial(_optimize, where=where, target=target))
    return replaced


def _optimize(table: DeltaTable, where: Partition, target: int) -> int:
    done = table.optimize.compact(
        partition_filters=[(column, "=", value) for column, value in where] or None,
        target_size=target,
        commit_properties=CommitProperties(max_commit_retries=0),
    )
    return int(done["numFilesRemoved"])


def vacuum(path: Path) -> int:
    """Deletes files that no snapshot of the last hour holds, a killed writer's too; returns how many."""
    if not exists(path):
        return 0
    gone: list[str] = commit_on_fresh_handle(
        path, lambda table: table.vacuum(retention_hours=_KEPT_HOURS, dry_run=False, full=True)
    )
    return len(gone)


def shorten_log(path: Path) -> None:
    """Sums a table's log up in a checkpoint and removes the entries before it that have had their time."""
    if exists(path):
        table = DeltaTable(str(path))
        table.create_checkpoint()
        table.cleanup_metadata()


@dataclass(frozen=True)
class Tidied:
    """Files that were packed into fewer, and files that were deleted."""

    packed: int = 0
    deleted: int = 0


def tidy(tables: StreamTables, metrics: Sequence[str]) -> Tidied:
    """Compacts and vacuums a stream's tables. What another writer is quicker at is left for the next time."""
    packed = deleted = 0
    for path in tables.every(metrics):
        try:
            if path in tables.appended:  # a published hour is one file already
                packed += compact(path)
            deleted += vacuum(path)
        except (DeltaError, OSError) as error:
            log.warning("%s is tidied the next time: %s", path, error)
    return Tidied(packed, deleted)


def tidy_after(batch: int, tables: StreamTables, metrics: Sequence[str]) -> None:
    """The driver's share: `tidy` once in a while."""
    if batch % TIDY_EVERY == TIDY_EVERY - 1:
        tidy(tables, metrics)
