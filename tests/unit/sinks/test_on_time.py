"""Which events are on time, against an oracle that shares no code with the rule."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from oracle.lateness import late_by_rule
from support.late_player import batches_of, log_of
from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.kafka_transactions import Cursor, Record, SendRefused
from tideline.offset_ranges import OffsetRanges
from tideline.records import WHOLE_RECORDS
from tideline.sinks.on_time import OnTimeOutlet, begin_at
from tideline.tables.late_events import read_late_events

from .test_outlets import Log

SLOW = {"window": "10 seconds", "watermark": "1 minute", "measures": {"n": "count"}}
FAST = {"window": "20 seconds", "slide": "10 seconds", "keys": ["service"], "measures": {"n": "count"}}


def new_player(folder: Path) -> Player:
    return Player(folder, small_spec(slow=SLOW, fast=FAST))


def outlet(player: Player, log: Log) -> OnTimeOutlet:
    """As a driver makes it, before its query starts."""
    begin_at(player.tables, "on-time")

    def read(ranges: OffsetRanges) -> Iterator[pa.Table]:
        return map(with_keys, player.read(ranges))

    return OnTimeOutlet(player.tables, player.eras, read, "on-time", log)


def with_keys(records: pa.Table) -> pa.Table:
    """Each record has its offset as its key, the odd ones have none, and a header of its own."""
    offsets = records["offset"].to_pylist()
    keys = [None if offset % 2 else b"key %d" % offset for offset in offsets]
    headers = [[{"name": "trace", "value": b"%d" % offset}, {"name": "none", "value": None}] for offset in offsets]
    more = {"key": keys, "headers": headers}
    for name, values in more.items():
        records = records.append_column(WHOLE_RECORDS.field(name), pa.array(values, WHOLE_RECORDS.field(name).type))
    return records


def places(log: Log) -> list[tuple[int, int]]:
    found = [dict(record.headers) for record in log.sent]
    return [(int(each["partition"] or b""), int(each["offset"] or b"")) for each in found]


def test_what_lost_no_window_is_sent_once_and_as_it_came(tmp_path: Path) -> None:
    rng = random.Random(7)
    player, log = new_player(tmp_path), Log()
    sink = outlet(player, log)
    now = 100.0
    for batch in range(12):
        now += rng.uniform(0, 40)
        values = [
            b"no json" if rng.random() < 0.1 else log_line(max(0.0, now - rng.choice([0, 5, 30, 90, 300])))
            for _ in range(rng.randint(0, 6))
        ]
        player.play(*values)
        if batch % 3 == 0:
            sink = outlet(player, log)  # a driver that is started anew
        sink.step()
    late = {(pair.partition, pair.offset) for pair in late_by_rule(batches_of(player), log_of(player), player.spec)}
    events = [at for at, value in enumerate(player.log) if value != b"no json"]
    expected = [(0, offset) for offset in events if (0, offset) not in late]
    assert late and places(log) == expected
    assert [record.value for record in log.sent] == [player.log[offset] for _, offset in expected]
    assert [record.key for record in log.sent] == [None if offset % 2 else b"key %d" % offset for _, offset in expected]
    assert [record.headers[:3] for record in log.sent] == [
        (("trace", b"%d" % offset), ("none", None), ("topic", b"small")) for _, offset in expected
    ]
    from support.late_player import reconcile

    reconcile(player)
    rows = read_late_events(player.tables)
    assert rows is not None
    assert {(row["partition"], row["offset"]) for row in rows.to_pylist()} == late


def test_it_begins_with_the_batches_that_come(tmp_path: Path) -> None:
    player, log = new_player(tmp_path), Log()
    player.play(log_line(1))
    assert outlet(player, log).step() == 0  # and is killed
    player.play(log_line(2))
    assert outlet(player, log).step() == 1
    assert places(log) == [(0, 1)]


class Refusing(Log):
    """A broker that takes nothing."""

    def send(self, topic: str, records: Iterable[Record], group: str, cursor: Cursor) -> int:
        raise SendRefused("it is not allowed", "allow it")


def test_a_topic_that_cannot_be_written_at_first_misses_nothing(tmp_path: Path) -> None:
    player, log = new_player(tmp_path), Log()
    player.play(log_line(1))
    for second in (2, 3):
        refused = outlet(player, Refusing())
        player.play(log_line(second))
        with pytest.raises(SendRefused):
            refused.step()
    sink = outlet(player, log)
    assert [sink.step(), sink.step(), sink.step()] == [1, 1, 0]
    assert places(log) == [(0, 1), (0, 2)]
    assert not list(player.tables.root.glob("on-time*"))
