"""Lines of files, as they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from errno import EACCES
from pathlib import Path, PosixPath
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tideline.errors import UserError
from tideline.produce.lines import FileSource

LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"").rstrip(b"\r")), max_size=30)


def written(content: bytes) -> Path:
    with NamedTemporaryFile(delete=False) as file:
        file.write(content)
    return Path(file.name)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_every_line_comes_as_its_bytes(lines: list[bytes], end: bytes, closed: bool) -> None:
    path = written(end.join(lines) + (end if closed else b""))
    expected = lines if closed else lines[: len(lines) - 1 if lines and not lines[-1] else None]
    if closed and not lines:
        expected = [b""]
    try:
        assert list(FileSource(path)) == expected
    finally:
        path.unlink()


@given(st.integers(0, 40), st.integers(1, 9))
def test_each_nth_line_is_held_back_to_the_end(count: int, late_every: int) -> None:
    lines = [b"%d" % number for number in range(1, count + 1)]
    path = written(b"\n".join(lines))
    try:
        source = FileSource(path, late_every)
        assert list(source.held_back()) == [line for line in lines if int(line) % late_every == 0]
        assert list(source.on_time()) == [line for line in lines if int(line) % late_every]
        assert list(source) == [*source.on_time(), *source.held_back()]
    finally:
        path.unlink()


@pytest.mark.parametrize("late_every", [0, -1])
def test_holding_back_needs_a_number(tmp_path: Path, late_every: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        list(FileSource(tmp_path / "any", late_every))


class Forbidden(PosixPath):
    """A file that its reader may not open, whoever that is."""

    def open(self, *_: Any, **__: Any) -> Any:
        raise PermissionError(EACCES, "Permission denied")


@pytest.mark.parametrize("read", [FileSource.require, list], ids=["required", "read"])
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, read: Callable[[FileSource], object]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file cannot be read: Permission denied"):
        read(FileSource(Forbidden(tmp_path / "file")))


@pytest.mark.parametrize(
    ("name", "said"),
    [("absent", "absent cannot be read: No such file"), (".", "is no file"), ("n" * 300, "File name too long")],
)
def test_what_is_no_file_is_told_before_anything_is_made_for_it(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        FileSource(tmp_path / name).require()


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is no file"):
        FileSource(tmp_path / "pipe").require()
