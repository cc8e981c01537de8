"""Hostile records of a megabyte are events or rejects with a reason, as whoever sent them meant it or not."""

from __future__ import annotations

import pytest

from support.records import log_line, log_metrics
from tideline.bench.hostile import HOSTILE
from tideline.bench.player import records
from tideline.engine.cells import Engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(log_metrics())


@pytest.mark.parametrize("kind", HOSTILE)
def test_it_is_parsed_or_rejected_with_a_reason(engine: Engine, kind: str) -> None:
    make, reason = HOSTILE[kind]
    engine.load(records([log_line(1), make(1_000_000), log_line(2)]))
    rows = engine.parsed().sort_by("_offset").to_pylist()
    assert [row["_reason"] for row in rows] == [None, reason, None]
    assert (rows[1]["_value"] is None) == (reason is None)
    assert len(engine.cells())
