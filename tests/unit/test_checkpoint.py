from __future__ import annotations

from pathlib import Path

import pytest

from tideline.checkpoint import CheckpointLog, parse_offsets

ENTRY = 'v1\n{"batchWatermarkMs":90000,"batchTimestampMs":5,"conf":{"a":"b"}}\n{"logs":{"0":7,"1":9}}'


def folder(tmp_path: Path, **files: str | bytes) -> CheckpointLog:
    for name, content in files.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CheckpointLog(tmp_path)


def test_an_entry_holds_watermark_time_and_ends() -> None:
    entry = parse_offsets(ENTRY)
    assert entry is not None
    assert (entry.watermark_ms, entry.timestamp_ms, entry.ends, entry.conf) == (
        90_000, 5, {"logs": {0: 7, 1: 9}}, {"a": "b"},
    )  # fmt: skip


@pytest.mark.parametrize("cut", [0, 2, 3, 20, len(ENTRY) - 3])
def test_a_half_written_entry_is_none(cut: int) -> None:
    assert parse_offsets(ENTRY[:cut]) is None


def test_a_source_without_an_offset_yet_is_skipped() -> None:
    entry = parse_offsets(ENTRY + "\n-")
    assert entry is not None and entry.ends == {"logs": {0: 7, 1: 9}}


@pytest.mark.parametrize(
    "offset",
    ["12", '{"logOffset":3}', '{"sourceVersion":1,"reservoirId":"a","index":-1}', '{"a":{"b":1}}', '{"a":{"0":"x"}}'],
    ids=["rate", "files", "Delta", "other names", "other values"],
)
def test_a_source_of_another_kind_beside_kafka_has_no_offsets_of_a_topic(offset: str) -> None:
    entry = parse_offsets(f"{ENTRY}\n{offset}")
    assert entry is not None and entry.ends == {"logs": {0: 7, 1: 9}}


def test_the_newest_batches_are_told_by_their_numbers(tmp_path: Path) -> None:
    log = folder(tmp_path, offsets__9=ENTRY, offsets__10=ENTRY, commits__9="v1\n{}", commits___10__crc="")
    assert (log.last_offsets(), log.last_commit()) == (10, 9)


def test_a_checkpoint_that_does_not_exist_has_no_batches(tmp_path: Path) -> None:
    log = CheckpointLog(tmp_path / "none")
    assert (log.last_offsets(), log.last_commit(), log.offsets(0), log.initial_offsets()) == (None, None, None, None)


def test_the_first_batch_drops_by_zero_and_the_next_by_the_watermark_before(tmp_path: Path) -> None:
    log = folder(tmp_path, offsets__0=ENTRY)
    assert (log.late_watermark_ms(0), log.late_watermark_ms(1), log.late_watermark_ms(2)) == (0, 90_000, None)


def test_of_two_sources_of_a_topic_the_one_behind_can_tell() -> None:
    entry = parse_offsets(f'{ENTRY}\n{{"logs":{{"1":3,"2":4}}}}', lesser=True)
    assert entry is not None and entry.ends == {"logs": {0: 7, 1: 3, 2: 4}}


def test_only_kafka_says_where_the_first_batch_begins(tmp_path: Path) -> None:
    files = b'v1\n{"path":"file:///a","timestamp":1,"batchId":0}\n{"path":"file:///b","timestamp":2,"batchId":0}'
    others = folder(tmp_path, sources__0__0=files, sources__1__0=b"v1\n1700000000000")
    assert others.initial_offsets() is None
    assert folder(tmp_path, sources__2__0=b'\0v1\n{"logs":{"0":3}}').initial_offsets() == {"logs": {0: 3}}


def test_the_first_batch_starts_at_the_sources_initial_offsets(tmp_path: Path) -> None:
    log = folder(tmp_path, sources__0__0=b'\0v1\n{"logs":{"0":3}}', offsets__0=ENTRY)
    assert (log.starts(0), log.starts(1)) == ({"logs": {0: 3}}, {"logs": {0: 7, 1: 9}})
