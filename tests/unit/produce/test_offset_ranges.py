"""Ranges of offsets: merging and comparing them keeps every offset."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tideline.offset_ranges import merged, outside

OFFSETS = st.integers(0, 30)
RANGES = st.dictionaries(st.integers(0, 3), st.lists(st.tuples(OFFSETS, OFFSETS), max_size=6), max_size=4)


def offsets(ranges: dict[int, list[tuple[int, int]]]) -> set[tuple[int, int]]:
    return {(p, offset) for p, parts in ranges.items() for start, end in parts for offset in range(start, end)}


@given(RANGES)
def test_merging_keeps_the_offsets(ranges: dict[int, list[tuple[int, int]]]) -> None:
    assert offsets(merged(ranges)) == offsets(ranges)


@given(RANGES)
def test_merged_ranges_are_apart_and_ascending(ranges: dict[int, list[tuple[int, int]]]) -> None:
    for parts in merged(ranges).values():
        assert parts
        assert all(start < end for start, end in parts)
        assert all(before[1] < after[0] for before, after in itertools.pairwise(parts))


@given(RANGES, OFFSETS, OFFSETS)
def test_outside_is_what_the_log_does_not_hold(ranges: dict[int, list[tuple[int, int]]], a: int, b: int) -> None:
    first, last = {0: min(a, b), 1: 0}, {0: max(a, b), 1: 30}
    held = {(p, offset) for p in (0, 1) for offset in range(first[p], last[p])}
    assert offsets(outside(merged(ranges), first, last)) == offsets(ranges) - held
