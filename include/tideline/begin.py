"""Begins a generation: its cut is committed before its first batch, and windows that a new spec takes over are rebuilt.

A fresh checkpoint starts with watermark 0 and would accept what was late before: the cut says which offsets, and for a
changed spec which windows, are its own. Each step may be cut off and is done again at the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

from tideline.clock import now_ms
from tideline.errors import UserError
from tideline.generations import Cut, Era, eras_of, metric_names, with_horizon, with_spec
from tideline.lateness import EVERY_WINDOW, extra_delay_us, first_end_us
from tideline.ledger import LedgerRow
from tideline.offset_ranges import OffsetRanges, outside, ranges_text
from tideline.quarantine import NOTHING, Quarantine
from tideline.recompute import Pin, ReadRanges, Window, recompute, zone_map
from tideline.rejects import kept_outside
from tideline.spec.model import StreamSpec
from tideline.tables.batch import commit_cut
from tideline.tables.books import read_cuts, read_last_row, read_ledger
from tideline.tables.corrections import commit_overrides, rebuilt_generation
from tideline.tables.delta import Superseded, last_version
from tideline.tables.erased import read_erased, read_horizon
from tideline.tables.live import LivePublisher
from tideline.tables.orphans import remove_orphans
from tideline.tables.publication import Publication
from tideline.tables.published import Claim, clear_stale, require_same_types
from tideline.tables.schemas import PARTS_WRITER, StreamTables
from tideline.times import iso_us
from tideline.troubles import Attempt, must

_TRIES = 20
_READING = ("format", "columns", "fields", "event_time")
"""What of a source decides which records are events, and when."""
_NOTHING_CLOSED_US = EVERY_WINDOW.after_us + 1
"""The bound of a cut up to which no window was closed."""


class SpecChanged(UserError):
    """The generation was begun by a spec with other numbers."""


@dataclass(frozen=True)
class Start:
    """What a generation begins with: its number and spec, the topic's id and earliest offsets, and the time.

    `first` are the offsets that the stream's first generation reads from, where they are not the earliest.
    """

    generation: int
    spec: StreamSpec
    topic_id: str
    earliest: Mapping[int, int]
    at_ms: int
    first: Mapping[int, int] = field(default_factory=dict)


def begin_generation(
    tables: StreamTables,
    start: Start,
    read: ReadRanges,
    quarantine: Quarantine = NOTHING,
    clock: Callable[[], int] = now_ms,
    attempt: Attempt = must,
) -> tuple[Cut, tuple[Era, ...]]:
    """The generation's cut, made unless it is there, and the eras with it; what it takes over is rebuilt.

    A published table whose `attempt` fails stops no generation that has begun. Superseded when a later generation has
    begun, SpecChanged when this one was begun by another spec.
    """
    cut = _cut(tables, start)
    # after the cut: a horizon that moves from then on leaves alone what this generation may count
    eras = with_horizon(with_spec(eras_of(read_cuts(tables)), start.spec), read_horizon(tables))
    remove_orphans(tables, eras, cut, attempt)
    era = eras[-1]
    if _wants_rebuild(tables, era):
        _recover_before(tables, cut)
        _rebuild(tables, eras, cut, read, quarantine, clock)
    # Also what was committed by one that was killed before it could.
    Publication(tables, eras, attempt=attempt).publish_new()
    return cut, eras


def _cut(tables: StreamTables, start: Start) -> Cut:
    for _ in range(_TRIES):
        after = last_version(tables.parts, PARTS_WRITER)
        cuts = read_cuts(tables)
        there = next((cut for cut in cuts if cut.generation == start.generation), None)
        if cuts:
            _require_newest(cuts, start.generation)
        if there is not None:
            require_same_numbers(there, start.spec)
            return there
        last = read_last_row(tables)
        _require_deployable(tables, start.spec, cuts, last)
        cut = plan_cut(start, cuts, last)
        require_rebuildable(tables, start, eras_of([*cuts, cut])[-1], cut)
        if commit_cut(tables, cut, after, -1 if last is None else last.version):
            return cut
    raise RuntimeError(f"the cut of generation {start.generation} met other commits {_TRIES} times")


def require_same_numbers(cut: Cut, spec: StreamSpec) -> None:
    if cut.spec.fingerprint() != spec.fingerprint():
        raise SpecChanged(
            f"{spec.name}: source, watermark or metrics have changed since generation {cut.generation} began",
            f"tideline deploy {spec.name} begins a new generation",
        )


def require_deployable(tables: StreamTables, spec: StreamSpec) -> None:
    """SpecChanged or ColumnChanged where a driver with this spec would be refused by what the tables hold."""
    _require_deployable(tables, spec, read_cuts(tables), read_last_row(tables))


def _require_deployable(tables: StreamTables, spec: StreamSpec, cuts: Sequence[Cut], last: LedgerRow | None) -> None:
    require_same_log(cuts, spec)
    _require_same_guard(cuts, last, spec)
    require_same_types(tables, spec)


def require_same_log(cuts: Sequence[Cut], spec: StreamSpec) -> None:
    """A stream's books are of one log: of one topic, read with one isolation level, and parsed in one way."""
    for cut in cuts:
        _require_same_reading(cut, spec, _READING)
        before, now = cut.spec.source, spec.source
        if (before.topic, before.isolation) != (now.topic, now.isolation):
            raise SpecChanged(
                f"{spec.name}: it reads {before.topic} with {before.isolation} since generation {cut.generation}, "
                f"the spec now says {now.topic} with {now.isolation}",
                "give the new spec a name of its own",
            )


