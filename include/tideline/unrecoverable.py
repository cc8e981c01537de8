"""Which windows can never be corrected: Kafka no longer has their events, or they have expired. Pure.

A late pane whose first offset lies below the earliest of its partition has lost events for good. The windows that its
batch dropped and that hold the pane are unrecoverable for this batch: nothing is corrected in them, for any key, and
they are marked. All other windows of the batch are corrected as usual: a window is computed whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from tideline.generations import Era
from tideline.lateness import windows_of
from tideline.ledger import Books, LedgerRow, Pane

Window = tuple[str, int]
"""A metric and a window's end in us."""
Windows = Callable[[LedgerRow, Pane], Iterable[Window]]
"""Windows of a batch's pane: those that hold it, or those of them that the batch dropped it from."""
Earliest = Mapping[int, int]
"""The first offset that is still there, by partition; 0 where it is not named."""
GONE: Final = "gone"
EXPIRED: Final = "expired"
"""Why a window is marked: Kafka no longer has its events, or what it was made of was erased."""


@dataclass(frozen=True, order=True)
class Unrecoverable:
    """A window in which the batch `version` corrects nothing, since [start, end) of a pane it dropped are gone, or the
    window has expired: `reason`.

    `events` are the pane's; some of them can still be there.
    """

    version: int
    metric: str
    window_end_us: int
    partition: int
    pane: int
    start: int
    end: int
    events: int
    reason: str = GONE

    @property
    def window(self) -> Window:
        return self.metric, self.window_end_us


@dataclass(frozen=True)
class Split:
    """Batches with the late panes that can be corrected whole or in part, and the marks of what cannot be."""

    rows: tuple[LedgerRow, ...]
    lost: tuple[Unrecoverable, ...]


def holding_windows(eras: Sequence[Era]) -> Windows:
    """Every window of every metric, by the spec that owns it, that holds an event of a pane, late or not."""

    def windows(row: LedgerRow, pane: Pane) -> Iterator[Window]:
        for era in eras:
            held = windows_of(era.spec, pane.pane, row.pane_ms * 1000)
            yield from (window for window in held if era.bounds.hold(window[1]))

    return windows


def lost_windows(eras: Sequence[Era]) -> Windows:
    """The windows from which a batch dropped a pane's events."""
    return lambda row, pane: row.lost_windows(eras, pane)


def missing_windows(eras: Sequence[Era]) -> Windows:
    """The windows that lack a pane's events, or may lack them: what a batch has to be planned for."""
    return lambda row, pane: chain(row.lost_windows(eras, pane), row.doubtful_windows(eras, pane))


def is_gone(pane: Pane, earliest: Earliest) -> bool:
    """Whether Kafka has removed an event of the pane: its first offset holds one."""
    return pane.first_offset < earliest.get(pane.partition, 0)


def marks_of(row: LedgerRow, earliest: Earliest, lost: Windows) -> Iterator[Unrecoverable]:
    """The windows of one batch that cannot be corrected any more, one mark for each pane that is gone."""
    for pane in row.panes:
        if is_gone(pane, earliest):
            end = min(pane.last_offset + 1, earliest[pane.partition])
            for metric, window_end in lost(row, pane):
                yield Unrecoverable(
                    row.version, metric, window_end, pane.partition, pane.pane, pane.first_offset, end, pane.events
                )


def doubtful_marks(
    rows: Sequence[LedgerRow], windows: Set[Window], earliest: Earliest, eras: Sequence[Era], dealt_with: Container[int]
) -> tuple[Unrecoverable, ...]:
    """Marks of windows in doubt that cannot be computed again, with the panes, of whatever batch, that are gone.

    A mark stands for each inferred row of `rows`, but those dealt with, that leaves the window in doubt.
    """
    unsure = [row for row in rows if row.doubt_ms is not None and row.version not in dealt_with]
    doubts = {(row.version, w) for row in unsure for pane in row.panes for w in row.doubtful_windows(eras, pane)}
    found: dict[tuple[int, Window, int, int], Unrecoverable] = {}
    holding = holding_windows(eras)
    for row in rows:
        for pane in (pane for pane in row.panes if is_gone(pane, earliest)):
            held = windows & set(holding(row, pane))
            for version, window in ((version, window) for version, window in doubts if window in held):
                end = min(pane.last_offset + 1, earliest[pane.partition])
                place = pane.partition, pane.pane
                mark = Unrecoverable(version, *window, *place, pane.first_offset, end, pane.events)
                found[version, window, *place] = _joined(found.get((version, window, *place), mark), mark)
    return tuple(sorted(found.values()))


