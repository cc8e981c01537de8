"""What is lost of a stream's state: after restart and reconciliation verify holds all the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from support.platform import Platform
from support.records import log_line, small_spec
from support.stream_run import StreamRun, new_run, require_exact
from tideline.ledger import RowSource
from tideline.tables.books import read_ledger
from tideline_spark.exits import Exit, StateLost, exit_code

Lose = Callable[[StreamRun], None]


@pytest.fixture
def run(spark: SparkSession, platform: Platform, tmp_path: Path) -> StreamRun:
    """A stream that has read a few batches, with late events pending; its driver is stopped."""
    started = new_run(spark, platform, tmp_path, small_spec())
    with started.driver() as query:
        started.feed(query, log_line(5), log_line(15), log_line(40))
        started.feed(query, log_line(45), log_line(6), log_line(7, "b"))
        started.feed(query, log_line(48), log_line(16))
    return started


def go_on(run: StreamRun) -> None:
    with run.driver() as query:
        run.feed(query, log_line(49), log_line(17), b"junk")
        run.feed(query, log_line(95), log_line(8))


def last_versions(run: StreamRun, count: int) -> int:
    return read_ledger(run.tables)[-count].version


def lose_last_commit(run: StreamRun) -> None:
    last = max(int(file.name) for file in (run.checkpoint / "commits").iterdir() if file.name.isdigit())
    for file in (f"{last}", f".{last}.crc"):
        (run.checkpoint / "commits" / file).unlink(missing_ok=True)


def lose_ledger_rows(run: StreamRun) -> None:
    DeltaTable(str(run.tables.parts)).delete(f"kind = 'ledger' and version >= {last_versions(run, 3)}")


def lose_old_entries(run: StreamRun) -> None:
    """Ledger rows in the middle, and the checkpoint's entries of them, as after a long time."""
    ledger = read_ledger(run.tables)
    gone = ledger[2:4]
    DeltaTable(str(run.tables.parts)).delete(
        f"kind = 'ledger' and version >= {gone[0].version} and version <= {gone[-1].version}"
    )
    for row in ledger[:4]:
        for file in (f"{row.batch}", f".{row.batch}.crc"):
            (run.checkpoint / "offsets" / file).unlink(missing_ok=True)


@pytest.mark.parametrize("lose", [lose_last_commit, lose_ledger_rows, lose_old_entries])
def test_the_same_generation_goes_on_after_a_loss_that_can_be_mended(run: StreamRun, lose: Lose) -> None:
    lose(run)
    go_on(run)
    require_exact(run)


def test_rows_from_the_checkpoint_are_what_they_were_and_say_so(run: StreamRun) -> None:
    before = read_ledger(run.tables)
    lose_ledger_rows(run)
    run.reconcile()
    after = read_ledger(run.tables)
    assert [row.source for row in after[-3:]] == [RowSource.REBUILT] * 3
    assert [(row.ranges, row.panes, row.late_ms, row.watermark_ms) for row in after] == [
        (row.ranges, row.panes, row.late_ms, row.watermark_ms) for row in before
    ]


def lose_checkpoint(run: StreamRun) -> None:
    shutil.rmtree(run.checkpoint)


def lose_batches(run: StreamRun) -> None:
    DeltaTable(str(run.tables.parts)).delete(f"kind <> 'cut' and version >= {last_versions(run, 3)}")


def lose_checkpoint_and_ledger_rows(run: StreamRun) -> None:
    lose_ledger_rows(run)
    lose_checkpoint(run)


@pytest.mark.parametrize("lose", [lose_checkpoint, lose_batches])
def test_a_loss_that_cannot_be_mended_is_refused_and_a_new_generation_goes_on(run: StreamRun, lose: Lose) -> None:
    lose(run)
    with pytest.raises(StateLost, match="new-generation"):
        go_on(run)
    run.generation += 1
    go_on(run)
    require_exact(run)


def test_a_lost_checkpoint_with_lost_ledger_rows(run: StreamRun) -> None:
    lose_checkpoint_and_ledger_rows(run)
    run.generation += 1
    go_on(run)
    require_exact(run)


def test_a_lost_state_file_ends_the_driver_and_a_new_generation_goes_on(run: StreamRun) -> None:
    for file in (run.checkpoint / "state").rglob("*.delta"):
        file.unlink()
    with pytest.raises(StreamingQueryException) as failed:
        go_on(run)
    assert exit_code(failed.value) is Exit.STATE
    run.generation += 1
    go_on(run)
    require_exact(run)
