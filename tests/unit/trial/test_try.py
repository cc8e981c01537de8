"""A spec on a file's lines: what it makes of them, and what a few lines of Python count from the same file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from support.real_logs import TRAFFIC, counted, real_log, told
from support.records import log_line
from tideline.cli.main import app
from tideline.spec.load import parse_spec
from tideline.trial import read_lines, try_lines

NOW_MS = 1_900_000_000_000


@pytest.mark.parametrize(("metric", "seconds"), [("minutes", 60), ("five_minutes", 300)])
@pytest.mark.parametrize("name", ["apache_access.log", "nasa_access.log"])
def test_a_real_log_has_the_counts_that_a_script_finds(name: str, metric: str, seconds: int) -> None:
    lines = real_log(name)
    tables = try_lines(parse_spec(TRAFFIC, "traffic.yaml"), lines, NOW_MS).tables
    assert told(tables[metric]) == counted(lines, seconds)


def test_what_is_no_event_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"\n".join([log_line(1), b"", b"garbage \x1b[31m", log_line(2, "b"), b'{"timestamp": 1']))
    (tmp_path / "traffic.yaml").write_text(TRAFFIC)
    asked = ["try", str(tmp_path / "traffic.yaml"), str(file)]
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 0
    assert "4 lines: 2 events, 2 rejects" in said.stdout
    assert r"line 3  malformed_line  garbage \x1b[31m" in said.stdout
    assert "five_minutes: 1 rows" in said.stdout
    told = json.loads(CliRunner().invoke(app, [*asked, "--metric", "minutes", "--json"]).stdout)
    assert told["rejects"] == {"malformed_line": 1, "malformed_json": 1}
    assert [reject["line"] for reject in told["first_rejects"]] == [3, 5]
    assert told["tables"] == {
        "minutes": [
            {"window_start": datetime.fromtimestamp(0, UTC).isoformat().replace("+00:00", "Z"), "requests": 2,
             "client_errors": 0, "server_errors": 0, "clients": 0}
        ]
    }  # fmt: skip


@pytest.mark.parametrize("at_once", [1, 2, 50])
def test_a_line_has_its_number_in_the_file(at_once: int) -> None:
    lines = [b"", b"", log_line(1), b"x", b"", b"", b"y", log_line(2), b"", b"z", b""]
    trial = try_lines(parse_spec(TRAFFIC, "traffic.yaml"), lines, NOW_MS, at_once=at_once)
    assert [(each.line, each.value) for each in trial.first_rejects] == [(4, b"x"), (7, b"y"), (10, b"z")]
    assert (trial.lines, trial.events) == (5, 2)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_lines_come_without_their_ends_and_empty_ones_too(tmp_path: Path, ends: bytes) -> None:
    (tmp_path / "lines").write_bytes(ends.join([b"a", b"", b" b", b"c"]))
    assert list(read_lines(tmp_path / "lines")) == [b"a", b"", b" b", b"c"]


def test_chunks_do_not_change_what_a_file_says() -> None:
    spec = parse_spec(TRAFFIC, "traffic.yaml")
    lines = [log_line(number, ip_address=f"10.0.0.{number % 7}") for number in range(200)]
    whole = try_lines(spec, lines, NOW_MS)
    read: list[int] = []
    assert try_lines(spec, lines, NOW_MS, read.append, at_once=30).tables == whole.tables
    assert read == [30, 60, 90, 120, 150, 180, 200]


def test_a_file_without_any_event_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "traffic.yaml").write_text(TRAFFIC)
    (tmp_path / "lines").write_text("x\n")
    assert CliRunner().invoke(app, ["try", str(tmp_path / "traffic.yaml"), str(tmp_path / "lines")]).exit_code == 1
