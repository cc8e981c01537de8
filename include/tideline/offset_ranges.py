"""Half-open ranges of offsets by partition, as pure values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Ranges = Mapping[int, Iterable[tuple[int, int]]]
OffsetRanges = dict[int, list[tuple[int, int]]]


def merged(ranges: Ranges) -> OffsetRanges:
    """The same offsets in as few ranges as can be, ascending; empty ranges and partitions are left out."""
    result: OffsetRanges = {}
    for partition, parts in sorted(ranges.items()):
        joined: list[tuple[int, int]] = []
        for start, end in sorted(part for part in parts if part[0] < part[1]):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        if joined:
            result[partition] = joined
    return result


def outside(
    ranges: Mapping[int, list[tuple[int, int]]], first: Mapping[int, int], last: Mapping[int, int]
) -> OffsetRanges:
    """What of `ranges` lies before the first or at or after the last offset of its partition."""
    return merged(
        {
            partition: [
                part
                for start, end in parts
                for part in (
                    (start, min(end, first.get(partition, 0))),
                    (max(start, last.get(partition, 0)), end),
                )
            ]
            for partition, parts in ranges.items()
        }
    )


def inside(
    ranges: Mapping[int, list[tuple[int, int]]], first: Mapping[int, int], last: Mapping[int, int]
) -> OffsetRanges:
    """What of `ranges` lies from the first offset of its partition on, and before the last."""
    return merged(
        {
            partition: [(max(start, first.get(partition, 0)), min(end, last.get(partition, 0))) for start, end in parts]
            for partition, parts in ranges.items()
        }
    )


def ranges_text(ranges: OffsetRanges) -> str:
    """For people: first and last offsets by partition."""
    return "; ".join(
        f"partition {partition}: " + ", ".join(f"{start} to {end - 1}" for start, end in parts)
        for partition, parts in sorted(ranges.items())
    )
