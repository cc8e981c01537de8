"""Many ranges of offsets as a few reads that each take at most one range a partition. Pure.

A bulk reader such as Spark's takes one range of each partition. So the k-th ranges of all partitions make one read,
and where a partition has too many, the smallest gaps between its ranges are read too.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from tideline.offset_ranges import Ranges, merged

MAX_ROUNDS: Final = 16
"""Each read is planned on its own and asks the broker, so their number must not grow with the plan."""

Round = dict[int, tuple[int, int]]
"""A half-open range of offsets by partition."""


def rounds(ranges: Ranges, at_most: int = MAX_ROUNDS) -> list[Round]:
    """At most `at_most` reads that cover every wanted offset once, and of the others as few as can be."""
    joined = {partition: _joined(parts, at_most) for partition, parts in merged(ranges).items()}
    longest = max((len(parts) for parts in joined.values()), default=0)
    return [{partition: parts[k] for partition, parts in joined.items() if k < len(parts)} for k in range(longest)]


def _joined(parts: list[tuple[int, int]], at_most: int) -> list[tuple[int, int]]:
    """Ascending ranges with only their `at_most` - 1 widest gaps left."""
    gaps = [(after[0] - before[1], k) for k, (before, after) in enumerate(pairwise(parts), start=1)]
    kept = sorted(k for _, k in sorted(gaps, reverse=True)[: at_most - 1])
    return [(parts[first][0], parts[last - 1][1]) for first, last in pairwise([0, *kept, len(parts)])]
