from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tideline.home import Home
from tideline.platform.broker import cluster_id, folder, kept_cluster_id


@pytest.mark.parametrize("first_byte", [0x00, 0xF8, 0xFB, 0xFF], ids=["letter", "dash", "dash and more", "underscore"])
def test_a_cluster_id_is_never_read_as_an_option(first_byte: int) -> None:
    text = cluster_id(uuid.UUID(bytes=bytes([first_byte]) + bytes(15)))
    assert (len(text), text.startswith("-")) == (22, False)


def test_a_cluster_keeps_its_id(tmp_path: Path) -> None:
    home = Home(tmp_path)
    made = kept_cluster_id(home)
    assert (len(made), kept_cluster_id(home)) == (22, made)


@pytest.mark.parametrize("left", [b"", b"\n", b"MkU3OEVBNTcw\n", bytes(23), b"\xff\xfe"])
def test_an_id_that_was_cut_short_is_made_anew(tmp_path: Path, left: bytes) -> None:
    home = Home(tmp_path)
    file = folder(home) / "cluster.id"
    file.parent.mkdir()
    file.write_bytes(left)
    made = kept_cluster_id(home)
    assert (len(made), file.read_text()) == (22, f"{made}\n")
