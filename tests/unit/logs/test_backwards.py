from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tideline.logs import backwards
from tideline.logs.backwards import lines_backwards, rotated


@given(st.lists(st.text("ab\n", max_size=12), min_size=1, max_size=4), st.integers(1, 9), st.booleans())
def test_lines_are_those_of_the_whole_text_in_turn(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], block: int, ends: bool
) -> None:
    """Files that continue each other are one text, however they are cut and read."""
    folder = tmp_path_factory.mktemp("log")
    pieces = [*pieces, "\n"] if ends else pieces
    for number, piece in enumerate(reversed(pieces)):
        (folder / f"log.{number}").write_text(piece)
    text = "".join(pieces)
    lines = text.split("\n")
    expected = lines[:-1] if lines[-1] == "" else lines
    files = [folder / f"log.{number}" for number in range(len(pieces))]
    assert [line.decode() for line in lines_backwards(files, block)] == expected[::-1]


def test_rotated_files_are_the_newest_first(tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    for name in ("driver.log", "driver.log.1", "driver.log.2", "driver.log.9"):
        (tmp_path / name).touch()
    assert [file.name for file in rotated(log)] == ["driver.log", "driver.log.1", "driver.log.2"]


def test_a_file_that_is_gone_has_no_lines(tmp_path: Path) -> None:
    assert list(lines_backwards([tmp_path / "driver.log"])) == []


def test_only_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    with log.open("wb") as out:
        out.seek(1 << 40)  # a terabyte with nothing in it
        out.write(b"\nthe last\n")
    assert next(lines_backwards([log])) == b"the last"


def test_a_line_without_end_comes_in_pieces(tmp_path: Path) -> None:
    log = tmp_path / "driver.log"
    log.write_bytes(b"x" * (2 * backwards.LONGEST_LINE))
    pieces = list(lines_backwards([log]))
    assert len(pieces) > 1 and sum(map(len, pieces)) == 2 * backwards.LONGEST_LINE
