"""Late cases on Spark: which pairs a batch drops, at the edge of a window and at the edge of time."""

from __future__ import annotations

from collections.abc import Callable

from support.records import log_line, micro_line, small_spec
from support.stream_run import StreamRun, counts, dropped_by_spark, require_exact
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_corrections, read_ledger

Start = Callable[[StreamSpec], StreamRun]
SECOND = 1_000_000
COUNT = {"keys": ["service"], "measures": {"request_count": "count"}}


def test_case_01_many_to_one(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(5), log_line(100))
        late = [log_line(7, "b"), log_line(15), log_line(80), log_line(85), micro_line(80 * SECOND - 1)]
        run.feed(query, *[log_line(7)] * 50, *late, b"junk")
        assert dropped_by_spark(query) == 5
    before = run.verify()
    assert (before.books.late, before.books.rejected, before.books.pending) == (55, 1, 55)
    result = run.reconcile()
    assert (result.late_events, result.corrections) == (55, 5)
    assert (counts(run)[0, "a"], counts(run)[70, "a"]) == (51, 1)
    require_exact(run)


def test_case_02_the_edge_counts_as_late(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(100))
        run.feed(query, log_line(89), log_line(90, "z"), micro_line(90 * SECOND - 1))
        assert dropped_by_spark(query) == 1
    assert counts(run) == {(100, "a"): 1, (90, "z"): 1}
    assert require_exact(run).books.late == 2


def test_case_03_one_batch_behind(start: Start) -> None:
    spec = small_spec()
    run = start(spec.model_copy(update={"source": spec.source.model_copy(update={"max_offsets_per_trigger": 1})}))
    run.send(*(log_line(t) for t in (5, 100, 7, 8)))
    with run.driver() as query:
        query.processAllAvailable()
    rows = [(row.late_ms, row.watermark_ms) for row in read_ledger(run.tables) if row.rows]
    assert rows == [(0, 0), (0, 0), (0, 90_000), (90_000, 90_000)]
    assert counts(run)[0, "a"] == 2
    assert require_exact(run).books.late == 1


def test_case_04_partly_late(start: Start) -> None:
    run = start(small_spec(counts={"window": "30 seconds", "slide": "10 seconds", **COUNT}))
    with run.driver() as query:
        run.feed(query, log_line(100))
        run.feed(query, log_line(75), log_line(76))
        assert dropped_by_spark(query) == 2
    assert {at: count for (at, _), count in counts(run).items()} == {70: 2, 80: 1, 90: 1, 100: 1}
    require_exact(run)
    assert sum(read_corrections(run.tables, run.spec)["events"].to_pylist()) == 4


def test_case_05_before_the_epoch_and_null(start: Start) -> None:
    run = start(small_spec())
    with run.driver() as query:
        run.feed(query, log_line(-50), log_line(-5), log_line(0), b'{"timestamp": null, "service": "a"}')
    assert counts(run) == {(0, "a"): 1}
    books = require_exact(run).books
    assert (books.late, books.rejected) == (2, 1)


def test_case_30_microseconds_and_zones(start: Start) -> None:
    run = start(small_spec(counts={"window": "10 seconds", **COUNT}, hours={"window": "1 hour", **COUNT}))
    zones = [b'{"timestamp": "1970-03-29T0%d:30:00+0%d:00", "service": "dst"}' % at for at in ((1, 1), (3, 2))]
    with run.driver() as query:
        run.feed(query, micro_line(90 * SECOND - 1), micro_line(90 * SECOND), micro_line(100 * SECOND + 999))
        run.feed(query, micro_line(90 * SECOND - 1), micro_line(90 * SECOND), micro_line(90 * SECOND + 1))
        assert (counts(run)[80, "a"], counts(run)[90, "a"]) == (1, 3)
        run.feed(query, *zones)
        run.feed(query, *reversed(zones))
    assert [n for (_, service), n in sorted(counts(run, "hours").items()) if service == "dst"] == [1, 2]
    require_exact(run)
    assert counts(run)[80, "a"] == 2
    assert [n for (_, service), n in sorted(counts(run, "hours").items()) if service == "dst"] == [2, 2]


def test_case_30_windows_that_are_no_whole_number_of_slides(start: Start) -> None:
    run = start(small_spec(counts={"window": "7 seconds", "slide": "3 seconds", **COUNT}))
    with run.driver() as query:
        run.feed(query, *(log_line(t) for t in (-1, 0, 1, 2, 3, 5, 6, 6.999, 7, 40)))
        run.feed(query, *(log_line(t) for t in (24, 25, 27, 27.999, 28, 29, 30, 31)))
    assert 0 < require_exact(run).books.late < 9


def test_case_31_no_delay(start: Start) -> None:
    run = start(small_spec().model_copy(update={"watermark": 0}))
    with run.driver() as query:
        run.feed(query, log_line(110))
        run.feed(query, log_line(110), log_line(109.999), log_line(105))
        assert dropped_by_spark(query) == 1
    assert counts(run) == {(110, "a"): 2}
    assert require_exact(run).books.late == 2