def _require_same_guard(cuts: Sequence[Cut], last: LedgerRow | None, spec: StreamSpec) -> None:
    """What still comes for closed windows is judged by the driver's guard, and corrected by the spec before, which has
    its own: the two must be one. While no window is closed, a new spec takes all of them over.

    Only the newest cut is asked: an older version of this software let the guard change.
    """
    if cuts and _bound_us(eras_of(cuts)[-1], _closed_ms(cuts[-1], last)) > _NOTHING_CLOSED_US:
        _require_same_reading(cuts[-1], spec, ("max_future",))


def _require_same_reading(cut: Cut, spec: StreamSpec, names: Sequence[str]) -> None:
    changed = [name for name in names if getattr(cut.spec.source, name) != getattr(spec.source, name)]
    if changed:
        raise SpecChanged(
            f"{spec.name}: source.{changed[0]} is not what it was when generation {cut.generation} began: windows that "
            "are closed were made of records as they were read then",
            "put it back, or give the new spec a name of its own",
        )


def require_rebuildable(tables: StreamTables, start: Start, era: Era, cut: Cut) -> None:
    """Refuses, before anything is done, a spec that takes over windows of which Kafka no longer has every event, or
    that hold event times whose batches are erased."""
    ranges: OffsetRanges = {}
    if _wants_rebuild(tables, era):
        _require_kept(read_horizon(tables), era)
        ranges = _rebuild_ranges(tables, era, cut)
    missing = outside(ranges, start.earliest, {partition: spans[-1][1] for partition, spans in ranges.items()})
    if missing:
        raise SpecChanged(
            f"{start.spec.name}: the new spec takes over the windows that are open, and topic "
            f"'{start.spec.source.topic}' no longer holds what they need: {ranges_text(missing)}",
            "deploy the spec before until these windows have closed, or give the new spec a name of its own",
        )


def _require_kept(horizon_us: int | None, era: Era) -> None:
    """A new spec's window may be so long that it began before the horizon: the zone map no longer knows its events."""
    begun_us = min(
        first_end_us(metric, era.bounds.after_us) - metric.window * 1000 for metric in era.spec.metrics.values()
    )
    if horizon_us is not None and begun_us < horizon_us:
        raise SpecChanged(
            f"{era.spec.name}: the new spec takes over windows that begin at {iso_us(begun_us)}, and what was kept of "
            f"events before {iso_us(horizon_us)} is erased",
            "choose shorter windows, or give the new spec a name of its own",
        )


