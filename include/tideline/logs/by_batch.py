"""Lines about many batches: one a batch, so that a batch's way can be followed through what corrects it."""

from __future__ import annotations

import logging

import pyarrow as pa

from tideline.logs.context import about
from tideline.versions import batch_of, generation_of

log = logging.getLogger(__name__)


def log_corrections(corrections: pa.Table, done: str) -> None:
    """What was `done` with each batch's corrections: with how many pairs of a late event and a window it dropped, in
    how many groups."""
    if not len(corrections):
        return
    by_batch = corrections.group_by("version").aggregate([("events", "sum"), ([], "count_all")]).sort_by("version")
    for row in by_batch.to_pylist():
        generation, batch = generation_of(row["version"]), batch_of(row["version"])
        with about(generation=generation, batch=batch):
            log.info(
                "batch %d of generation %d: its corrections are %s: %d late pairs in %d groups",
                batch, generation, done, row["events_sum"], row["count_all"],
            )  # fmt: skip
