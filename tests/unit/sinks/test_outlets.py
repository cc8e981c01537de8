"""What sinks tell of a table, in which mode, and that nothing is told twice or left out when one begins anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from support.late_player import reconcile
from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.kafka_transactions import Cursor, Record
from tideline.sinks.outlet import ConsoleOutlet, KafkaOutlet
from tideline.spec.sinks import ConsoleSink, KafkaSink

TOPIC = "out"


class Log:
    """A broker in miniature: what was sent, and the cursors."""

    session = 1

    def __init__(self) -> None:
        self.sent: list[Record] = []
        self.cursors: dict[tuple[str, str], Cursor] = {}

    def cursor(self, group: str, topic: str) -> Cursor | None:
        return self.cursors.get((group, topic))

    def send(self, topic: str, records: Iterable[Record], group: str, cursor: Cursor) -> int:
        new = list(records)
        self.sent += new
        self.cursors[group, topic] = cursor
        return len(new)

    def partitions(self, topic: str) -> int:
        return 3

    def take(self) -> dict[tuple[Any, ...], dict[str, Any] | None]:
        """What was sent since the last time, by its key; a key that was sent twice is an error."""
        taken, self.sent = self.sent, []
        told = {
            tuple(json.loads(each.key or b"")): None if each.value is None else json.loads(each.value) for each in taken
        }
        assert len(told) == len(taken)
        return told


def outlet(player: Player, log: Log, mode: str = "update") -> KafkaOutlet:
    sink = KafkaSink.model_validate({"to": "kafka", "topic": TOPIC, "mode": mode})
    return KafkaOutlet("small", "counts", player.tables.published("counts"), sink, log)


def test_update_sends_each_change_and_a_correction_with_its_revision(tmp_path: Path) -> None:
    player, log = Player(tmp_path, small_spec()), Log()
    sink = outlet(player, log)
    assert sink.step() == 0
    player.play(log_line(1), log_line(12))
    assert sink.step() == 2
    sent = log.take()
    first, second = (
        ("counts", f"1970-01-01T00:00:{s}Z", f"1970-01-01T00:00:{e}Z", "a") for s, e in (("00", 10), (10, 20))
    )
    assert sent.keys() == {first, second}
    assert sent[first] == {
        "metric": "counts",
        "window_start": "1970-01-01T00:00:00Z",
        "window_end": "1970-01-01T00:00:10Z",
        "service": "a",
        "request_count": 1,
        "is_open": True,
        "revision": 0,
        "as_of": "1970-01-01T00:00:01Z",
    }
    assert sink.step() == 0
    player.play(log_line(100))
    player.play(log_line(2))
    sink.step()
    closed = log.take()
    assert (closed[first] or {})["is_open"] is False
    reconcile(player)
    assert sink.step() == 1
    assert {key: (row or {})["revision"] for key, row in log.take().items()} == {first: 1}


def test_append_sends_a_window_when_it_closes_and_when_it_is_corrected(tmp_path: Path) -> None:
    player, log = Player(tmp_path, small_spec()), Log()
    sink = outlet(player, log, "append")
    player.play(log_line(1))
    assert sink.step() == 0
    player.play(log_line(100))
    player.play(log_line(2))
    assert sink.step() == 1
    assert [(row or {})["request_count"] for row in log.take().values()] == [1]
    reconcile(player)
    assert sink.step() == 1
    assert [((row or {})["request_count"], (row or {})["revision"]) for row in log.take().values()] == [(2, 1)]


def test_who_begins_again_goes_on_where_the_last_transaction_ended(tmp_path: Path) -> None:
    player, log = Player(tmp_path, small_spec()), Log()
    player.play(log_line(1))
    assert outlet(player, log).step() == 1
    player.play(log_line(12))
    log.take()
    assert outlet(player, log).step() == 1
    assert outlet(player, log).step() == 0
    assert [key[1] for key in log.take()] == ["1970-01-01T00:00:10Z"]


def test_a_number_that_is_none_is_null(tmp_path: Path) -> None:
    counts = {"window": "10 seconds", "measures": {"n": "count"}, "derived": {"ratio": "n / 0.0::double"}}
    player, log = Player(tmp_path, small_spec(counts=counts)), Log()
    player.play(log_line(1))
    outlet(player, log).step()
    assert [(row or {})["ratio"] for row in log.take().values()] == [None]


def test_a_row_that_no_broker_takes_stays_in_its_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    player, log = Player(tmp_path, small_spec()), Log()
    player.play(log_line(1, "x" * 600_000), log_line(1, "y"))
    assert outlet(player, log).step() == 2
    assert [key[-1] for key in log.take()] == ["y"]
    assert "is too large for a topic and stays in its table alone" in caplog.text


def test_an_erased_group_is_sent_as_a_null_value(tmp_path: Path) -> None:
    player, log = Player(tmp_path, small_spec()), Log()
    player.play(log_line(1), log_line(2, "b"))
    sink = outlet(player, log)
    sink.step()
    log.take()
    table = player.tables.published("counts")
    from tideline.tables.published import read_published, write_published

    rows = read_published(table)
    assert rows is not None
    gone = rows.filter([key == '["b"]' for key in rows["key"].to_pylist()])
    newer = gone.set_column(gone.schema.get_field_index("revision"), "revision", [[9]])
    write_published(table, rows.slice(0, 0), gone=newer.cast(rows.schema))
    assert sink.step() == 1
    assert [(key[-1], row) for key, row in log.take().items()] == [("b", None)]


def printed(player: Player, mode: str, **settings: Any) -> tuple[ConsoleOutlet, list[str]]:
    lines: list[str] = []
    sink = ConsoleSink.model_validate({"to": "console", "mode": mode} | settings)
    return ConsoleOutlet("counts", player.tables.published("counts"), sink, lines.append), lines


def test_the_console_shows_changes_or_the_whole_table(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    changed, of_changes = printed(player, "update")
    whole, of_whole = printed(player, "complete", rows=2)
    player.play(log_line(1), log_line(12))
    changed.step(), whole.step()
    player.play(log_line(23, "x\x1b[31m\n"))
    changed.step(), whole.step()
    changed.step(), whole.step()
    assert [text.splitlines()[0] for text in of_changes] == ["counts (update): 2 rows", "counts (update): 1 rows"]
    assert [text.splitlines()[0] for text in of_whole] == [
        "counts (complete): 2 rows",
        "counts (complete): 3 rows, the newest 2",
    ]
    assert of_changes[1].splitlines()[2].split()[:4] == [
        "1970-01-01T00:00:20Z", "1970-01-01T00:00:30Z", r"x\x1b[31m\n", "1",
    ]  # fmt: skip


def test_the_console_passes_over_what_is_there_before_it(tmp_path: Path) -> None:
    player = Player(tmp_path, small_spec())
    player.play(log_line(1))
    outlet_, lines = printed(player, "update")
    assert outlet_.step() == 0
    assert lines == []
