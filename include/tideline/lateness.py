"""The rule by which Spark drops late events, as pure functions.

Let E(N) be `batchWatermarkMs` of the checkpoint's `offsets/N`. Micro-batch N drops an (event, window) pair exactly
if `drop_at <= L(N)`, where L(N) = E(N-1), L(0) = 0, and `drop_at` is the window's end plus the metric's delay less
the smallest delay of the stream. A window is closed once its `drop_at <= E(N)`. All times are in microseconds,
watermarks in milliseconds as Spark records them.
"""

from __future__ import annotations

from math import gcd

from tideline.spec.model import StreamSpec


def extra_delay_us(spec: StreamSpec, metric: str) -> int:
    """What a metric's windows are kept beyond the stream's smallest delay."""
    return (spec.delay_ms(metric) - spec.smallest_delay_ms) * 1000


def pane_ms(spec: StreamSpec) -> int:
    """The longest stretch of event time whose events share all their windows."""
    return gcd(*(metric.slide_ms for metric in spec.metrics.values()))


def first_drop_at_us(spec: StreamSpec, pane_us: int) -> int:
    """The least `drop_at` of any window of any metric that holds the pane beginning at `pane_us`."""
    return min(
        (pane_us // slide_us + 1) * slide_us + extra_delay_us(spec, name)
        for name, metric in spec.metrics.items()
        for slide_us in (metric.slide_ms * 1000,)
    )


def is_dropped(drop_at_us: int, late_watermark_ms: int) -> bool:
    """Whether a pair with this `drop_at` was dropped by a batch that filtered with L(N)."""
    return drop_at_us <= late_watermark_ms * 1000


def pane_is_late(spec: StreamSpec, pane_us: int, late_watermark_ms: int) -> bool:
    """Whether some window of some metric lost the events of a pane."""
    return is_dropped(first_drop_at_us(spec, pane_us), late_watermark_ms)
