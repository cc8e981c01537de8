"""Hostile records through Kafka and Spark: none stops the stream, each is counted or rejected with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from support.records import log_line, log_metrics
from support.stream_run import StreamRun, require_exact
from tideline.bench.hostile_records import KINDS, LONG
from tideline.spec.model import StreamSpec
from tideline.tables.books import read_ledger

Start = Callable[[StreamSpec], StreamRun]


def test_the_stream_goes_on(start: Start) -> None:
    run = start(log_metrics())
    values = [kind.make(LONG) for kind in KINDS.values()]
    with run.driver() as query:
        run.feed(query, log_line(1), *values, log_line(2))
        run.feed(query, log_line(1_000))
        run.feed(query, log_line(3), values[0])  # both late
    reasons = Counter(filter(None, (kind.reason_in("log") for kind in KINDS.values())))
    assert sum(row.rejects for row in read_ledger(run.tables)) == reasons.total()
    report = require_exact(run)
    assert report.books.late == 2
    assert report.books.rejected == reasons.total()
    assert report.books.counted == len(KINDS) - reasons.total() + 3
