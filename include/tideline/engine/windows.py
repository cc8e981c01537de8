"""The windows that hold a time, in SQL: they begin at whole multiples of the slide, and may overlap unevenly."""

from __future__ import annotations

from tideline.spec.model import Metric


def floor_rest(column: str, step: int) -> str:
    """The rest of a floored division, right for times before the epoch too."""
    return f"((({column} % {step}) + {step}) % {step})"


def window_ends(metric: Metric, time: str, copy: str = "copy") -> str:
    """The end of the window number `copy` (a column) that holds a time; both in us, see `copies` and `holds`."""
    window, slide = metric.window * 1000, metric.slide_ms * 1000
    return f"{time} - {floor_rest(f'({time} - {window})', slide)} + {slide} + {copy} * {slide}"


def copies(metric: Metric) -> int:
    """How many windows hold a time at most: a window of 7 s that slides by 3 s makes it 2 or 3."""
    return -(-metric.window // metric.slide_ms)


def holds(metric: Metric, time: str, end: str = "window_us") -> str:
    """Whether the window that ends at `end` has begun at a time."""
    return f"{end} - {metric.window * 1000} <= {time}"
