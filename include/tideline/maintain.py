"""`tideline maintain`: files packed, what has expired erased, deleted files removed from disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tideline.checkpoint import CheckpointLog
from tideline.clock import now_ms
from tideline.durations import format_duration
from tideline.erase import Place, Removed, erase, preview
from tideline.generations import metric_names
from tideline.home import Home
from tideline.horizon import NOTHING_US, Horizon
from tideline.stream_books import deployed_spec
from tideline.tables.books import read_cuts
from tideline.tables.compaction import Tidied, shorten_log, tidy
from tideline.tables.schemas import StreamTables
from tideline.times import iso_us


@dataclass(frozen=True)
class Maintenance:
    """What was done for a stream, or would be (`tidied` is None then); `keep` is the spec's, in ms."""

    stream: str
    keep: int | None
    horizon: Horizon
    removed: Removed
    tidied: Tidied | None = None

    def as_dict(self) -> dict[str, Any]:
        until_us = self.horizon.until_us
        tidied = {} if self.tidied is None else {"packed": self.tidied.packed, "deleted": self.tidied.deleted}
        return {
            "stream": self.stream,
            "keep": None if self.keep is None else format_duration(self.keep),
            "expired_until": None if until_us == NOTHING_US else iso_us(until_us),
            "held_back": list(self.horizon.held_back),
            "erased": {"batches": self.removed.batches, **self.removed.rows},
            **({"files": tidied} if tidied else {}),
        }


def maintain_stream(
    home: Home,
    stream: str,
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], int] = now_ms,
) -> Maintenance:
    """Erases what the stream no longer keeps, and tidies its tables; neither broker nor driver is asked.

    UserError for a stream without metrics, or never deployed; Refused where published rows are not what their inputs
    give: then nothing is erased.
    """
    spec, tables = deployed_spec(home, stream), StreamTables(home.tables(stream))
    cuts = read_cuts(tables)
    checkpoint = home.stream(stream).checkpoint(cuts[-1].generation if cuts else 1)
    place = Place(tables, spec, CheckpointLog(checkpoint).last_commit(), clock())
    if dry_run:
        return Maintenance(stream, spec.keep, *preview(place))
    horizon, removed = erase(place, lambda step: progress(f"{stream}: {step}"))
    metrics = sorted({*metric_names(cuts), *spec.metrics})
    tidied = tidy(tables, metrics)
    for path in tables.every(metrics):
        shorten_log(path)
    return Maintenance(stream, spec.keep, horizon, removed, tidied)
