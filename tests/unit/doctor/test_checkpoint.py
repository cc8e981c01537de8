"""A checkpoint as it is when all is well, and what is said of each way in which it breaks."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from support.keeper_world import STREAM, World
from tideline.doctor.checkpoint import judge_checkpoint
from tideline.doctor.checkpoint_seen import look_at_checkpoint
from tideline.doctor.checksum import checksum_file, is_as_written
from tideline.doctor.finding import Finding
from tideline.doctor.subject import of_homes, of_registry


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A stream with three batches, the last of them in flight."""
    world = World(tmp_path)
    world.deploy()
    for batch in range(2):
        world.commit(batch, end=10 * batch)
    world.plan(2, end=20)
    (folder(world) / "metadata").write_text('{"id": "1"}')
    return world


def folder(world: World, generation: int = 1) -> Path:
    return world.home.stream(STREAM).checkpoint(generation)


def found(world: World) -> list[Finding]:
    registry = world.registry
    (subject,) = of_registry(world.home, registry.streams(), registry.current_attempts())
    return list(judge_checkpoint(look_at_checkpoint(subject)))


def test_a_batch_in_flight_is_no_finding(world: World) -> None:
    assert found(world) == []


def test_a_stream_that_has_not_begun_is_no_finding(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.deploy()
    assert found(world) == []


def test_without_the_registry_the_newest_generation_is_looked_at(world: World) -> None:
    (subject,) = of_homes(world.home)
    assert (subject.generation, list(judge_checkpoint(look_at_checkpoint(subject)))) == (1, [])


@pytest.mark.parametrize("text", ["", "v1", "v1\n{}", "v1\n{nonsense}\n{}", "garbage", "v1\n{}\n{}", "\0\0\0"])
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_a_corrupt_offsets_file_is_one_finding(world: World, batch: int, text: str) -> None:
    (folder(world) / "offsets" / str(batch)).write_text(text)
    (finding,) = found(world)
    assert finding.where == f"{STREAM}, {folder(world) / 'offsets' / str(batch)}"
    assert f"tideline deploy {STREAM} --new-generation" in finding.fix


def test_bytes_that_are_no_text_are_told(world: World) -> None:
    (folder(world) / "offsets" / "2").write_bytes(b"\xff\xfe")
    assert [each.problem for each in found(world)] == ["it is no text"]


def test_a_version_that_is_not_known_is_told(world: World) -> None:
    (folder(world) / "offsets" / "2").write_text("v9\n{}\n{}")
    assert ["v9" in each.problem for each in found(world)] == [True]


def test_a_corrupt_commit_is_told(world: World) -> None:
    (folder(world) / "commits" / "1").write_text("v1\n{")
    assert [each.where for each in found(world)] == [f"{STREAM}, {folder(world) / 'commits' / '1'}"]


def test_corrupt_metadata_is_told(world: World) -> None:
    (folder(world) / "metadata").write_text("")
    assert [each.where for each in found(world)] == [f"{STREAM}, {folder(world) / 'metadata'}"]


def test_a_commit_ahead_of_the_offsets_is_told(world: World) -> None:
    (folder(world) / "offsets" / "2").unlink()
    (folder(world) / "offsets" / "1").unlink()
    assert [each.problem for each in found(world)] == [
        "batch 1 is committed, and the last that is planned is 0: its offsets are lost"
    ]


def test_commits_that_are_gone_are_told(world: World) -> None:
    (folder(world) / "commits" / "1").unlink()
    assert ["batch 2 is planned, and the last that is committed is 0" in each.problem for each in found(world)] == [
        True
    ]


def test_a_hole_in_the_offsets_is_told(world: World) -> None:
    (folder(world) / "offsets" / "1").unlink()
    assert [each.problem for each in found(world)] == ["the offsets of batch 1 are lost"]


def test_a_checkpoint_that_is_gone_is_told_of_a_stream_that_was_stable(world: World) -> None:
    world.prove()
    assert found(world) == []
    folder(world).rename(folder(world).with_name("elsewhere"))
    assert ["it is gone" in each.problem for each in found(world)] == [True]


def test_a_newer_generation_than_the_registrys_is_told(world: World) -> None:
    folder(world, 3).mkdir(parents=True)
    assert ["generation 1, and there is a folder g3" in each.problem for each in found(world)] == [True]


def checksummed(file: Path, content: bytes) -> None:
    """A file and its checksums as Hadoop's local file system writes them, of 4 bytes each."""
    file.write_bytes(content)
    sums = b"".join(struct.pack(">I", zlib.crc32(content[at : at + 4])) for at in range(0, len(content), 4))
    checksum_file(file).write_bytes(b"crc\0" + struct.pack(">I", 4) + sums)


def test_a_file_edited_by_hand_differs_from_its_checksums(world: World) -> None:
    file = folder(world) / "offsets" / "2"
    checksummed(file, file.read_bytes())
    assert found(world) == []
    file.write_text(file.read_text().replace("20", "25"))
    assert [".2.crc" in each.problem for each in found(world)] == [True]


@pytest.mark.parametrize("kept", [b"", b"crc\0", b"crc\0\0\0\0\0", b"other, and long enough"])
def test_a_checksum_file_that_is_none_is_not_believed(tmp_path: Path, kept: bytes) -> None:
    file = tmp_path / "1"
    file.write_bytes(b"content")
    checksum_file(file).write_bytes(kept)
    assert not is_as_written(file, b"content")
