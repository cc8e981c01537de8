"""A deployed stream of which one late event is held back by the gate."""

from __future__ import annotations

import pyarrow as pa

from support.records import log_line, small_spec
from tideline.bench.player import Player
from tideline.gate.suites import Validation
from tideline.home import Home
from tideline.reconcile import reconcile_books
from tideline.stream_books import StreamBooks
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables

PAGE = "validations/corrections/run-1/page.html"
FAILURE = "counts: too `many` [rows]"


def refuse(books: StreamBooks, corrections: pa.Table) -> Validation:
    """A gate that lets nothing through."""
    return Validation((FAILURE,), PAGE)


def hold_one_event(home: Home, name: str = "small") -> StreamTables:
    """The tables of a small stream of this name: hold 1 is the second event of the first window."""
    spec = small_spec().model_copy(update={"name": name})
    home.stream(name).root.mkdir(parents=True)
    home.stream(name).spec.write_text(spec.model_dump_json(exclude_none=True))
    player = Player(home.tables(name), spec)
    player.play(log_line(5), log_line(41))
    player.play(log_line(42))
    player.play(log_line(6), log_line(43))
    reconcile_books(player.books, gate=refuse)
    return player.tables


def first_count(tables: StreamTables) -> int:
    """What is published of the first window."""
    rows = read_published(tables.published("counts"))
    assert rows is not None
    (count,) = (row["request_count"] for row in rows.to_pylist() if row["window_end"].timestamp() == 10)
    return int(count)
