"""What the demo sends of a file and of traffic, and the files it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tideline.demo.feed import Feed, FileFeed, TrafficFeed
from tideline.errors import UserError


def file_of(folder: Path, lines: int) -> Path:
    file = folder / "some.log"
    file.write_text("".join(f"line {n}\n" for n in range(1, lines + 1)))
    return file


def test_each_nth_line_is_held_back(tmp_path: Path) -> None:
    feed = FileFeed(file_of(tmp_path, 7), 3)
    assert [message.value for message in feed.held_back()] == [b"line 3", b"line 6"]


@pytest.mark.parametrize(("lines", "late_every", "on_time"), [(7, 3, 5), (2, 20, 2), (40, 20, 38)])
def test_a_file_knows_how_many_lines_are_on_time(tmp_path: Path, lines: int, late_every: int, on_time: int) -> None:
    assert counts(FileFeed(file_of(tmp_path, lines), late_every)) == (on_time, lines)


def test_traffic_knows_how_many_events_are_on_time() -> None:
    feed = TrafficFeed(7, 1_700_000_000_000)
    on_time, total = counts(feed)
    assert 0 < on_time < total == feed.total


def counts(feed: Feed) -> tuple[int, int]:
    """How many are on time, which the feed must know, and how many there are in all."""
    on_time = sum(1 for _ in feed.on_time())
    assert feed.on_time_count == on_time
    return on_time, on_time + sum(1 for _ in feed.held_back())


@pytest.mark.parametrize(
    ("lines", "late_every", "said"),
    [(0, 20, "leaves 0 lines"), (1, 20, "leaves 1 line to"), (2, 2, "leaves 1 line to")],
)
def test_a_file_with_less_than_two_lines_on_time_is_refused(
    tmp_path: Path, lines: int, late_every: int, said: str
) -> None:
    with pytest.raises(UserError, match=said) as error:
        FileFeed(file_of(tmp_path, lines), late_every)
    assert "longer file" in error.value.fix
