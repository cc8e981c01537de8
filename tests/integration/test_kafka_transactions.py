"""Records and a cursor in one transaction, on the real broker."""

from __future__ import annotations

import pytest

from support.platform import Platform
from tideline.kafka_access import KafkaAccess
from tideline.kafka_io import end_offsets, ensure_topic, read_ranges
from tideline.kafka_transactions import Cursor, Fenced, Record, SendRefused, TransactionalSender

GROUP = "readers-of-a-source"


@pytest.fixture
def kafka(platform: Platform) -> KafkaAccess:
    return platform.settings.kafka


def values(kafka: KafkaAccess, topic: str) -> list[bytes]:
    ranges = {partition: [(0, end)] for partition, end in end_offsets(kafka, topic).items() if end}
    read = read_ranges(kafka, topic, ranges, isolation="read_committed")
    return [value for table in read for value in table["value"].to_pylist()]


def test_a_cursor_goes_with_its_records_and_outlives_its_sender(kafka: KafkaAccess) -> None:
    ensure_topic(kafka, "cursors", 2)
    cursor = Cursor((3 << 32) + 7, "table 1")
    with TransactionalSender(kafka, "sender-1", 60_000) as sender:
        assert sender.cursor(GROUP, "cursors") is None
        sent = sender.send("cursors", [Record(b"a", partition=1), Record(None, b"key", 0)], GROUP, cursor)
        assert (sent, sender.partitions("cursors")) == (2, 2)
        assert sender.send("cursors", (), "of-another", Cursor(1)) == 0
    with TransactionalSender(kafka, "sender-1", 60_000) as sender:
        assert sender.cursor(GROUP, "cursors") == cursor
        assert sender.cursor("of-another", "cursors") == Cursor(1)
    assert values(kafka, "cursors") == [None, b"a"]


def test_an_older_sender_sends_nothing_more(kafka: KafkaAccess) -> None:
    ensure_topic(kafka, "fenced", 1)
    with TransactionalSender(kafka, "sender-2", 60_000) as old:
        old.send("fenced", [Record(b"before")], GROUP, Cursor(1))
        with TransactionalSender(kafka, "sender-2", 60_000) as new:
            with pytest.raises(Fenced, match="another sender named sender-2 was started"):
                old.send("fenced", [Record(b"a ghost's")], GROUP, Cursor(9))
            new.send("fenced", [Record(b"after")], GROUP, Cursor(2))
            assert new.cursor(GROUP, "fenced") == Cursor(2)
    assert values(kafka, "fenced") == [b"before", b"after"]


def test_what_the_broker_refuses_leaves_neither_records_nor_cursor(kafka: KafkaAccess) -> None:
    ensure_topic(kafka, "refused", 1)
    with TransactionalSender(kafka, "sender-3", 60_000) as sender:
        sender.send("refused", [Record(b"first")], GROUP, Cursor(1))
        with pytest.raises(SendRefused, match="did not take a transaction to topic 'refused'"):
            sender.send("refused", [Record(b"second"), Record(b"x" * 1_500_000)], GROUP, Cursor(2))
        with pytest.raises(SendRefused, match="has ended"):
            sender.send("refused", [Record(b"without asking for the cursor")], GROUP, Cursor(2))
        assert sender.session == 2
        assert sender.cursor(GROUP, "refused") == Cursor(1)
        sender.send("refused", [Record(b"third")], GROUP, Cursor(2))
    assert values(kafka, "refused") == [b"first", b"third"]
