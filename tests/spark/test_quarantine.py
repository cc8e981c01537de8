"""The quarantine list on a real Spark and a real broker."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from typer.testing import CliRunner

from support.platform import Platform
from support.records import log_line, small_spec
from support.stream_run import new_run
from tideline.cli import quarantine_commands
from tideline.errors import UserError
from tideline.quarantine import Entry
from tideline.quarantine_list import added, change_list, removed
from tideline.rejects import newest_rejects
from tideline.tables.books import read_ledger
from tideline_spark.begin_stream import begin_stream


def test_a_quarantined_record_never_reaches_the_parser(spark: SparkSession, platform: Platform, tmp_path: Path) -> None:
    """Parsed, the poison would move the watermark far ahead: stream, reconciliation and verify all leave it out."""
    run = new_run(spark, platform, tmp_path, small_spec())
    entry = Entry(0, 1, "closes every window", "ann", "2026-01-31T10:00:00Z")
    change_list(run.home.stream("small").quarantine, lambda entries: added(entries, entry))
    poison = log_line(1_000_000)
    with run.driver() as query:
        run.feed(query, log_line(1), poison)
        run.feed(query, log_line(2))
        run.feed(query, log_line(40), log_line(3))
        run.feed(query, log_line(4))
    rejects = [(r.offset, r.reason, r.value) for r in newest_rejects(run.tables, 9)]
    assert rejects == [(1, "quarantined", poison)]
    assert max(row.watermark_ms for row in read_ledger(run.tables)) == 30_000
    assert run.reconcile().late_events == 1
    report = run.verify()
    assert (report.holds, report.log.rejected, report.books.late) == (True, 1, 1)


def test_a_batch_that_got_its_ledger_row_back_runs_again_by_the_verdicts_it_gave(
    spark: SparkSession, platform: Platform, tmp_path: Path
) -> None:
    run = new_run(spark, platform, tmp_path, small_spec())
    path = run.home.stream("small").quarantine
    change_list(path, lambda entries: added(entries, Entry(0, 1, "bad", "ann", "2026-01-31T10:00:00Z")))
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(2))
    change_list(path, lambda entries: removed(entries, 0, 1))
    last = read_ledger(run.tables)[-1]
    DeltaTable(str(run.tables.parts)).delete(f"kind = 'ledger' and version = {last.version}")
    begun = begin_stream(run.home, run.spec, run.generation, run.kafka, run.topic_id)
    assert begun.quarantine.records == {(0, 1)}
    assert read_ledger(run.tables)[-1].version == last.version


def test_a_record_listed_after_it_was_counted_asks_for_its_windows(
    spark: SparkSession, platform: Platform, tmp_path: Path
) -> None:
    """Until they are recomputed `verify` names them; off the list again, all is as it was."""
    run = new_run(spark, platform, tmp_path, small_spec())
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(2))
        run.feed(query, log_line(40))
        run.feed(query, log_line(41))
    app = typer.Typer()
    quarantine_commands.register(app)
    ports = {"TIDELINE_HOME": str(run.home.root), "TIDELINE_BROKER_PORT": run.kafka.servers.rpartition(":")[2]}
    runner = CliRunner(env=ports)

    def change(*arguments: str) -> dict[str, object]:
        done = runner.invoke(app, ["quarantine", "small", *arguments, "--json"], catch_exceptions=False)
        found: dict[str, object] = json.loads(done.stdout)
        assert found.pop("read_by") is not None
        return found

    expected = {
        "stream": "small",
        "windows": [{"metric": "counts", "window_end": "1970-01-01T00:00:10Z"}],
        "open_windows": [],
        "from": "1970-01-01T00:00:00Z",
        "to": "1970-01-01T00:00:10Z",
    }
    assert change("add", "0", "1", "--why", "a test's own") == expected
    report = run.verify()
    assert [(d.column, d.expected, d.found) for d in report.metrics["counts"].shown] == [("request_count", "1", "2")]
    assert change("remove", "0", "1") == expected
    assert run.verify().holds
    beyond = runner.invoke(app, ["quarantine", "small", "add", "0", "99", "--why", "no such record"])
    assert isinstance(beyond.exception, UserError)
    assert "it ends before offset" in beyond.exception.fix
