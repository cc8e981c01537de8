"""The books on the command line: what is printed, in JSON and for people, and how wrong use is answered."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from deltalake import DeltaTable
from typer.testing import CliRunner

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.cli import (
    backfill_command,
    explain_command,
    lateness_commands,
    ledger_commands,
    reconcile_command,
    verify_command,
)
from tideline.errors import UserError
from tideline.home import Home
from tideline.ledger import Books
from tideline.reconcile import ReconcileResult, reconcile_books
from tideline.verify.report import Difference, Kept, Log, MetricReport, VerifyReport

app = typer.Typer(rich_markup_mode=None)
COMMANDS = (backfill_command, explain_command, lateness_commands, ledger_commands, reconcile_command, verify_command)
for module in COMMANDS:
    module.register(app)

SPEC = {
    "name": "small",
    "source": {"topic": "small"},
    "watermark": "10 seconds",
    "metrics": {"counts": {"window": "10 seconds", "keys": ["service"], "measures": {"request_count": "count"}}},
}
CLOSED_PORT = "1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployed stream with one late event that is corrected and one that waits; no broker answers."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.stream("small").root.mkdir(parents=True)
    home.stream("small").spec.write_text(yaml.safe_dump(SPEC))
    player = Player(home.tables("small"), small_spec())
    player.play(log_line(5), log_line(15), b"junk")
    player.play(log_line(45))
    player.play(log_line(6))
    reconcile_books(player.books)
    player.play(log_line(7))
    return home


def run(home: Home, *arguments: str) -> tuple[int, str]:
    environment = {"TIDELINE_HOME": str(home.root), "TIDELINE_BROKER_PORT": CLOSED_PORT, "COLUMNS": "300"}
    done = CliRunner(env=environment).invoke(app, list(arguments))
    if isinstance(done.exception, UserError):
        raise done.exception
    return done.exit_code, done.stdout


def run_json(home: Home, *arguments: str) -> dict[str, Any]:
    status, output = run(home, *arguments, "--json")
    assert status == 0
    found: dict[str, Any] = json.loads(output)
    return found


def test_the_ledger_shows_the_last_batches_and_balanced_totals(home: Home) -> None:
    status, output = run(home, "ledger", "small", "--last", "2")
    lines = output.splitlines()
    assert (status, [line.split()[0] for line in lines[1:3]], len(lines)) == (0, ["1/2", "1/3"], 4)
    assert lines[-1] == ("sent 6 = counted 3 + rejected 1 + late 2 (1 corrected, 1 pending, 0 unrecoverable): balanced")


@pytest.mark.parametrize(
    ("by", "key", "count"), [("batch", "batches", 4), ("day", "days", 1), ("state", "generations", 1)]
)
def test_the_ledger_as_json_has_totals_gaps_and_one_division(home: Home, by: str, key: str, count: int) -> None:
    found = run_json(home, "ledger", "small", "--by", by)
    assert sorted(found) == sorted(["stream", "totals", "brought_forward", "gaps", "alarms", key])
    assert (len(found[key]), found["totals"]["late"], found["totals"]["pending"]) == (count, 2, 1)


SUMS = {"sent", "rejected", "counted", "late", "corrected", "pending", "held", "unrecoverable", "balanced"}


@pytest.mark.parametrize(
    ("by", "key", "keys"),
    [
        (
            "batch",
            "batches",
            {"generation", "batch", "recorded", "offsets", *SUMS, "late_watermark", "watermark", "source"},
        ),
        ("day", "days", {"day", "batches", *SUMS}),
        ("state", "generations", {"generation", "at", "starts", "bound", "reason", "fingerprint"}),
    ],
)
def test_the_ledgers_help_names_the_keys_of_its_json(home: Home, by: str, key: str, keys: set[str]) -> None:
    found = run_json(home, "ledger", "small", "--by", by)
    assert (set(found["totals"]), set(found[key][0])) == (SUMS, keys)
    _, said = run(home, "ledger", "--help")
    listed = re.search(rf"{key} \[\{{((?:[^{{}}]|\{{[^{{}}]*\}})*)\}}\]", " ".join(said.split()))
    assert listed is not None
    words = re.sub(r"\{[^{}]*\}|\([^()]*\)", "", listed[1])
    assert {word.strip() for word in words.split(",")} == keys


@pytest.mark.parametrize("by", ["batch", "day"])
def test_the_ledgers_columns_are_called_as_in_its_json(home: Home, by: str) -> None:
    _, output = run(home, "ledger", "small", "--by", by)
    columns = output.splitlines()[0].split()
    assert set(columns) & SUMS >= {"sent", "rejected", "counted", "late"}
    assert not set(columns) & {"events", "records", "rejects"}
    assert ("state" in columns) or set(columns) >= {"corrected", "pending", "unrecoverable"}


def test_a_state_has_its_own_line(home: Home) -> None:
    _, output = run(home, "ledger", "small", "--by", "state")
    states = {line.rsplit(maxsplit=1)[0].strip(): line.split()[-1] for line in output.splitlines()[1:7]}
    assert states == {
        "counted": "3",
        "rejected": "1",
        "late, corrected": "1",
        "late, pending": "1",
        "late, held": "0",
        "late, unrecoverable": "0",
    }


def test_explain_ends_with_the_published_row(home: Home) -> None:
    status, output = run(home, "explain", "small", "counts", "1970-01-01T00:00:00Z", "a")
    assert (status, output.splitlines()[-2:]) == (
        0,
        ["published: request_count 2, revision 1, closed", "this is what its inputs give"],
    )
    assert "waits for a reconciliation: batch 1/3 dropped 0:5..5 (1 event) of the window" in output


@pytest.mark.parametrize("window", ["0", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00", "1970-01-01"])
def test_a_window_is_given_as_a_time_or_in_milliseconds(home: Home, window: str) -> None:
    found = run_json(home, "explain", "small", "counts", window, '["a"]')
    assert [step["values"]["request_count"] for step in found["steps"]] == [1, 2]
    assert (found["published"]["request_count"], found["differs"]) == (2, [])


def test_dry_runs_need_no_broker(home: Home) -> None:
    assert run_json(home, "reconcile", "small", "--dry-run") == {
        "stream": "small",
        "batches": 1,
        "windows": 1,
        "late_events": 1,
        "records": 1,
    }
    found = run_json(home, "backfill", "small", "--from", "1970-01-01", "--to", "1970-01-02T00:00:00Z", "--dry-run")
    assert (found["windows"], found["open_windows"], found["gone"]) == (2, 1, {})


def test_dry_runs_write_nothing(home: Home) -> None:
    def versions() -> list[int]:
        return [DeltaTable(str(path.parent)).version() for path in sorted(home.tables("small").glob("*/_delta_log"))]

    before = versions()
    run(home, "reconcile", "small", "--dry-run")
    run(home, "backfill", "small", "--from", "1970-01-01", "--to", "1970-01-02", "--dry-run")
    assert versions() == before


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        ("ledger smal", "stream 'smal' was never deployed", "did you mean 'small'?"),
        ("ledger small --event-time", "divides days", "--by day"),
        ("explain small counts yesterday a", "WINDOW 'yesterday' is not a time", "2026-01-31T10:00:00Z"),
        ("explain small count 0 a", "no metric 'count'", "did you mean 'counts'?"),
        ("backfill small --from 1970-01-02 --to 1970-01-01", "is empty", "--from a time before --to"),
        ("reconcile small --from 1970-01-02 --to 1970-01-01", "there is no time", "--from a time before --to"),
        ("reconcile small --from soon", "--from 'soon' is not a time", "2026-01-31T10:00:00Z"),
        ("verify small --sample 2", "--sample is a share", "--sample 0.05"),
        ("verify small --seed 2", "--seed draws windows", "--sample or --windows"),
        ("verify small --seed 2 --from 1970-01-01", "--seed draws windows", "--sample or --windows"),
        ("ledger small --by state --last 3", "--last divides nothing", "--by batch or day"),
        ("explain small counts 0 a --until soon", "--until 'soon' is not a time", "2026-01-31T10:00:00Z"),
        ("explain small counts 0 a --until 15000", "no window from", "--until 1970-01-01T00:00:10Z"),
        ("explain small counts 0 null", "it is the text null", "[null]"),
        ("explain small counts 0 [x]", "key '[x]' is no JSON array", """'["x"]'"""),
        ("lateness small --target 1", "--target 1 is no share", "0.001"),
        ("lateness small --target nan", "--target nan is no share", "0.001"),
        ("verify smal", "stream 'smal' was never deployed", "did you mean 'small'?"),
    ],
)
def test_wrong_use_is_named_with_its_fix(home: Home, arguments: str, message: str, fix: str) -> None:
    with pytest.raises(UserError) as error:
        run(home, *arguments.split())
    assert message in error.value.message
    assert fix in (error.value.fix or "")


def test_a_home_that_is_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    for home in (file, file / "home"):
        monkeypatch.setenv("TIDELINE_HOME", str(home))
        with pytest.raises(UserError, match=f"{file} is no folder"):
            Home.from_env()


def test_the_help_of_reconcile_names_every_key(home: Home) -> None:
    keys = [field.name for field in fields(ReconcileResult)]
    _, said = run(home, "reconcile", "--help")
    assert [key for key in keys if key not in said] == []


def report(differences: int) -> MetricReport:
    shown = tuple(Difference("counts", "1970-01-01", f'["{n}"]', "n", "1", "2") for n in range(min(2, differences)))
    return MetricReport(9, 9, differences, 0, shown)


@pytest.mark.parametrize(("differences", "said"), [(2, False), (7, True)])
def test_verify_says_when_it_names_only_some(differences: int, said: bool, capsys: pytest.CaptureFixture[str]) -> None:
    verify_command.show_report(
        VerifyReport("small", None, {"counts": report(differences)}, Log(), Kept(), Books(0, 0, 0, 0, 0))
    )
    assert ("counts: the first 2 of 7 differences" in capsys.readouterr().out) is said


def test_a_time_without_a_zone_is_said_to_be_utc(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    from tideline.cli.names import parse_time

    assert parse_time("2026-01-31T10:00:00", "--from").isoformat() == "2026-01-31T10:00:00+00:00"
    assert parse_time("2026-01-31T10:00:00+02:00", "--to").isoformat() == "2026-01-31T10:00:00+02:00"
    assert capsys.readouterr().err == "--from 2026-01-31T10:00:00 has no zone: taken as UTC\n"
