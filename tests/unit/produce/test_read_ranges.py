"""Reading ranges from a broker in memory that has gaps, small polls and, at times, nothing to give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from tideline.kafka_io import ReadStalled, Row, walk
from tideline.offset_ranges import merged


def record(partition: int, offset: int, value: bytes | None) -> Row:
    return Row(partition, offset, 0, value, b"key %d" % offset, (("from", b"%d" % partition),))


@dataclass
class Consumer:
    """A partition is a list; None stands for an offset without a record, such as a control marker."""

    logs: dict[int, list[bytes | None]]
    frozen: bool = False
    positions: dict[Any, int] = field(default_factory=dict)
    paused: set[Any] = field(default_factory=set)

    def assign(self, partitions: list[Any]) -> None:
        self.positions = dict.fromkeys(partitions, 0)

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(self.logs)

    def seek(self, partition: Any, offset: int) -> None:
        self.positions[partition] = offset

    def position(self, partition: Any) -> int:
        return self.positions[partition]

    def pause(self, partition: Any) -> None:
        self.paused.add(partition)

    def resume(self, *partitions: Any) -> None:
        self.paused -= set(partitions)

    def poll(self, timeout_ms: int, max_records: int) -> dict[Any, list[Row]]:
        """Moves one partition past three offsets, as a fetch would: gaps move the position and give no record."""
        for partition in sorted(self.positions):
            at, log = self.positions[partition], self.logs[partition.partition]
            if partition not in self.paused and at < len(log) and not self.frozen:
                self.positions[partition] = min(at + 3, len(log))
                taken = enumerate(log[at : at + 3], at)
                found = [record(partition.partition, n, value) for n, value in taken if value is not None]
                return {partition: found} if found else {}
        return {}


LOG = st.lists(st.one_of(st.none(), st.binary(max_size=2)), min_size=1, max_size=20)


@given(LOG, LOG, st.data())
def test_exactly_the_records_in_the_ranges_are_read(
    a: list[bytes | None], b: list[bytes | None], data: st.DataObject
) -> None:
    logs = {0: a, 1: b}
    ranges = merged(
        {p: data.draw(st.lists(st.tuples(*[st.integers(0, len(log))] * 2), max_size=4)) for p, log in logs.items()}
    )
    rows = [row for rows in walk(Consumer(logs), "t", ranges, 100, 0.0) for row in rows]
    wanted = [
        record(p, n, logs[p][n])
        for p, parts in ranges.items()
        for start, end in parts
        for n in range(start, end)
        if logs[p][n] is not None
    ]
    assert sorted(rows) == wanted
    assert [row for row in rows if row.partition == 0] == [row for row in wanted if row.partition == 0]


def test_a_read_without_progress_ends_with_a_reason() -> None:
    stuck = Consumer({0: [b"x"] * 5}, frozen=True)
    with pytest.raises(ReadStalled, match="partition 0 at 2 of 4"):
        list(walk(stuck, "t", {0: [(2, 4)]}, 100, 0.0))


def test_finished_partitions_are_paused() -> None:
    consumer = Consumer({0: [b"x"] * 9, 1: [b"y"] * 9})
    list(walk(consumer, "t", {0: [(0, 2)], 1: [(0, 9)]}, 100, 5.0))
    assert consumer.paused == {TopicPartition("t", 0), TopicPartition("t", 1)}