def _wants_rebuild(tables: StreamTables, era: Era) -> bool:
    return era.bounds.after_us > EVERY_WINDOW.after_us and rebuilt_generation(tables) < era.first


def _rebuild_ranges(tables: StreamTables, era: Era, cut: Cut) -> OffsetRanges:
    """The offsets before the cut that may hold events of the era's windows."""
    before = [row for row in read_ledger(tables) if row.version < cut.version]
    return zone_map(before, era.spec, lambda window: era.bounds.hold(window[1]))


def plan_cut(start: Start, cuts: Sequence[Cut], last: LedgerRow | None) -> Cut:
    """Where the generation begins: at the end of the last ledgered batch, or of the first one where the stream does.

    A changed spec owns what was open: every window that ends after the last one which all its metrics had closed.
    """
    before = cuts[-1] if cuts else None
    ends = {} if last is None else {part.partition: part.end for part in last.ranges}
    begun = start.first if before is None else before.starts if last is None else {}
    starts = {part: ends.get(part, begun.get(part, earliest)) for part, earliest in start.earliest.items()}
    changed = before is not None and before.spec.fingerprint() != start.spec.fingerprint()
    closed_ms = _closed_ms(before, last)
    return Cut(
        generation=start.generation,
        at_ms=start.at_ms,
        starts=starts,
        bound_us=_bound_us(eras_of(cuts)[-1], closed_ms) if changed else None,
        closed_ms=0 if changed else closed_ms,
        spec=start.spec,
        topic_id=start.topic_id,
        reason=_reason(before, changed),
    )


def _closed_ms(before: Cut | None, last: LedgerRow | None) -> int:
    """The watermark up to which the generations of one spec have closed their windows."""
    kept = before.closed_ms if before is not None else 0
    current = last is not None and (before is None or last.generation == before.generation)
    return max(kept, last.watermark_ms) if current and last is not None else kept


def _bound_us(era: Era, closed_ms: int) -> int:
    """Windows that end up to here are closed, whatever their metric's delay: at least those before the era's own."""
    longest = max(extra_delay_us(era.spec, name) for name in era.spec.metrics)
    closed_us = closed_ms * 1000 - longest if closed_ms else _NOTHING_CLOSED_US
    return max(closed_us, era.bounds.after_us)


def _reason(before: Cut | None, changed: bool) -> str:
    if before is None:
        return "first deploy"
    return "source, watermark or metrics changed" if changed else "a new checkpoint"


def _recover_before(tables: StreamTables, cut: Cut) -> None:
    """Publishes what the last driver before the cut had committed: the windows up to the bound stay as it left them."""
    last = read_last_row(tables)
    if last is None:
        return
    known = eras_of(each for each in read_cuts(tables) if each.generation <= last.generation)
    with suppress(Superseded):  # a rebuild that was cut off had come further
        LivePublisher(tables, known, last.generation).recover()


def _rebuild(
    tables: StreamTables,
    eras: Sequence[Era],
    cut: Cut,
    read: ReadRanges,
    quarantine: Quarantine,
    clock: Callable[[], int],
) -> None:
    """Makes the windows after the bound the new spec's, from every record before the cut's offsets.

    Two drivers may do it at once, and one of them late: nothing that was made from the cut or later is touched.
    """
    era, claim = eras[-1], Claim.of(eras[-1], eras)

    def wants(window: Window) -> bool:
        return era.bounds.hold(window[1])

    ranges = _rebuild_ranges(tables, era, cut)
    refused = kept_outside(tables, ranges, cut.version, quarantine, read_erased(tables).last)
    groups = recompute(era, chain(read(ranges), refused), wants, Pin(cut.version, cut.at_ms))
    cuts = read_cuts(tables)
    _require_newest(cuts, cut.generation)
    for name in metric_names(cuts):
        clear_stale(tables.published(name), claim, cut.version)
    commit_overrides(tables, groups, rebuilt=cut.generation, clock=clock)


def _require_newest(cuts: Sequence[Cut], generation: int) -> None:
    if cuts[-1].generation > generation:
        raise Superseded(f"generation {generation} is behind {cuts[-1].generation}")
