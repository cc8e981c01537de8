"""The rule by which Spark drops late events, as pure functions.

Let E(N) be `batchWatermarkMs` of the checkpoint's `offsets/N`. Micro-batch N drops an (event, window) pair exactly
if `drop_at <= L(N)`, where L(N) = E(N-1), L(0) = 0, and `drop_at` is the window's end plus the metric's delay less
the smallest delay of the stream. A window is closed once its `drop_at <= E(N)`. All times are in microseconds,
watermarks in milliseconds as Spark records them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from typing import Final

from tideline.spec.model import Metric, StreamSpec


@dataclass(frozen=True)
class Bounds:
    """The windows whose end (us) lies after `after_us` and not after `until_us`."""

    after_us: int
    until_us: int

    def hold(self, window_end_us: int) -> bool:
        return self.after_us < window_end_us <= self.until_us


EVERY_WINDOW: Final = Bounds(-(1 << 62), 1 << 62)
OVER_MS: Final = 1 << 50
"""A watermark that has passed every window."""


def extra_delay_us(spec: StreamSpec, metric: str) -> int:
    """What a metric's windows are kept beyond the stream's smallest delay."""
    return (spec.delay_ms(metric) - spec.smallest_delay_ms) * 1000


def pane_ms(*specs: StreamSpec) -> int:
    """The longest stretch of event time whose events share all their windows, of all the specs."""
    return gcd(*(metric.pane_ms for spec in specs for metric in spec.metrics.values()))


def windows_of(spec: StreamSpec, time_us: int, length_us: int = 1) -> Iterator[tuple[str, int]]:
    """(metric, window end in us) of every window that holds a time, or touches the stretch that begins at it."""
    for name, metric in spec.metrics.items():
        slide = metric.slide_ms * 1000
        newest = (time_us + length_us - 1) // slide * slide
        for end in range(first_end_us(metric, time_us), newest + metric.window * 1000 + 1, slide):
            yield name, end


def first_drop_at_us(spec: StreamSpec, pane_us: int) -> int:
    """The least `drop_at` of any window of any metric that holds the pane beginning at `pane_us`."""
    return min(first_end_us(metric, pane_us) + extra_delay_us(spec, name) for name, metric in spec.metrics.items())


def first_end_us(metric: Metric, time_us: int) -> int:
    """The end of the first window that holds a time: windows begin at whole multiples of the slide."""
    slide = metric.slide_ms * 1000
    return time_us + slide - (time_us - metric.window * 1000) % slide


def is_dropped(drop_at_us: int, late_watermark_ms: int) -> bool:
    """Whether a pair with this `drop_at` was dropped by a batch that filtered with L(N)."""
    return drop_at_us <= late_watermark_ms * 1000


def dropped_windows(
    spec: StreamSpec,
    pane_us: int,
    late_watermark_ms: int,
    bounds: Bounds = EVERY_WINDOW,
    expired_us: int = EVERY_WINDOW.after_us,
) -> Iterator[tuple[str, int]]:
    """(metric, window end in us) of the windows within the bounds that lost a pane's events: by the watermark, or since
    they end up to `expired_us`."""
    for name, end in windows_of(spec, pane_us):
        is_lost = end <= expired_us or is_dropped(end + extra_delay_us(spec, name), late_watermark_ms)
        if is_lost and bounds.hold(end):
            yield name, end
