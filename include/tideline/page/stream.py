"""The head of a stream's page: how it is, what was said of it last, and how it came there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tideline.page.acts import Button
from tideline.page.evidence import LastVerdict, last_verdict
from tideline.page.fleet import FleetRow
from tideline.page.timeline import Timeline, timeline
from tideline.registry.rows import StreamRow, TransitionRow

SHOWN_STEPS: Final = 20
LOOKED_AT_STEPS: Final = 300
"""As many transitions as the bar of a day is made from."""


@dataclass(frozen=True)
class StreamView:
    """A stream; `steps` are its newest transitions, newest first."""

    row: FleetRow
    asked_by: str
    refused: str | None
    verdict: LastVerdict | None
    timeline: Timeline
    steps: tuple[TransitionRow, ...]
    buttons: tuple[Button, ...]
    may_nothing: bool = False
    """Whether the user may trigger none of the DAGs."""


def view_of(
    row: FleetRow,
    stream: StreamRow,
    newest_first: Sequence[TransitionRow],
    buttons: tuple[Button, ...],
    may_nothing: bool,
    now: int,
) -> StreamView:
    """The bar moves on once a minute: what does not change is not sent again."""
    return StreamView(
        row,
        stream.asked_by,
        stream.refused,
        last_verdict(newest_first),
        timeline(newest_first, -(-now // 60_000) * 60_000),
        tuple(newest_first[:SHOWN_STEPS]),
        buttons,
        may_nothing,
    )
