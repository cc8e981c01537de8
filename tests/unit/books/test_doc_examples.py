"""The examples in docs/late-data.md are real output: their stream is played, and the commands are run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tideline.backfill import recompute_windows, windows_between
from tideline.bench.player import Player
from tideline.cli.main import app
from tideline.home import CHECKOUT, Home
from tideline.reconcile import reconcile_books
from tideline.spec.model import StreamSpec
from tideline.stream_books import StreamBooks
from tideline.tables.books import read_ledger
from tideline.tables.schemas import StreamTables

DOCUMENT = (CHECKOUT / "docs" / "late-data.md").read_text()
_SPEC_ID = re.compile(r"[0-9a-f]{16}")  # changes with every key that a spec may have
SPEC = StreamSpec.model_validate(
    {
        "name": "requests",
        "source": {"topic": "logs"},
        "watermark": "5 minutes",
        "metrics": {
            "requests_by_service": {"window": "1 minute", "keys": ["service"], "measures": {"request_count": "count"}}
        },
    }
)


def at_ms(clock: str) -> int:
    return round(datetime.fromisoformat(f"2026-01-31T{clock}").replace(tzinfo=UTC).timestamp()) * 1000


def line(clock: str) -> bytes:
    return json.dumps({"timestamp": f"2026-01-31T{clock}Z", "service": "shop"}).encode()


class Story:
    """Plays batches at a time of the day. After each that moves the watermark comes one without records, as in Spark:
    so the next drops by it, and L(N) is E(N-1)."""

    def __init__(self, root: Path) -> None:
        self.player = Player(root, SPEC)

    def batch(self, clock: str, *values: bytes) -> None:
        planned = self.player.plan({0: values}, closing=False)
        planned = replace(planned, row=replace(planned.row, batch_at_ms=at_ms(clock)))
        self.player.commit(planned)
        self.player.publish(planned)

    def acts(self, clock: str, act: Callable[[StreamBooks], object]) -> None:
        act(replace(self.player.books, clock=lambda: at_ms(clock)))


def recompute_the_minute(books: StreamBooks) -> None:
    start_us = at_ms("10:00:00") * 1000
    recompute_windows(books, windows_between(books.eras, books.ledger, start_us, start_us + 60_000_000))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    home.stream("requests").root.mkdir(parents=True)
    home.stream("requests").spec.write_text(SPEC.model_dump_json(exclude_none=True))
    story = Story(home.tables("requests"))
    story.batch("10:09:05", line("10:00:20"), line("10:09:00"))
    story.batch("10:09:06")
    story.batch("10:09:35", line("10:00:40"), b"not a log line")
    story.acts("10:10:02", reconcile_books)
    story.batch("10:11:05", line("10:00:50"), line("10:11:00"))
    story.batch("10:11:06")
    story.acts("10:11:38", reconcile_books)
    story.acts("10:12:01", recompute_the_minute)
    story.batch("10:12:05", line("10:12:00"))
    story.batch("10:12:06")
    story.batch("10:13:05", line("10:00:55"), line("10:13:00"))
    story.batch("10:13:06")
    story.acts("10:13:27", reconcile_books)
    story.batch("10:14:05", line("10:00:58"))
    return home


@pytest.mark.parametrize(
    "command",
    [
        "explain requests requests_by_service 2026-01-31T10:00:00Z shop",
        "ledger requests --last 4",
    ],
)
def test_an_example_is_what_the_command_prints(home: Home, command: str) -> None:
    done = CliRunner(env={"TIDELINE_HOME": str(home.root), "COLUMNS": "300"}).invoke(app, command.split())
    printed = "\n".join(text.rstrip() for text in f"$ tideline {command}\n{done.stdout}".splitlines())
    assert f"```\n{_SPEC_ID.sub('ID', printed)}\n```" in _SPEC_ID.sub("ID", DOCUMENT)


def test_each_batch_of_the_example_drops_by_the_watermark_of_the_one_before(home: Home) -> None:
    ledger = read_ledger(StreamTables(home.tables("requests")))
    assert all(after.late_ms == before.watermark_ms for before, after in pairwise(ledger))
