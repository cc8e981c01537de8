"""How windows that must be recomputed are told, and the command that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tideline.times import iso_us

if TYPE_CHECKING:
    from tideline.event_windows import Recomputation


def needs_as_text(stream: str, needs: Recomputation) -> list[str]:
    """What must be recomputed, a line each for closed and open windows; nothing if nothing must."""
    lines = []
    closed, still_open = len(needs.closed), len(needs.still_open)
    if needs.covers:
        start, end = map(iso_us, needs.covers)
        lines.append(f"windows to recompute: {closed}; run: tideline backfill {stream} --from {start} --to {end}")
    if still_open:
        lines.append(f"windows still open: {still_open}; recompute them once they are closed")
    return lines


def needs_as_dict(needs: Recomputation) -> dict[str, object]:
    """Closed and open windows as {"metric", "window_end"}, and the event time that the closed ones cover."""
    start, end = map(iso_us, needs.covers) if needs.covers else (None, None)
    return {
        "windows": [_window(*window) for window in sorted(needs.closed)],
        "open_windows": [_window(*window) for window in sorted(needs.still_open)],
        "from": start,
        "to": end,
    }


def _window(metric: str, end_us: int) -> dict[str, str]:
    return {"metric": metric, "window_end": iso_us(end_us)}
