from __future__ import annotations

import json
from pathlib import Path

from tideline.keeper.last_words import last_lines
from tideline.logs.context import About
from tideline.logs.driver_log import driver_entries
from tideline.logs.entry import RAW
from tideline.logs.shown import told_lines


def line(second: int, message: str, **fields: object) -> str:
    said = {"ts": f"2026-01-31T10:00:{second:02}.000Z", "level": "INFO", "logger": "tideline", "message": message}
    return json.dumps(said | {"stream": "orders", "generation": 1, "epoch": 2} | fields)


MIXED = [
    "WARNING: Using incubator modules: jdk.incubator.vector",
    line(1, "the first"),
    "what a job prints",
    "+---+",
    line(2, "batch 5 is committed", batch=5),
    line(3, "it failed", batch=5, exception={"class": "a.Failed", "trace": "a.Failed: it\n\tat a.B(C.java:1)"}),
    "Terminating due to java.lang.OutOfMemoryError: Java heap space",
]


def write(folder: Path, *lines: str, name: str = "driver.log") -> Path:
    file = folder / name
    file.write_text("".join(f"{text}\n" for text in lines))
    return file


def test_what_is_no_json_stands_where_it_was_printed(tmp_path: Path) -> None:
    entries = list(driver_entries(write(tmp_path, *MIXED)))[::-1]
    assert [entry.message for entry in entries] == [
        "WARNING: Using incubator modules: jdk.incubator.vector",
        "the first",
        "what a job prints",
        "+---+",
        "batch 5 is committed",
        "it failed",
        "Terminating due to java.lang.OutOfMemoryError: Java heap space",
    ]
    seconds = [None if entry.at is None else entry.at // 1000 % 60 for entry in entries]
    assert seconds == [1, 1, 1, 1, 2, 3, 3]
    assert {entry.about for entry in entries if entry.level == RAW} == {About("orders", 1, 2)}
    assert {entry.source for entry in entries} == {"driver"}


def test_a_log_of_no_json_at_all_is_told_too(tmp_path: Path) -> None:
    entries = list(driver_entries(write(tmp_path, "no java", "no python")))
    assert [(entry.at, entry.message) for entry in entries] == [(None, "no python"), (None, "no java")]


def test_a_line_that_was_cut_between_two_files_is_whole(tmp_path: Path) -> None:
    whole = line(2, "cut in two")
    write(tmp_path, line(1, "before") + "\n" + whole[:40], name="driver.log.1").write_text(
        line(1, "before") + "\n" + whole[:40]
    )
    log = write(tmp_path, whole[40:], line(3, "after"))
    assert [entry.message for entry in driver_entries(log)] == ["after", "cut in two", "before"]


def test_the_last_lines_are_text_for_a_person(tmp_path: Path) -> None:
    assert last_lines(write(tmp_path, *MIXED), 4) == [
        "2026-01-31T10:00:03.000Z INFO e2 g1/5 tideline: it failed",
        "    a.Failed: it",
        "        at a.B(C.java:1)",
        "Terminating due to java.lang.OutOfMemoryError: Java heap space",
    ]


def test_the_last_lines_for_the_keeper_are_as_a_text_log_has_them(tmp_path: Path) -> None:
    told = last_lines(write(tmp_path, *MIXED), 3, told_lines)
    assert told == [
        "a.Failed: it",
        "\tat a.B(C.java:1)",
        "Terminating due to java.lang.OutOfMemoryError: Java heap space",
    ]


def test_the_last_lines_reach_back_into_the_file_before(tmp_path: Path) -> None:
    write(tmp_path, "one", "two", name="driver.log.1")
    assert last_lines(write(tmp_path, "three"), 2) == ["two", "three"]


def test_nothing_of_a_hostile_line_speaks_to_a_terminal_or_begins_another(tmp_path: Path) -> None:
    forged = "\x1b[2J\n2026-01-31T10:00:09.000Z CRITICAL e2 tideline: forged\u202e\x9b\0"
    lines = last_lines(write(tmp_path, line(1, forged, stream=forged, logger=forged), "raw \x1b[31m"))
    assert all(each.isprintable() for each in lines)
    assert [each[:4] for each in lines] == ["2026", "    ", "raw "]
