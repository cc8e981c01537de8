"""Late cases on Spark: checkpoints that are lost, and drivers of an older generation."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from support.faults import Point
from support.records import log_line, small_spec
from support.stream_run import StreamRun, counts, require_exact
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_cuts, read_ledger
from tideline.tables.delta import Superseded, last_version
from tideline.tables.schemas import PARTS_WRITER
from tideline.versions import version_of

Start = Callable[[StreamSpec], StreamRun]


def test_case_23_the_checkpoint_is_reset(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(35))
        run.feed(query, log_line(2), log_line(41))
    shutil.rmtree(run.checkpoint)
    run.generation = 2
    with run.driver() as query:
        run.feed(query, log_line(3), log_line(36))
        run.feed(query, log_line(4), log_line(60))
    assert {row.batch for row in read_ledger(run.tables) if row.generation == 2} >= {0, 1}
    assert counts(run)[30, "a"] == 2
    require_exact(run)
    assert counts(run) == {(0, "a"): 4, (30, "a"): 2, (40, "a"): 1, (60, "a"): 1}


def test_case_34_killed_before_the_commit_and_the_checkpoint_is_lost(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(35))
    run.feed_and_die(Point.BEFORE_COMMIT, log_line(2), log_line(36))
    shutil.rmtree(run.checkpoint)
    run.generation = 2
    with run.driver() as query:
        run.feed(query, log_line(37))
    assert [cut.starts for cut in read_cuts(run.tables)] == [{0: 0}, {0: 2}]
    require_exact(run)
    assert counts(run) == {(0, "a"): 2, (30, "a"): 3}


def test_case_35_a_zombie_of_the_old_generation_is_refused(start: Start) -> None:
    run, zombie = start(small_spec()), start(small_spec())
    with zombie.driver() as old:
        zombie.feed(old, log_line(1))
        run.generation = 2
        with run.driver() as query:
            cut = last_version(run.tables.parts, PARTS_WRITER)
            with pytest.raises(Exception, match=Superseded.__name__):
                zombie.feed(old, log_line(2))
            query.processAllAvailable()
    assert [row.generation for row in read_ledger(run.tables)][-1] == 2
    assert cut == version_of(2, 0) - 1
    assert counts(run) == {(0, "a"): 2}
    require_exact(run)
