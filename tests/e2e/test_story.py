"""The whole story on real parts: what the demo proves, and what it proves it against."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from deltalake import DeltaTable

from support.platform import PROVEN, Platform, is_well
from support.scraped import catalogued, get, names_of, scrape, value, values
from tideline.exporter.catalogue import Scope
from tideline.home import PROJECT_SPECS
from tideline.keeper.report import recent_transitions
from tideline.logs.context import About
from tideline.logs.driver_log import driver_entries
from tideline.logs.entry import RAW
from tideline.platform.supervisor import Supervisor
from tideline.platform.waiting import wait_until
from tideline.spec.load import find_spec, load_spec
from tideline.tables.books import read_ledger
from tideline.tables.schemas import StreamTables
from tideline.times import iso

STREAM = "log-metrics"
KILLS = 5
STEP: Final = re.compile(r"is (committed|published)|corrections are (written|published)")
SAID_BY_A_JVM_THAT_STARTS: Final = "WARNING: Using incubator modules: jdk.incubator.vector"
SEED = 20


def verdict(whole: Platform) -> tuple[int, dict[str, Any]]:
    done = whole.run("verify", STREAM, "--json")
    return done.returncode, json.loads(done.stdout)


def test_every_event_is_accounted_for(told: dict[str, Any], source: Path | None) -> None:
    assert told["sent"] == told["counted"] + told["rejected"] + told["late"]
    assert source is None or told["sent"] == 10_000


def test_late_events_were_dropped_and_corrected(told: dict[str, Any]) -> None:
    assert told["late"] > 0
    assert told["corrected"] == told["late"]


def test_each_line_of_the_drivers_log_says_whose_it_is(whole: Platform, told: dict[str, Any]) -> None:
    entries = list(driver_entries(whole.home.stream(STREAM).log))[::-1]
    assert {entry.message for entry in entries if entry.level == RAW} <= {SAID_BY_A_JVM_THAT_STARTS}
    logged = [entry for entry in entries if entry.level != RAW]
    assert {replace(entry.about, batch=None) for entry in logged} == {About(STREAM, 1, epoch) for epoch in (1, 2)}
    assert {entry.logger.partition(".")[0] for entry in logged} >= {"org", "tideline_spark"}


def test_one_search_follows_a_batch_through_all_parts(whole: Platform, told: dict[str, Any]) -> None:
    tables = StreamTables(whole.home.tables(STREAM))
    row = next(row for row in read_ledger(tables) if row.late_events)
    done = whole.run("logs", STREAM, "--batch", f"{row.generation}/{row.batch}", "--json")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    own = [each for each in said if each["logger"].startswith("tideline")]
    steps = [(each["source"], match[0]) for each in own if (match := STEP.search(each["message"]))]
    assert steps == [
        ("driver", "is committed"),
        ("driver", "is published"),
        ("reconcile_late_data.reconcile", "corrections are written"),
        ("reconcile_late_data.reconcile", "corrections are published"),
    ]
    assert any(each["logger"].startswith("org.apache.spark") for each in said)
    assert {(each["stream"], each["generation"], each["batch"]) for each in said} == {
        (STREAM, row.generation, row.batch)
    }


def test_every_window_is_that_of_a_batch_computation(told: dict[str, Any]) -> None:
    assert told["windows"] >= 84
    assert told["differences"] == 0


def test_verify_holds_and_says_how(whole: Platform, told: dict[str, Any]) -> None:
    code, report = verdict(whole)
    assert (code, report["holds"], report["conservation"]["holds"]) == (0, True, True)
    assert set(report["metrics"]) == set(load_spec(find_spec(STREAM, PROJECT_SPECS)).metrics)
    assert report["conservation"]["events"] == told["sent"]


def test_status_tells_how_the_stream_is(whole: Platform, told: dict[str, Any]) -> None:
    (row,) = (row for row in json.loads(whole.run("status", "--json").stdout)["streams"] if row["name"] == STREAM)
    assert is_well(row), row
    assert {key: row[key] for key in ("desired", "epoch", "backlog")} == {
        "desired": "RUNNING", "epoch": 2, "backlog": 0,
    }  # fmt: skip


def test_the_exporter_tells_of_the_stream_and_where_its_driver_is(whole: Platform, told: dict[str, Any]) -> None:
    address = whole.settings.exporter_url
    (target,) = (each for each in json.loads(get(f"{address}/targets")[2]) if each["labels"] == {"stream": STREAM})
    driver = scrape(f"http://{target['targets'][0]}/metrics")
    assert names_of(driver) == catalogued(Scope.DRIVER)
    assert value(driver, "tideline_driver_epoch") == 2

    def sent() -> list[float]:
        return values(scrape(f"{address}/metrics"), "tideline_ledger_events", stream=STREAM, fate="sent")

    assert wait_until(lambda: sent() == [told["sent"]], 90.0, 1.0)
    platform = scrape(f"{address}/metrics")
    assert sum(value(platform, "tideline_stream_state", stream=STREAM, state=state) for state in PROVEN) == 1
    assert value(platform, "tideline_books_balanced", stream=STREAM) == 1
    assert names_of(platform) <= catalogued(Scope.PLATFORM)


def test_a_row_changed_by_hand_is_named(whole: Platform, told: dict[str, Any]) -> None:
    path = StreamTables(whole.home.tables(STREAM)).published("system_health")
    rows = DeltaTable(str(path)).to_pyarrow_table().to_pylist()
    totals = Counter(row["total_requests"] for row in rows)
    row = next(row for row in rows if totals[row["total_requests"]] == 1)
    changed = max(totals) + 1
    change_total(path, row["total_requests"], changed)
    code, report = verdict(whole)
    change_total(path, changed, row["total_requests"])
    named = [(d["metric"], d["window_start"], d["column"], d["found"]) for d in report["differences"]]
    assert (code, named) == (1, [("system_health", iso(row["window_start"]), "total_requests", str(changed))])
    assert verdict(whole)[0] == 0


def change_total(path: Path, before: int, after: int) -> None:
    DeltaTable(str(path)).update(updates={"total_requests": str(after)}, predicate=f"total_requests = {before}")


@pytest.mark.slow  # a minute and more for each; the demo kills it once
def test_a_stream_killed_at_random_moments_loses_and_doubles_nothing(whole: Platform, told: dict[str, Any]) -> None:
    draw = random.Random(SEED)
    with traffic(whole):
        for _ in range(KILLS):
            kill_at_a_random_moment(whole, draw)
    assert wait_until(lambda: whole.stream(STREAM)["backlog"] == 0, 60.0, 1.0)
    assert whole.run("reconcile", STREAM).returncode == 0
    code, report = verdict(whole)
    assert (code, report["differences"], report["conservation"]["holds"]) == (0, [], True)
    assert {metric["pending"] for metric in report["metrics"].values()} == {0}


def kill_at_a_random_moment(whole: Platform, draw: random.Random) -> None:
    """Ends with the stream proven again, its epoch up by one with a reason."""
    epoch = whole.stream(STREAM)["epoch"]
    pid = Supervisor(whole.home).state(f"driver-{STREAM}").pid
    assert pid is not None
    wait_until(lambda: False, draw.uniform(0, 5))
    os.kill(pid, signal.SIGKILL)

    def proven_again() -> bool:
        row = whole.stream(STREAM)
        return is_well(row) and bool(row["epoch"] > epoch)

    assert wait_until(proven_again, 300.0, 1.0), whole.stream(STREAM)
    assert whole.stream(STREAM)["epoch"] == epoch + 1
    moves = recent_transitions(whole.settings, STREAM)
    assert any(move.epoch >= epoch and "DriverLost" in move.reason for move in moves)


@contextmanager
def traffic(whole: Platform) -> Iterator[None]:
    """Seeded traffic with late, malformed and future events, for as long as the block lasts."""
    command = [sys.executable, "-m", "tideline.cli.main", "produce", "--topic", "logs", "--rate", "100"]
    command += ["--seconds", "600", "--seed", str(SEED)]
    log = (whole.home.logs / "traffic.log").open("w")
    process = subprocess.Popen(command, env=whole.environ, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("command", ["stop", "stop", "deploy"])
def test_a_stream_is_stopped_and_deployed_again_where_it_was(
    whole: Platform, told: dict[str, Any], command: str
) -> None:
    done = whole.run(command, STREAM)
    assert done.returncode == 0, done.stderr[-2000:]
    row = whole.stream(STREAM)
    assert is_well(row) if command == "deploy" else row["state"] == "STOPPED", row


def test_a_stream_that_was_never_deployed_cannot_be_stopped(whole: Platform, told: dict[str, Any]) -> None:
    done = whole.run("stop", "nosuch")
    assert (done.returncode, "was never deployed" in done.stderr) == (2, True)


@pytest.mark.slow  # two more drivers; tests/spark/test_losses.py loses a checkpoint too
def test_a_lost_checkpoint_is_told_and_a_new_generation_goes_on(whole: Platform, told: dict[str, Any]) -> None:
    assert whole.run("stop", STREAM).returncode == 0
    shutil.rmtree(whole.home.stream(STREAM).checkpoint(1))
    refused = whole.run("deploy", STREAM)
    assert refused.returncode == 1 and "state" in refused.stderr
    done = whole.run("deploy", STREAM, "--new-generation")
    assert done.returncode == 0, done.stderr[-2000:]
    row = whole.stream(STREAM)
    assert (is_well(row), row["generation"]) == (True, 2), row
    produced = whole.run("produce", "--topic", "logs", "--rate", "100", "--count", "300", "--seed", "21")
    assert produced.returncode == 0, produced.stderr
    assert wait_until(lambda: whole.stream(STREAM)["backlog"] == 0, 60.0, 1.0)
    assert whole.run("reconcile", STREAM).returncode == 0
    code, report = verdict(whole)
    assert (code, report["pinned"]["generation"], report["differences"]) == (0, 2, [])
