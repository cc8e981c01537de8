"""Cases 18 and 21 on the pure rule: stream and readers must mean the same records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.isolation import IsolationDiffers, isolation_of, require_isolation
from tideline.kafka_access import KafkaAccess
from tideline.kafka_client import BrokerUnreachable
from tideline.ledger import LedgerRow, TopicChanged, require_same_topic
from tideline.spec.load import SpecError, parse_spec
from tideline.topic_watch import EVERY_MS, TopicWatch


def row_read_with(folder: Path, isolation: str | None) -> LedgerRow:
    row = Player(folder, small_spec()).play(log_line(5))
    return replace(row, settings={} if isolation is None else {"isolation": isolation})


@pytest.mark.parametrize("recorded", ["read_committed", None])
def test_case_18_a_reader_of_another_level_is_refused(tmp_path: Path, recorded: str | None) -> None:
    row = row_read_with(tmp_path, recorded)
    require_isolation([row], "read_committed")
    words = "generation 1, batch 0 was read with read_committed, the spec says read_uncommitted"
    with pytest.raises(IsolationDiffers, match=words):
        require_isolation([row], "read_uncommitted")


def test_case_18_rows_that_do_not_say_were_read_committed(tmp_path: Path) -> None:
    assert isolation_of(row_read_with(tmp_path, None)) == "read_committed"
    assert isolation_of(row_read_with(tmp_path / "other", "read_uncommitted")) == "read_uncommitted"


def test_case_18_the_level_changes_the_fingerprint() -> None:
    spec = small_spec()
    source = spec.source.model_copy(update={"isolation": "read_uncommitted"})
    assert spec.source.isolation == "read_committed"
    assert spec.model_copy(update={"source": source}).fingerprint() != spec.fingerprint()


def test_case_18_an_unknown_level_is_refused_with_its_place() -> None:
    metrics = "metrics: {m: {window: 1 s, measures: {c: count}}}"
    text = f"name: s\nsource: {{topic: t, isolation: serializable}}\nwatermark: 1 s\n{metrics}\n"
    with pytest.raises(SpecError, match="'serializable' is not known here") as caught:
        parse_spec(text, "s.yaml")
    assert caught.value.problems[0].line == 2


def test_case_21_a_running_stream_asks_for_the_id_now_and_then() -> None:
    clock, ids = [0], ["new"]
    watch = TopicWatch("t", "old", lambda: ids[0], lambda: clock[0])
    watch.check()
    clock[0] = EVERY_MS
    with pytest.raises(TopicChanged, match="made again while the stream ran: from old to new"):
        watch.check()


def test_case_21_a_broker_that_does_not_answer_ends_no_stream() -> None:
    def ask() -> str:
        asked.append(1)
        raise BrokerUnreachable(KafkaAccess("b:1"))

    asked: list[int] = []
    clock = iter([0, EVERY_MS, EVERY_MS])
    TopicWatch("t", "old", ask, lambda: next(clock)).check()
    assert asked == [1]


def test_case_21_a_topic_made_again_is_found_by_its_id_however_long_it_is(tmp_path: Path) -> None:
    row = row_read_with(tmp_path, None)
    require_same_topic([row], row.topic_id)
    with pytest.raises(TopicChanged, match="was made again: the ledger knows it as id, now it is other"):
        require_same_topic([row], "other")
