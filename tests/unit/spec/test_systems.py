"""docs/systems.md: every system has its row, and each row names a command, a stream and a table that exist."""

from __future__ import annotations

import re
from typing import Final

import pytest
import typer

from support.records import CHECKOUT
from tideline.cli.main import app
from tideline.home import PROJECT_SPECS
from tideline.spec.job import JobSpec
from tideline.spec.load import find_spec, load_any_spec
from tideline.spec.model import StreamSpec

PARTS: Final = (("A", 7), ("B", 7), ("C", 5), ("D", 14))
IDS: Final = [f"{part}{number}" for part, last in PARTS for number in range(1, last + 1)]
BOOKS: Final = {"late_events", "late_alerts"}
WORD_COUNTS: Final = "word_counts"
RUNNING: Final = ["E1", "E2", "E3", "E4", "E5"]
ALL_ROWS: Final = {
    cells[0]: cells
    for line in (CHECKOUT / "docs" / "systems.md").read_text().splitlines()
    if re.fullmatch(r"[A-E]\d+", (cells := [cell.strip() for cell in line.strip("|").split("|")])[0])
}
ROWS: Final = {name: cells for name, cells in ALL_ROWS.items() if name not in RUNNING}
"""Those of streams; the others are about running them, and have no table."""
SPECS: Final = {path.stem: load_any_spec(find_spec(path.stem, PROJECT_SPECS)) for path in PROJECT_SPECS.glob("*.yaml")}
STREAMS: Final = {name: spec for name, spec in SPECS.items() if isinstance(spec, StreamSpec)}


def test_every_system_has_a_row() -> None:
    assert list(ALL_ROWS) == [*IDS, *RUNNING]


@pytest.mark.parametrize("name", RUNNING)
def test_what_runs_streams_has_a_document_and_a_command(name: str) -> None:
    _, text, shown = ALL_ROWS[name]
    documents = re.findall(r"\]\(([\w.-]+)", text)
    assert documents and all((CHECKOUT / "docs" / document).is_file() for document in documents)
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    targets = set(re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    calls = [call.split() for call in re.findall(r"`([^`]+)`", shown)]
    assert calls and all(call[1] in {"tideline": known, "make": targets}[call[0]] for call in calls)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_its_command_and_stream_exist(row: list[str]) -> None:
    words = row[-1].strip("`").split()
    if words[0] == "make":
        assert f"{words[1]}:" in (CHECKOUT / "Makefile").read_text()
        return
    known = typer.main.get_command(app)
    assert words[0] == "tideline" and words[1] in known.commands  # type: ignore[attr-defined]
    assert words[1] == "produce" or words[2] in SPECS


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row[2]], ids=lambda row: row[0])
def test_its_table_is_one_of_the_stream(row: list[str]) -> None:
    table, stream = row[2].strip("`"), row[-1].strip("`").split()[2]
    if isinstance(SPECS[stream], JobSpec):
        assert table == WORD_COUNTS
    else:
        assert table in BOOKS or table in STREAMS[stream].metrics


@pytest.mark.parametrize("name", STREAMS)
def test_every_metric_and_detector_of_a_stream_stands_in_a_row(name: str) -> None:
    of_stream = [row for row in ROWS.values() if name in row[-1]]
    assert {row[2].strip("`") for row in of_stream} - {"", *BOOKS} == set(STREAMS[name].metrics)
    watched = {detector.metric for detector in STREAMS[name].detectors.values()}
    assert watched == {row[2].strip("`") for row in of_stream if "tideline anomalies" in row[-1]}
