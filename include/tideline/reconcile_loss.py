"""What of a reconciliation's plan Kafka no longer has, and the plan without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tideline.generations import counts_every_event
from tideline.horizon import NOTHING_US, expired_marks
from tideline.ledger import LedgerRow, Pane
from tideline.reconcile_plan import ReconcilePlan, plan_reconcile
from tideline.stream_books import StreamBooks
from tideline.tables.books import read_corrected
from tideline.unrecoverable import (
    Earliest,
    Unrecoverable,
    Window,
    correctable,
    doubtful_marks,
    lost_windows,
    split,
    unrecoverable_pairs,
)


def find_lost(books: StreamBooks, plan: ReconcilePlan, earliest: Earliest) -> tuple[Unrecoverable, ...]:
    """The windows of the plan's batches that need offsets below the earliest; marked before anything is corrected."""
    is_lost = any(start < earliest.get(at, 0) for at, spans in plan.ranges.items() for start, _ in spans)
    rows = books.rows(plan.versions) if is_lost else ()
    return split(rows, earliest, lost_windows(books.eras)).lost


def find_expired(books: StreamBooks, plan: ReconcilePlan) -> tuple[Unrecoverable, ...]:
    """The windows of the plan that have expired: their rows stay as they are, whatever still comes."""
    until_us = books.eras[-1].expired_us
    if until_us == NOTHING_US:
        return ()
    rows = books.rows(plan.versions | plan.in_doubt)
    return expired_marks(rows, books.eras)


def without_doubles(marks: Iterable[Unrecoverable]) -> tuple[Unrecoverable, ...]:
    """The first mark of each window and pane of a batch."""
    found: dict[tuple[int, str, int, int, int], Unrecoverable] = {}
    for mark in marks:
        found.setdefault((mark.version, *mark.window, mark.partition, mark.pane), mark)
    return tuple(found.values())


def find_lost_in_doubt(books: StreamBooks, windows: frozenset[Window]) -> tuple[Unrecoverable, ...]:
    """Windows in doubt that could not be computed again, for each batch that leaves them so; marked after the others
    were, and before their batches are dealt with."""
    earliest = books.look({}).earliest
    return doubtful_marks(books.ledger, windows, earliest, books.eras, read_corrected(books.tables))


def without_lost(books: StreamBooks, plan: ReconcilePlan, marks: tuple[Unrecoverable, ...]) -> ReconcilePlan:
    """The plan without the panes that have only marked windows, and without the pairs of marked windows."""
    lost = lost_windows(books.eras)
    rows = correctable(books.rows(plan.versions), marks, lost)
    rest = plan_reconcile(books.eras, rows, frozenset())

    def counted(row: LedgerRow, pane: Pane) -> Iterator[Window]:
        return (window for window in lost(row, pane) if counts_every_event(books.eras, window))

    pairs = {row.version: rest.pairs[row.version] - unrecoverable_pairs([row], marks, counted) for row in rows}
    return replace(rest, pairs=pairs)
