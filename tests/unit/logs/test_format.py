from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tideline.logs.context import About, about
from tideline.logs.entry import parse
from tideline.logs.format import LONGEST, JsonLines, LineHandler, cut

DRIVER = About("orders", generation=1, epoch=3)
HOSTILE = [
    "two\nlines",
    'a "quote" and a \\',
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m and \x7f",
    "reversed \u202e, hidden \u200b, a line \u2028 and a page \x0c",
    "<script>alert(1)</script>",
    '{"ts":"2026-01-01T00:00:00.000Z","level":"CRITICAL","message":"forged"}',
    "\ud800 alone, \0",
    "Ω and 雪",
]


def record(message: str, *args: object, exc_info: Any = None, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("tideline.sink", level, __file__, 1, message, args, exc_info)
    made.created = 1_769_853_600.0126
    return made


def raised(error: Exception) -> Any:
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_a_line_has_its_fields_in_this_order() -> None:
    with about(batch=7):
        line = JsonLines(DRIVER).format(record("batch %d is committed", 7))
    assert line == (
        '{"ts":"2026-01-31T10:00:00.012Z","level":"INFO","logger":"tideline.sink","message":"batch 7 is committed",'
        '"stream":"orders","generation":1,"epoch":3,"batch":7}'
    )


def test_what_is_not_known_is_left_out() -> None:
    assert (
        not {"stream", "generation", "epoch", "batch", "exception"} & json.loads(JsonLines().format(record("x"))).keys()
    )


def test_what_the_code_is_about_goes_before_what_the_process_is() -> None:
    with about(generation=2, batch=9):
        said = json.loads(JsonLines(DRIVER).format(record("passed on")))
    assert (said["stream"], said["generation"], said["batch"]) == ("orders", 2, 9)


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_logged_is_one_line_of_printed_ascii_and_comes_back_whole(text: str) -> None:
    line = JsonLines(About(text)).format(record("%s", text, exc_info=raised(ValueError(text))))
    assert line.isascii() and line.isprintable()
    read = parse(line.encode())
    assert (read.message, read.about.stream) == (text, text)
    assert read.trace is not None and read.trace.endswith(f"ValueError: {text}")


def test_an_exception_is_one_field_with_its_class_and_its_trace() -> None:
    told = json.loads(JsonLines().format(record("it failed", exc_info=raised(json.JSONDecodeError("no", "{", 1)))))
    assert told["exception"]["class"] == "json.decoder.JSONDecodeError"
    assert told["exception"]["trace"].startswith("Traceback (most recent call last):\n")
    assert told["message"] == "it failed"


def test_arguments_that_do_not_fit_lose_no_line() -> None:
    assert json.loads(JsonLines().format(record("%d records", "many")))["message"] == "%d records ('many',)"


def test_of_a_text_without_end_both_ends_are_kept() -> None:
    short = cut("a" * LONGEST + "b" * LONGEST)
    assert short.startswith("aaa") and short.endswith("bbb")
    assert len(short) < LONGEST + 100
    assert "131,072 characters left out" in short


def test_a_line_is_written_in_one_piece(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    handler = LineHandler(write)
    handler.setFormatter(JsonLines(DRIVER))
    handler.handle(record("x" * 5_000))
    said = os.read(read, 100_000)
    os.close(read)
    os.close(write)
    assert said.count(b"\n") == 1 and said.endswith(b"\n")
    assert len(parse(said.rstrip(b"\n")).message) == 5_000
