"""What is known of a running driver, batch by batch, and how it is told. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import inf
from typing import Final

from tideline.batch_done import BatchDone, Progress
from tideline.exporter import catalogue as series
from tideline.exporter.exposition import Exposition
from tideline.exporter.labels import added, encode

BOUNDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, inf)
"""Of the histogram of a batch's duration, in seconds."""
MOST_REASONS: Final = 50
REASONS: Final = ("null_value", "too_long", "not_utf8", "future_event", "quarantined")
"""Reasons of rejects that every format has: told from the start, so that the first one is seen to come."""


@dataclass(frozen=True)
class DriverSeen:
    """One driver's life so far. What is not known yet, or never of a person's own job, is None; times in epoch ms.

    `counted` is the newest batch whose progress was seen. `parts` are those that can fail alone, and whether they do.
    """

    stream: str
    code: str
    epoch: int
    generation: int
    started: int
    batches: int = 0
    batch: int | None = None
    durations: tuple[int, ...] = (0,) * len(BOUNDS)
    total_ms: int = 0
    last_ms: int | None = None
    at: int | None = None
    groups: int | None = None
    records: int = 0
    rejects: Mapping[str, int] = field(default_factory=dict)
    late_events: int | None = None
    late_groups: int | None = None
    counted: int = -1
    ends: Mapping[int, int] | None = None
    watermark: int | None = None
    state_groups: int | None = None
    state_bytes: int | None = None
    parts: Mapping[str, bool] = field(default_factory=dict)

    def of_metrics(self, parts: Mapping[str, bool]) -> DriverSeen:
        """A driver of metrics: it knows its rejects and late events from the first batch on."""
        return replace(self, rejects=dict.fromkeys(REASONS, 0), late_events=0, late_groups=0, parts=parts)


def after_batch(seen: DriverSeen, done: BatchDone, took_ms: int, at: int) -> DriverSeen:
    """After a batch; of one that was committed before, its records are in another driver's counters."""
    last = replace(
        seen,
        batch=done.batch,
        last_ms=took_ms,
        at=at,
        groups=done.groups,
        ends=done.ends or seen.ends,
        watermark=done.watermark_ms or None,
    )
    if not done.fresh:
        return last
    place = bisect_left(BOUNDS, took_ms / 1000)
    return replace(
        last,
        batches=seen.batches + 1,
        durations=tuple(count + (i == place) for i, count in enumerate(seen.durations)),
        total_ms=seen.total_ms + took_ms,
        records=seen.records + done.rows,
        rejects=added(seen.rejects, done.rejects, MOST_REASONS),
        late_events=seen.late_events if done.late_events is None else (seen.late_events or 0) + done.late_events,
    )


def after_progress(seen: DriverSeen, progress: Progress) -> DriverSeen:
    """Progress of a batch can come twice, and counts once."""
    if progress.batch <= seen.counted:
        return seen
    return replace(
        seen,
        counted=progress.batch,
        late_groups=(seen.late_groups or 0) + progress.dropped,
        state_groups=progress.state_groups,
        state_bytes=progress.state_bytes,
    )


def tell_driver(exposition: Exposition, seen: DriverSeen, log_ends: Mapping[int, int] | None) -> None:
    """`log_ends` are the topic's end offsets; None while the broker cannot be asked."""
    stream = seen.stream
    exposition.tell(series.DRIVER_INFO, 1, stream=stream, code=seen.code)
    exposition.tell(series.DRIVER_EPOCH, seen.epoch, stream=stream)
    exposition.tell(series.DRIVER_GENERATION, seen.generation, stream=stream)
    exposition.tell_seconds(series.DRIVER_STARTED, seen.started, stream=stream)
    exposition.tell(series.BATCHES, seen.batches, stream=stream)
    exposition.tell(series.BATCH_NUMBER, seen.batch, stream=stream)
    below = list(zip(BOUNDS, accumulate(seen.durations), strict=True))
    exposition.tell_histogram(series.BATCH_DURATION, below, seen.total_ms / 1000, stream=stream)
    exposition.tell_seconds(series.BATCH_LAST_DURATION, seen.last_ms, stream=stream)
    exposition.tell_seconds(series.BATCH_COMMITTED, seen.at, stream=stream)
    exposition.tell(series.BATCH_GROUPS, seen.groups, stream=stream)
    exposition.tell(series.RECORDS, seen.records, stream=stream)
    for reason, count in sorted(seen.rejects.items()):
        exposition.tell(series.REJECTS, count, stream=stream, reason=encode(reason))
    exposition.tell(series.LATE_EVENTS, seen.late_events, stream=stream)
    exposition.tell(series.LATE_GROUPS, seen.late_groups, stream=stream)
    for partition, backlog in sorted(backlog_of(seen.ends, log_ends).items()):
        exposition.tell(series.BACKLOG, backlog, stream=stream, partition=str(partition))
    _tell_state(exposition, seen)


def _tell_state(exposition: Exposition, seen: DriverSeen) -> None:
    stream = seen.stream
    exposition.tell_seconds(series.WATERMARK, seen.watermark, stream=stream)
    if seen.watermark is not None and seen.at is not None:
        exposition.tell_seconds(series.WATERMARK_DELAY, seen.at - seen.watermark, stream=stream)
    exposition.tell(series.STATE_GROUPS, seen.state_groups, stream=stream)
    exposition.tell(series.STATE_BYTES, seen.state_bytes, stream=stream)
    for part, fails in sorted(seen.parts.items()):
        exposition.tell(series.PART_FAILS, fails, stream=stream, part=encode(part))


def backlog_of(done: Mapping[int, int] | None, log_ends: Mapping[int, int] | None) -> dict[int, int]:
    """What each partition has beyond the last committed batch; nothing while one of the two is not known. A partition
    that no batch has read is still to be read whole."""
    if done is None or log_ends is None:
        return {}
    return {partition: max(0, end - done.get(partition, 0)) for partition, end in log_ends.items()}
