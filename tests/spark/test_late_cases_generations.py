"""Late cases on Spark: checkpoints that are lost, and drivers of an older generation."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from support.faults import Point
from support.records import log_line, small_spec
from support.stream_run import StreamRun, counts, require_exact
from tideline.spec.model import Source, StreamSpec
from tideline.tables.books import read_cuts, read_ledger
from tideline.tables.delta import Superseded, last_version
from tideline.tables.published import read_published
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


def test_a_changed_window_and_measure_with_late_events_in_both_generations(start: Start) -> None:
    """[80, 90) stays the old spec's, [80, 100) is the new one's; what the first lost waits until after the cut."""
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(1), log_line(5), log_line(100))
        run.feed(query, log_line(2))
    measures = {"request_count": "count", "slowest": "max(response_time)"}
    changed = small_spec(counts={"window": "20 seconds", "keys": ["service"], "measures": measures})
    run.generation, run.spec = 2, changed.model_copy(update={"source": run.spec.source})
    run.write_spec()
    with run.driver() as query:
        run.feed(query, log_line(3), log_line(98, response_time=0.5), log_line(300))
        run.feed(query, log_line(4), log_line(85), log_line(97, response_time=2.5), log_line(310))
    assert require_exact(run).books.late == 5
    rows = read_published(run.tables.published("counts"))
    assert rows is not None
    found = {(round(row["window_end"].timestamp()), row["request_count"], row["slowest"]) for row in rows.to_pylist()}
    assert found == {
        (10, 5, None), (90, 1, None), (100, 3, 2.5), (120, 1, None), (320, 2, None),
    }  # fmt: skip


@pytest.mark.parametrize(("starting", "counted"), [("latest", {}), ({0: 2}, {(20, "a"): 1})])
def test_a_stream_begins_at_its_starting_offsets_and_its_books_with_it(
    start: Start, starting: Any, counted: dict[tuple[int, str], int]
) -> None:
    spec = small_spec()
    source = Source.model_validate({**spec.source.model_dump(exclude_none=True), "starting_offsets": starting})
    run = start(spec.model_copy(update={"source": source}))
    run.send(log_line(1), log_line(2), log_line(20))
    with run.driver() as query:
        query.processAllAvailable()
        assert counts(run) == counted
        run.feed(query, log_line(21), log_line(100))
        run.feed(query, log_line(3), log_line(22))
    report = require_exact(run)
    assert (report.books.late, counts(run)[0, "a"], counts(run)[20, "a"]) == (2, 1, len(counted) + 2)
    run.generation += 1
    with run.driver() as query:
        run.feed(query, log_line(101))
    assert counts(run)[100, "a"] == 2
    require_exact(run)
