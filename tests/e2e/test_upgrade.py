"""A running stream is deployed with other numbers through Airflow: rebuilt exactly, or refused and left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.platform import Platform
from support.records import log_line
from tideline.demo.watch import settled, wait_for
from tideline.keeper.asking import ask_to_end
from tideline.keeper.lifecycle import Desired
from tideline.keeper.report import open_registry
from tideline.platform.supervisor import Supervisor
from tideline.produce.sender import Sender
from tideline.spec.load import load_spec
from tideline.tables.published import read_published
from tideline.tables.schemas import StreamTables

STREAM = "upgraded"
OWN_SPECS = Path(__file__).parent / "streams"
WITHIN_S = 180.0
pytestmark = pytest.mark.slow  # minutes of starting drivers
CHANGED = {"window": "20 seconds", "measures": {"request_count": "count", "slowest": "max(response_time)"}}


@dataclass(frozen=True)
class Running:
    """The stream on a whole platform."""

    whole: Platform

    def write(self, **changed: dict[str, Any]) -> None:
        """The spec's file as it was at first, but for keys of its source or of its metric."""
        text = yaml.safe_load((OWN_SPECS / f"{STREAM}.yaml").read_text())
        text["source"] |= changed.get("source", {})
        text["metrics"]["counts"] |= changed.get("metric", {})
        (self.whole.specs / f"{STREAM}.yaml").write_text(yaml.safe_dump(text))

    def send(self, *lines: bytes) -> None:
        """One batch or more: all in the ledger, and the watermark where they put it, when this returns."""
        kafka, spec = self.whole.settings.kafka, load_spec(self.whole.home.stream(STREAM).spec)
        with Sender(kafka, STREAM, 1) as sender:
            for line in lines:
                sender.send(line)
        wait_for("the batch", settled(self.whole.home, kafka, spec), WITHIN_S)

    def deploy(self, *options: str) -> tuple[int, str]:
        """Its exit status, and all that it said."""
        done = self.whole.run("deploy", STREAM, *options)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def driver(self) -> tuple[int | None, int, int]:
        """Process, epoch and generation."""
        row = self.whole.stream(STREAM)
        return Supervisor(self.whole.home).state(f"driver-{STREAM}").pid, row["epoch"], row["generation"]

    def asked(self, *words: str) -> dict[str, Any]:
        """What a command answers as JSON."""
        return dict(json.loads(self.whole.run(*words, "--json").stdout))

    def rows(self) -> dict[tuple[int, int], tuple[int, float | None]]:
        """Requests and the slowest, by the bounds of the window in seconds."""
        rows = read_published(StreamTables(self.whole.home.tables(STREAM)).published("counts"))
        assert rows is not None
        return {
            (round(row["window_start"].timestamp()), round(row["window_end"].timestamp())): (
                row["request_count"], row["slowest"],
            )
            for row in rows.to_pylist()
        }  # fmt: skip


@pytest.fixture(scope="module")
def running(whole: Platform) -> Iterator[Running]:
    """Generation 1 has late events that nobody has corrected yet."""
    stream = Running(whole)
    with Sender(whole.settings.kafka, STREAM, 1) as sender:
        for second in (1, 5, 100):
            sender.send(log_line(second))
    code, said = stream.deploy()
    assert code == 0, said
    yield stream
    with open_registry(whole.settings) as registry:
        ask_to_end(registry, STREAM, "ann", Desired.STOPPED)


def test_a_rebuild_is_exact_with_late_events_in_both_generations(running: Running) -> None:
    running.send()
    running.send(log_line(2))  # late: the watermark is at 90 s
    running.write(metric=CHANGED)
    code, said = running.deploy("--dry-run")
    assert (code, "begins a new generation" in said, "counts.window: 10 seconds is 20 seconds now" in said) == (
        0, True, True,
    ), said  # fmt: skip
    code, said = running.deploy()
    assert code == 0, said
    assert running.driver()[1:] == (2, 2)

    running.send(log_line(3), log_line(98, response_time=0.5), log_line(300))  # 3 is late: its window is the old spec's
    running.send(log_line(4), log_line(85), log_line(97, response_time=2.5), log_line(310))  # only 310 is on time
    assert running.whole.run("reconcile", STREAM).returncode == 0
    report = running.asked("verify", STREAM)
    assert (report["holds"], report["pinned"]["generation"], report["differences"]) == (True, 2, [])
    assert report["metrics"]["counts"]["pending"] == 0
    books = report["conservation"]
    assert (books["events"], books["counted"], books["late"], books["corrected"]) == (11, 6, 5, 5)
    assert running.rows() == {
        (0, 10): (5, None),
        (80, 90): (1, None),
        (80, 100): (3, 2.5),
        (100, 120): (1, None),
        (300, 320): (2, None),
    }


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"source": {"topic": "another"}}, "it reads upgraded"),
        ({"metric": {"measures": {"request_count": "avg(response_time)"}}}, "request_count"),
    ],
)
def test_what_the_books_cannot_go_on_by_is_refused_and_the_driver_goes_on(
    running: Running, changed: dict[str, Any], why: str
) -> None:
    before, events = running.driver(), running.asked("verify", STREAM)["conservation"]["events"]
    running.write(**changed)
    for options in (["--dry-run"], []):
        code, said = running.deploy(*options)
        assert (code, why in said) == (1, True), said
    running.send(log_line(320))
    assert running.driver() == before
    report = running.asked("verify", STREAM)
    assert (report["holds"], report["conservation"]["events"]) == (True, events + 1)
