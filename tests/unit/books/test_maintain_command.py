"""Retention on the command line: what goes, what stays, and what the other commands say of it afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from support.erasing import keeping
from support.late_player import reconcile
from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.cli.main import app
from tideline.errors import UserError
from tideline.gate.tie import ledger_frame
from tideline.home import Home
from tideline.tables.books import read_versions
from tideline.tables.schemas import StreamTables
from tideline.verify.sample import Draw, verify_sample

START = 1_769_853_600  # 2026-01-31T10:00:00Z: by now it is long ago
PER_MINUTE = {"window": "1 minute", "keys": ["service"], "measures": {"request_count": "count"}}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TIDELINE_HOME", str(tmp_path))
    return Home(tmp_path)


def deployed(home: Home, keeps: bool = True) -> Player:
    """A stream with a late event and a reject; windows up to 10:25 are closed."""
    spec = small_spec(requests=PER_MINUTE)
    spec = keeping(spec) if keeps else spec
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(spec.model_dump_json(exclude_none=True))
    player = Player(home.tables("small"), spec)
    player.play(log_line(START + 20, "shop"))
    player.play(log_line(START + 540, "shop"))
    player.play(log_line(START + 40, "shop"), b"not a log line")
    for minute in (20, 25, 30):
        player.play(log_line(START + 60 * minute, "shop"))
    reconcile(player)
    return player


def run(*arguments: str, status: int = 0) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == status, done.output
    return json.loads(done.stdout)


def test_a_dry_run_tells_what_the_run_then_does(home: Home) -> None:
    player = deployed(home)
    before = read_versions(player.tables)
    told = run("maintain", "small", "--dry-run")
    assert read_versions(player.tables) == before
    done = run("maintain", "small")
    assert done == told | {"files": {"packed": 0, "deleted": 0}}
    assert done["erased"] == {"batches": 4, "parts": 3, "corrections": 1, "rejects": 1, "late_events": 1}
    assert (done["keep"], done["expired_until"]) == ("11 minutes", "2026-01-31T10:24:50Z")
    assert run("maintain", "small")["erased"] == {"batches": 0}


def test_a_stream_that_keeps_everything_is_only_tidied(home: Home) -> None:
    deployed(home, keeps=False)
    done = run("maintain", "small")
    assert (done["keep"], done["expired_until"], done["erased"]) == (None, None, {"batches": 0})
    assert done["held_back"] == ["the spec has no `keep`: nothing is erased"]


def test_people_read_what_went_and_why_no_more(home: Home) -> None:
    deployed(home)
    said = CliRunner().invoke(app, ["maintain", "small"]).stdout
    assert "kept for 11 minutes: windows that end up to 2026-01-31T10:24:50Z have expired" in said
    assert "held back: later windows are open by the last batch's watermark" in said


def test_the_totals_of_the_books_stay(home: Home) -> None:
    deployed(home)
    before = run("ledger", "small")
    run("maintain", "small")
    after = run("ledger", "small")
    assert (after["totals"], after["gaps"], after["alarms"]) == (before["totals"], [], before["alarms"])
    assert after["brought_forward"] == {
        "batches": 4, "sent": 5, "rejected": 1, "counted": 3, "late": 1, "corrected": 1,
        "pending": 0, "held": 0, "unrecoverable": 0, "balanced": True,
    }  # fmt: skip
    said = CliRunner().invoke(app, ["ledger", "small"]).stdout
    assert "brought forward of 4 batches whose rows are erased: sent 5 = counted 3" in said


def test_explain_says_that_what_a_number_was_made_of_is_erased(home: Home) -> None:
    deployed(home)
    run("maintain", "small")
    found = run("explain", "small", "requests", "2026-01-31T10:00:00Z", "shop")
    assert (found["published"]["request_count"], found["steps"], found["differs"]) == (2, [], [])
    assert found["erased"] is not None
    said = CliRunner().invoke(app, ["explain", "small", "requests", "2026-01-31T10:00:00Z", "shop"])
    assert "what it was made of was erased on " in said.stdout
    assert "windows that end up to 2026-01-31T10:24:50Z have expired, and their rows stay" in said.stdout
    kept = run("explain", "small", "requests", "2026-01-31T10:25:00Z", "shop")
    assert (len(kept["steps"]), kept["erased"]) == (1, None)


def test_a_backfill_of_expired_windows_is_refused(home: Home) -> None:
    deployed(home)
    run("maintain", "small")
    times = ["--from", "2026-01-31T10:00:00Z", "--to", "2026-01-31T11:00:00Z"]
    refused = CliRunner().invoke(app, ["backfill", "small", "--dry-run", *times]).exception
    assert isinstance(refused, UserError)
    assert "windows that end up to 2026-01-31T10:24:50Z were made of was erased on " in refused.message
    assert refused.fix == ("begin at 2026-01-31T10:24:50Z or later: the rows of windows before it stay as they are")
    times[1] = "2026-01-31T10:25:00Z"
    assert run("backfill", "small", "--dry-run", *times)["open_windows"] == 2


def test_a_sample_draws_no_expired_window(home: Home) -> None:
    player = deployed(home)
    run("maintain", "small")
    report = verify_sample(player.tables, player.spec, player.read, Draw(1))
    assert (report.holds, report.windows) == (True, 2)


def test_expired_windows_are_not_tied_to_the_ledger(home: Home) -> None:
    player = deployed(home)
    ends = len(ledger_frame(player.tables, player.spec).rows)
    run("maintain", "small")
    frame = ledger_frame(StreamTables(player.root), player.spec)
    assert (ends, len(frame.rows)) == (3, 0)


def test_a_stream_that_is_not_there_is_wrong_use(home: Home) -> None:
    refused = CliRunner().invoke(app, ["maintain", "small"]).exception
    assert isinstance(refused, UserError)
    assert refused.exit_status == 2
