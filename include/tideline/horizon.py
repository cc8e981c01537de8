"""How far back a stream keeps what its rows were made of: which windows expire, and which batches' books go. Pure.

Windows that end up to the horizon are expired: nothing is computed for them any more, and their published rows stay as
they are. It moves with the clock, but never past a window that may still change, and never back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tideline.generations import Era
from tideline.lateness import EVERY_WINDOW, extra_delay_us, windows_of
from tideline.ledger import Books, LedgerRow
from tideline.unrecoverable import EXPIRED, Unrecoverable, Windows, missing_windows

if TYPE_CHECKING:
    from tideline.gaps import Gap

NOTHING_US: Final = EVERY_WINDOW.after_us
"""The horizon of a stream of which nothing has expired."""


@dataclass(frozen=True)
class Erasure:
    """One erasure, recorded at `at_ms`: windows that end up to `until_us` (us) had expired by then.

    The ledger rows up to the version `last` are gone: `batches` of them, with these `books` in sum over all erasures.
    `boundary` is the newest of them, without its panes; None before the first.
    """

    at_ms: int
    until_us: int
    last: int
    batches: int
    books: Books
    boundary: LedgerRow | None

    def holds(self, window_end_us: int) -> bool:
        """Whether a window that ends then had expired."""
        return window_end_us <= self.until_us


NOTHING_ERASED: Final = Erasure(0, NOTHING_US, -1, 0, Books(0, 0, 0, 0, 0), None)


@dataclass(frozen=True)
class Evidence:
    """What a horizon is decided by.

    `newest` is the generation that runs or begins, `last` the last ledgered batch, `waiting` the batches that dropped
    something and are not known to be dealt with, `young` the gaps in the ledger that may still be closed.
    """

    eras: Sequence[Era]
    newest: int
    last: LedgerRow | None
    waiting: Sequence[LedgerRow] = ()
    young: Sequence[Gap] = ()


@dataclass(frozen=True)
class Horizon:
    """Windows that end up to `until_us` (us) expire; `held_back` says in words why no more do, and is empty where only
    the clock limits it."""

    until_us: int
    held_back: tuple[str, ...] = ()


def decide_horizon(evidence: Evidence, now: int, keep: int, before_us: int = NOTHING_US) -> Horizon:
    """The horizon at a time `now` (ms) for what is kept for `keep` (ms); `before_us` is where it stands."""
    wanted_us = (now - keep) * 1000
    limits = [limit for limit in _limits(evidence, before_us) if limit[0] < wanted_us]
    until_us = min([wanted_us, *(us for us, _ in limits)])
    return Horizon(max(until_us, before_us), tuple(why for _, why in sorted(limits)))


def _limits(evidence: Evidence, before_us: int) -> Iterable[tuple[int, str]]:
    """How far each thing that may change a window lets the horizon come (us), and what it is."""
    last = evidence.last
    if last is None or last.generation != evidence.newest:
        yield _begun_us(evidence), f"generation {evidence.newest} has no batch yet"
    else:
        yield _closed_us(evidence.eras[-1], last), "later windows are open by the last batch's watermark"
    missing = missing_windows(evidence.eras)
    ends = [end for row in evidence.waiting for pane in row.panes for _, end in missing(row, pane) if end > before_us]
    if ends:
        yield min(ends) - 1, f"{len(evidence.waiting)} batches wait for a reconciliation, or for a person's release"
    for gap in evidence.young:
        batches = f"{gap.first} to {gap.last}"
        yield before_us, f"batches {batches} of generation {gap.generation} have no ledger row yet"


def _begun_us(evidence: Evidence) -> int:
    """A generation without a batch counts whatever it reads: of its windows none is settled."""
    return evidence.eras[-1].bounds.after_us


def _closed_us(era: Era, last: LedgerRow) -> int:
    """Up to which end (us) the next batch drops whatever comes, of every metric. That older generations had closed a
    window is not enough: one with a fresh watermark counts what it reads of it."""
    longest = max(extra_delay_us(era.spec, name) for name in era.spec.metrics)
    closed = last.watermark_ms * 1000 - longest if last.watermark_ms else NOTHING_US
    return max(closed, era.bounds.after_us)


def erasable_prefix(
    rows: Iterable[LedgerRow],
    eras: Sequence[Era],
    horizon_us: int,
    recorded_until: int,
    through: int,
    rejected: Mapping[int, int],
) -> list[LedgerRow]:
    """The leading ones of the rows that nothing needs any more.

    They were recorded up to a time (ms) and are dealt with, for which `through` is known; all windows of their events,
    whoever owns them, have expired. `rejected` has the latest end (us) of a window that a record the batch refused
    would be in, if it were an event.
    """
    found: list[LedgerRow] = []
    for row in rows:
        is_settled = row.version <= through or not (row.late_events or row.doubt_ms is not None)
        ends = (_last_end(eras, pane.pane, row.pane_ms * 1000) for pane in row.panes)
        newest = max([NOTHING_US, rejected.get(row.version, NOTHING_US), *ends])
        if row.batch_at_ms > recorded_until or not is_settled or newest > horizon_us:
            break
        found.append(row)
    return found


def _last_end(eras: Sequence[Era], time_us: int, length_us: int) -> int:
    return max(end for era in eras for _, end in windows_of(era.spec, time_us, length_us))


def expired_marks(
    rows: Iterable[LedgerRow], eras: Sequence[Era], missing: Callable[[Sequence[Era]], Windows] = missing_windows
) -> tuple[Unrecoverable, ...]:
    """Marks of the expired windows that these batches dropped events of, or may have: nothing is computed for them."""
    until_us = eras[-1].expired_us
    windows = missing(eras)
    return tuple(
        Unrecoverable(
            row.version,
            metric,
            end,
            pane.partition,
            pane.pane,
            pane.first_offset,
            pane.last_offset + 1,
            pane.events,
            EXPIRED,
        )
        for row in rows
        for pane in row.panes
        for metric, end in sorted(set(windows(row, pane)))
        if end <= until_us
    )
