"""What `tideline status` prints is what is there: nothing is taken for markup, nothing is cut."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tideline.cli.console import err, out, print_table
from tideline.cli.status_view import print_status

STREAM: dict[str, object] = {
    "name": "log-metrics",
    "desired": "RUNNING",
    "state": "ROLLING_BACK",
    "reason": "Healthy: 3 batches committed since the submit",
    "epoch": 12,
    "generation": 3,
    "batch": 12345,
    "backlog": 1234567,
    "watermark": "2015-05-17T10:05:03+00:00",
}


def console(width: int = 80, *, terminal: bool = False) -> Console:
    """A console as rich makes it, which takes brackets for markup unless it is told otherwise."""
    return Console(file=io.StringIO(), width=width, soft_wrap=True, force_terminal=terminal, highlight=False)


def said(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def status(stream: dict[str, object], width: int = 80) -> str:
    to = console(width)
    print_status({"database": "healthy"}, [stream], to)
    return said(to)


@pytest.mark.parametrize("reason", ["[STREAM_FAILED] Query [id = 1]", "no checkpoint in [/tmp/x]", "[bold]x[/bold]"])
def test_a_reason_with_brackets_is_shown_as_it_is(reason: str) -> None:
    assert f"log-metrics: {reason}\n" in status(STREAM | {"reason": reason})


@pytest.mark.parametrize("column", ["name", "state", "batch"])
def test_a_cell_with_brackets_is_shown_as_it_is(column: str) -> None:
    assert "[/tmp/x] [id]" in status(STREAM | {column: "[/tmp/x] [id]"})


def test_a_stream_fits_into_80_columns() -> None:
    lines = status(STREAM).splitlines()
    assert max(map(len, lines)) <= 80
    assert "log-metrics  RUNNING  ROLLING_BACK  12     3/12345  1234567  2015-05-17T10:05:03" in lines


@pytest.mark.parametrize("width", [20, 80])
def test_what_does_not_fit_is_not_cut(width: int) -> None:
    name = "a-stream-with-a-name-that-is-longer-than-most-terminals-are-wide-" + "x" * 30
    line = next(line for line in status(STREAM | {"name": name}, width).splitlines() if line.startswith(name))
    assert line.split() == [name, "RUNNING", "ROLLING_BACK", "12", "3/12345", "1234567", "2015-05-17T10:05:03"]


def test_what_is_not_known_is_a_dash() -> None:
    line = status(STREAM | {"batch": None, "backlog": None, "watermark": None}).splitlines()[-2]
    assert line.split() == ["log-metrics", "RUNNING", "ROLLING_BACK", "12", "3/-", "-", "-"]


def test_a_service_state_is_coloured_on_a_terminal_only() -> None:
    plain, coloured = console(), console(terminal=True)
    for to in (plain, coloured):
        print_status({"broker": "failed"}, [], to)
    assert ("\x1b[31m" in said(plain), "\x1b[31m" in said(coloured)) == (False, True)


def test_a_heading_with_brackets_is_shown_as_it_is() -> None:
    to = console()
    print_table(to, ["[/x]"], [["[y]"]])
    assert said(to).split() == ["[/x]", "[y]"]


@pytest.mark.parametrize("to", [out, err])
def test_both_consoles_print_text_as_it_is(to: Console) -> None:
    with to.capture() as captured:
        to.print("[/tmp/x] [id] :warning:")
    assert captured.get() == "[/tmp/x] [id] :warning:\n"


def test_what_is_amiss_beside_the_state_is_told() -> None:
    told = ["sink kafka out: counts fails since 2026-01-02T03:04:05Z, the rest goes on: SendRefused: [too large]", "x"]
    assert f"log-metrics: {told[0]}\nlog-metrics: x\n" in status(STREAM | {"told": told})