def _joined(one: Unrecoverable, other: Unrecoverable) -> Unrecoverable:
    """Two batches' marks of one pane."""
    if one is other:
        return one
    start, end = min(one.start, other.start), max(one.end, other.end)
    return replace(one, start=start, end=end, events=one.events + other.events)


def split(rows: Iterable[LedgerRow], earliest: Earliest, lost: Windows) -> Split:
    """Parts what can be corrected of batches from what cannot: plan from `rows`, `withhold` the windows of `lost`.

    A row is left with the panes that have a window to correct; a batch that has none is left out.
    """
    found = tuple(rows)
    marks = tuple(mark for row in found for mark in sorted(marks_of(row, earliest, lost)))
    return Split(correctable(found, marks, lost), marks)


def correctable(rows: Iterable[LedgerRow], marks: Iterable[Unrecoverable], lost: Windows) -> tuple[LedgerRow, ...]:
    """The batches with the panes that have a window which is not marked; those without any are left out."""
    marked = windows_by_version(marks)
    kept = (replace(row, panes=_correctable(row, marked, lost)) if row.version in marked else row for row in rows)
    return tuple(row for row in kept if row.panes)


def _correctable(row: LedgerRow, marked: Mapping[int, Set[Window]], lost: Windows) -> tuple[Pane, ...]:
    windows = marked.get(row.version, frozenset())
    return tuple(pane for pane in row.panes if any(window not in windows for window in lost(row, pane)))


def windows_by_version(marks: Iterable[Unrecoverable]) -> dict[int, set[Window]]:
    """The marked windows of each batch."""
    found: dict[int, set[Window]] = {}
    for mark in marks:
        found.setdefault(mark.version, set()).add(mark.window)
    return found


def standing(marks: Iterable[Unrecoverable], corrected: Set[tuple[int, str, int]]) -> tuple[Unrecoverable, ...]:
    """The marks that count: a window with corrections (version, metric, window end) by the same batch is whole.

    Of two reconcilers at once the later can find less in Kafka, and mark what the other still read.
    """
    return tuple(mark for mark in marks if (mark.version, *mark.window) not in corrected)


def without_more(rows: Iterable[LedgerRow], marks: Iterable[Unrecoverable], lost: Windows) -> frozenset[int]:
    """The batches all of whose dropped windows are marked: dealt with, though they have no corrections.

    A batch with some marks and no corrections is not: a run was killed between the two.
    """
    marked = windows_by_version(marks)
    return frozenset(row.version for row in rows if row.version in marked and not _correctable(row, marked, lost))


def unrecoverable_events(rows: Iterable[LedgerRow], marks: Iterable[Unrecoverable], lost: Windows) -> int:
    """Late events that some window never gets: `late = corrected + pending + unrecoverable`, each counted once.

    Those of a pane that is still there count too where a window they share with a pane that is gone is marked.
    """
    marked = windows_by_version(marks)
    return sum(
        pane.events
        for row in rows
        for windows in (marked.get(row.version, set()),)
        for pane in row.panes
        if windows and any(window in windows for window in lost(row, pane))
    )


def with_unrecoverable(books: Books, rows: Iterable[LedgerRow], marks: Sequence[Unrecoverable], lost: Windows) -> Books:
    """The books with the late events of corrected batches (`rows`) that some window never gets told apart."""
    never = unrecoverable_events(rows, marks, lost) if marks else 0
    return replace(books, corrected=books.corrected - never, unrecoverable=never)


def unrecoverable_pairs(rows: Iterable[LedgerRow], marks: Iterable[Unrecoverable], lost: Windows) -> int:
    """The (event, window) pairs that the log had and no correction holds."""
    marked = windows_by_version(marks)
    return sum(
        pane.events
        for row in rows
        for pane in row.panes
        for window in lost(row, pane)
        if window in marked.get(row.version, set())
    )
