"""Ranges of offsets as a few reads of one range a partition."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from tideline.offset_ranges import OffsetRanges, merged
from tideline.read_rounds import Round, rounds

spans = st.tuples(st.integers(0, 200), st.integers(1, 20)).map(lambda span: (span[0], span[0] + span[1]))
wanted = st.dictionaries(st.integers(0, 4), st.lists(spans, max_size=12), max_size=4)
limits = st.integers(1, 6)


def offsets(reads: list[Round]) -> list[tuple[int, int]]:
    return [(partition, at) for read in reads for partition, (start, end) in read.items() for at in range(start, end)]


def wanted_offsets(ranges: OffsetRanges) -> set[tuple[int, int]]:
    return {(partition, at) for partition, parts in ranges.items() for start, end in parts for at in range(start, end)}


@given(wanted, limits)
def test_every_wanted_offset_is_read(ranges: OffsetRanges, at_most: int) -> None:
    assert wanted_offsets(ranges) <= set(offsets(rounds(ranges, at_most)))


@given(wanted, limits)
def test_no_offset_is_read_twice(ranges: OffsetRanges, at_most: int) -> None:
    read = offsets(rounds(ranges, at_most))
    assert len(read) == len(set(read))


@given(wanted, limits)
def test_there_are_no_more_reads_than_allowed(ranges: OffsetRanges, at_most: int) -> None:
    assert len(rounds(ranges, at_most)) <= at_most


@given(wanted, limits)
def test_no_read_is_empty(ranges: OffsetRanges, at_most: int) -> None:
    assert all(read and all(start < end for start, end in read.values()) for read in rounds(ranges, at_most))


@given(st.lists(spans, min_size=1, max_size=8), limits)
def test_no_choice_of_gaps_reads_less(parts: list[tuple[int, int]], at_most: int) -> None:
    alone = merged({0: parts})[0]
    gaps = [after[0] - before[1] for before, after in pairwise(alone)]
    fewest = min(sum(gaps) - sum(left) for left in combinations(gaps, min(at_most - 1, len(gaps))))
    assert len(offsets(rounds({0: parts}, at_most))) == sum(end - start for start, end in alone) + fewest


def test_the_kth_ranges_of_all_partitions_make_one_read() -> None:
    ranges = {0: [(0, 5), (10, 12), (90, 95)], 3: [(7, 8)]}
    assert rounds(ranges, 3) == [{0: (0, 5), 3: (7, 8)}, {0: (10, 12)}, {0: (90, 95)}]
    assert rounds(ranges, 2) == [{0: (0, 12), 3: (7, 8)}, {0: (90, 95)}]
