"""The table of all streams: a row a stream, what needs somebody first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tideline.keeper.lifecycle import Desired
from tideline.keeper.report import StreamSeen
from tideline.keeper.samples import Slot
from tideline.page.books import BooksSeen
from tideline.page.sparks import rates, spark
from tideline.page.tones import SIGNS, Tone, order_of, tone_of

SLOT_MS: Final = 90_000
SLOTS: Final = 40
"""A small chart shows an hour."""
RESTS_MS: Final = 60_000


@dataclass(frozen=True)
class Charts:
    """Lines of the backlog, and of the records read a second."""

    backlog: tuple[str, ...] = ()
    rate: tuple[str, ...] = ()


@dataclass(frozen=True)
class FleetRow:
    """One stream as the table shows it; times are epoch ms, None is not known or does not apply."""

    name: str
    desired: str
    state: str
    tone: Tone
    reason: str
    since: int
    epoch: int
    generation: int
    backlog: int | None
    watermark: int | None
    rate: float | None
    batch: int | None
    batch_at: int | None
    batch_ms: int | None
    restarts: int
    books: BooksSeen | None
    charts: Charts
    has_ui: bool
    troubles: tuple[str, ...]

    @property
    def sign(self) -> str:
        return SIGNS[self.tone]


@dataclass(frozen=True)
class Fleet:
    """All streams; `counts` are of their tones, the gravest first."""

    rows: tuple[FleetRow, ...]

    @property
    def counts(self) -> list[tuple[Tone, int]]:
        found = Counter(row.tone for row in self.rows)
        return [(tone, found[tone]) for tone in Tone]


def fleet_of(
    seen: Sequence[StreamSeen],
    slots: Mapping[str, Sequence[Slot]],
    restarts: Mapping[str, int],
    books: Mapping[str, BooksSeen],
    now: int,
) -> Fleet:
    """What is not in a mapping was not seen yet."""
    rows = [
        row_of(each, slots.get(each.row.name, ()), restarts.get(each.row.name, 0), books.get(each.row.name), now)
        for each in seen
    ]
    return Fleet(tuple(sorted(rows, key=lambda row: (order_of(row.tone), row.name))))


def row_of(seen: StreamSeen, slots: Sequence[Slot], restarts: int, books: BooksSeen | None, now: int) -> FleetRow:
    """One row: a stream that nobody wants running has no delay that grows."""
    row, beat, per_second = seen.row, seen.heartbeat, rates(slots)
    is_wanted = row.desired is Desired.RUNNING
    return FleetRow(
        name=row.name,
        desired=row.desired.value,
        state=row.state.value,
        tone=_tone(seen),
        reason=row.reason,
        since=row.state_since,
        epoch=row.epoch,
        generation=row.generation,
        backlog=seen.backlog,
        watermark=(seen.checkpoint.watermark or None) if is_wanted else None,
        rate=0.0 if is_wanted and _rests(seen, now) else _newest(slots, per_second, now),
        batch=seen.checkpoint.last_commit,
        batch_at=seen.checkpoint.committed_at,
        batch_ms=beat.batch_ms if beat else None,
        restarts=restarts,
        books=books,
        charts=_charts(slots, per_second, now),
        has_ui=bool(seen.ui),
        troubles=tuple(seen.told),
    )


def _tone(seen: StreamSeen) -> Tone:
    """That of its state, unless nobody looks whether it is still so."""
    unkept = Tone.BAD if seen.is_out_of_sight else Tone.WARN if seen.is_unkept else Tone.OFF
    return min(tone_of(seen.row.state, seen.row.losses), unkept, key=order_of)


def _rests(seen: StreamSeen, now: int) -> bool:
    """Whether all is read and has been for a while: the newest slot may still be of the time before."""
    committed = seen.checkpoint.committed_at
    return seen.backlog == 0 and committed is not None and now - committed > RESTS_MS


def _newest(slots: Sequence[Slot], per_second: Sequence[float | None], now: int) -> float | None:
    """The rate of the newest slot, unless that is long past."""
    return per_second[-1] if slots and now - slots[-1].at <= 2 * SLOT_MS else None


def _charts(slots: Sequence[Slot], per_second: Sequence[float | None], now: int) -> Charts:
    last = now // SLOT_MS
    numbers, first = [slot.number for slot in slots], last - SLOTS + 1
    return Charts(
        spark(numbers, [slot.backlog for slot in slots], first, last), spark(numbers, per_second, first, last)
    )
