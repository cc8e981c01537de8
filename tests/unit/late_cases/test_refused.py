"""Late cases that need what a stream cannot be yet: a spec that asks for it is refused, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.checkpoint import CheckpointLog, Ends, UnreadableCheckpoint, parse_offsets
from tideline.spec.load import SpecError, parse_spec

SPEC = """\
name: shop
source: {topic: logs}
watermark: 10 seconds
metrics:
  traffic:
    window: 20 seconds
    measures: {requests: count}
"""


def refusal(right: str, wrong: str) -> str:
    """The whole message, of a spec with that one fault."""
    assert right in SPEC
    with pytest.raises(SpecError) as caught:
        parse_spec(SPEC.replace(right, wrong), "shop.yaml")
    assert len(caught.value.problems) == 1
    return str(caught.value)


def test_case_06_two_sources_whose_watermarks_a_restart_forgets() -> None:
    assert (
        refusal("source: {topic: logs}", "sources: [{topic: logs}, {topic: more}]")
        == """\
shop.yaml:2:1: a stream reads one topic: Spark restores only the common watermark of several after a restart, \
so what it dropped would depend on which topic delivers first
    2 | sources: [{topic: logs}, {topic: more}]
      | ^^^^^^^
   deploy a stream for each topic, and combine their tables"""
    )


def test_case_12_deduplication_before_an_open_window() -> None:
    assert (
        refusal("watermark: 10 seconds", "watermark: 10 seconds\ndeduplicate: request_id")
        == """\
shop.yaml:4:1: deduplication drops events whose window is still open, and which copy came first cannot be told \
from the log
    4 | deduplicate: request_id
      | ^^^^^^^^^^^
   count_distinct(request_id) counts an id once, however often and however late it comes"""
    )


def test_case_13_late_duplicates() -> None:
    said = refusal("    window: 20 seconds", "    window: 20 seconds\n    deduplicate: [request_id]")
    assert said.startswith("shop.yaml:7:5: deduplication drops events whose window is still open")


def test_case_27_an_outer_join() -> None:
    assert (
        refusal("watermark: 10 seconds", "join: {topic: right, on: user_id}\nwatermark: 10 seconds")
        == """\
shop.yaml:3:1: a join cannot be corrected: a late row changes rows that were published without it
    3 | join: {topic: right, on: user_id}
      | ^^^^
   deploy a stream for each side, and join their tables"""
    )


def test_case_28_a_session_that_is_bridged() -> None:
    assert (
        refusal("window: 20 seconds", "session: 5 seconds")
        == """\
shop.yaml:6:5: sessions cannot be corrected: a late event between two of them makes them one
    6 |     session: 5 seconds
      |     ^^^^^^^
   use windows of a fixed length, as in `window: 5 minutes`"""
    )


def test_case_32_named_sources() -> None:
    said = refusal("source: {topic: logs}", "sources: {left: {topic: logs}, right: {topic: more}}")
    assert said.startswith("shop.yaml:2:1: a stream reads one topic")


CONF = '"conf":{"spark.sql.streaming.multipleWatermarkPolicy":"min"}'
METADATA = f'{{"batchWatermarkMs":90000,"batchTimestampMs":5,{CONF},"sourceMetadataInfo":{{}}}}'
LEFT, RIGHT = '{"logs":{"0":7,"1":9}}', '{"more":{"0":3}}'
BOTH = {"logs": {0: 7, 1: 9}, "more": {0: 3}}


@pytest.mark.parametrize(
    ("entry", "ends"),
    [
        (f"v2\n{METADATA}\nleft:{LEFT}\nright:{RIGHT}", BOTH),
        (f"v2\n{METADATA}\nright:{RIGHT}\nleft:{LEFT}", BOTH),
        (f"v2\n{METADATA}\n0:{LEFT}", {"logs": {0: 7, 1: 9}}),
        (f"v2\n{METADATA}\nleft:-\nright:{RIGHT}", {"more": {0: 3}}),
        (f"v1\n{METADATA}\n-\n{RIGHT}", {"more": {0: 3}}),
        (f"v1\n{METADATA}\n{LEFT}\n-", {"logs": {0: 7, 1: 9}}),
    ],
)
def test_case_32_the_offset_log_is_read_in_any_order(entry: str, ends: Ends) -> None:
    found = parse_offsets(entry)
    assert found is not None
    assert (found.watermark_ms, found.ends) == (90_000, ends)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (f"v3\n{METADATA}\n{LEFT}", "version 'v3', known are v1 and v2"),
        (f"v2\n{METADATA}\nleft:{LEFT}\nright:{LEFT}", "two sources of the checkpoint read topic 'logs'"),
        (f"v1\n{METADATA}\n{LEFT}\n{LEFT}", "two sources of the checkpoint read topic 'logs'"),
    ],
)
def test_case_32_what_cannot_be_told_apart_is_refused(entry: str, said: str) -> None:
    with pytest.raises(UnreadableCheckpoint, match=said):
        parse_offsets(entry)


@pytest.mark.parametrize("cut", range(len(METADATA), len(METADATA) + 9))
def test_case_32_an_entry_without_its_sources_is_half_written(cut: int) -> None:
    assert parse_offsets(f"v2\n{METADATA}\nleft:{LEFT}"[:cut]) is None


def test_case_32_a_named_source_keeps_its_first_offsets_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "sources" / "left").mkdir(parents=True)
    (tmp_path / "sources" / "left" / "0").write_bytes(b"\0v1\n" + LEFT.encode())
    assert CheckpointLog(tmp_path).initial_offsets() == {"logs": {0: 7, 1: 9}}


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("{topic: logs}", "{topics: [logs, more]}", "2:10: a stream reads one topic"),
        ("watermark: 10 seconds", "watermark: 10 seconds\ndedup: request_id", "4:1: deduplication drops events"),
        ("watermark: 10 seconds", "watermark: 10 seconds\njoins: [other]", "4:1: a join cannot be corrected"),
        ("    window: 20 seconds", "    window: 20 seconds\n    sessions: true", "7:5: sessions cannot be corrected"),
    ],
)
def test_another_word_for_it_is_refused_with_the_same_reason(right: str, wrong: str, said: str) -> None:
    assert refusal(right, wrong).startswith(f"shop.yaml:{said}")
