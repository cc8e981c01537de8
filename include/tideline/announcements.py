"""What a table announces: up to when its windows are closed, and which closed windows were computed again. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tideline.generations import Era
from tideline.lateness import extra_delay_us
from tideline.ledger import LedgerRow
from tideline.spec.model import StreamSpec
from tideline.times import iso_us

Window = tuple[str, int]
"""Metric, and the window's end in us."""


class Event(StrEnum):
    """The two things there are to announce."""

    COMPLETE = "complete"
    CORRECTED = "corrected"


@dataclass(frozen=True)
class Announcement:
    """`complete`: all windows that end up to `until_us` are closed, those up to `since_us` were before (None: nothing
    was announced). `corrected`: windows that begin in [`since_us`, `until_us`) were computed again."""

    metric: str
    event: Event
    since_us: int | None
    until_us: int

    def as_extra(self) -> dict[str, str | None]:
        """As an asset's event holds it."""
        since = None if self.since_us is None else iso_us(self.since_us)
        return {"event": self.event.value, f"{self.event}_from": since, f"{self.event}_to": iso_us(self.until_us)}


def closed_ms(row: LedgerRow, last_commit: int | None) -> int:
    """The watermark by which the tables' windows are closed; `last_commit` is the last of the row's generation in its
    checkpoint. A batch is in the ledger before it is published, and in the checkpoint after."""
    return row.watermark_ms if last_commit is not None and last_commit >= row.batch else row.late_ms


def complete_to_us(spec: StreamSpec, metric: str, watermark_ms: int) -> int | None:
    """The end of the metric's last window that a watermark has closed; None before there is a watermark."""
    if watermark_ms <= 0:
        return None
    window, slide = spec.metrics[metric].window * 1000, spec.metrics[metric].slide_ms * 1000
    limit = watermark_ms * 1000 - extra_delay_us(spec, metric)
    return (limit - window) // slide * slide + window


def completions(
    spec: StreamSpec, watermark_ms: int, told: Mapping[str, int], behind: Container[str] = frozenset()
) -> Iterator[Announcement]:
    """Of each metric that is closed further than was `told`; a table that is `behind` says nothing."""
    for metric in spec.metrics:
        until = complete_to_us(spec, metric, watermark_ms)
        since = told.get(metric)
        if until is not None and metric not in behind and (since is None or until > since):
            yield Announcement(metric, Event.COMPLETE, since, until)


def corrected(eras: Sequence[Era], windows: Iterable[Window]) -> list[Announcement]:
    """One a metric, from the first to after the last of its windows that were computed again."""
    found: dict[str, tuple[int, int]] = {}
    for metric, end in windows:
        for era in eras:
            if metric in era.spec.metrics and era.bounds.hold(end):
                start = end - era.spec.metrics[metric].window * 1000
                after = start + era.spec.metrics[metric].slide_ms * 1000
                least, greatest = found.get(metric, (start, after))
                found[metric] = (min(least, start), max(greatest, after))
    return [Announcement(metric, Event.CORRECTED, since, until) for metric, (since, until) in sorted(found.items())]
