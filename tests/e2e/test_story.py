"""The whole story on real parts: what the demo proves, and what it proves it against."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from support.platform import Platform
from support.scraped import catalogued, get, names_of, scrape, value, values
from tideline.exporter.catalogue import Scope
from tideline.home import PROJECT_SPECS
from tideline.keeper.report import recent_transitions
from tideline.platform.supervisor import Supervisor
from tideline.platform.waiting import wait_until
from tideline.spec.load import find_spec, load_spec
from tideline.tables.schemas import StreamTables
from tideline.times import iso

STREAM = "log-metrics"
KILLS = 5
SEED = 20


def verdict(whole: Platform) -> tuple[int, dict[str, Any]]:
    done = whole.run("verify", STREAM, "--json")
    return done.returncode, json.loads(done.stdout)


def status(whole: Platform) -> dict[str, Any]:
    found = json.loads(whole.run("status", "--json").stdout)
    (row,) = (row for row in found["streams"] if row["name"] == STREAM)
    return dict(row)


def test_every_event_is_accounted_for(told: dict[str, Any], source: Path | None) -> None:
    assert told["sent"] == told["counted"] + told["rejected"] + told["late"]
    assert source is None or told["sent"] == 10_000


def test_late_events_were_dropped_and_corrected(told: dict[str, Any]) -> None:
    assert told["late"] > 0
    assert told["corrected"] == told["late"]


def test_every_window_is_that_of_a_batch_computation(told: dict[str, Any]) -> None:
    assert told["windows"] >= 84
    assert told["differences"] == 0


def test_verify_holds_and_says_how(whole: Platform, told: dict[str, Any]) -> None:
    code, report = verdict(whole)
    assert (code, report["holds"], report["conservation"]["holds"]) == (0, True, True)
    assert set(report["metrics"]) == set(load_spec(find_spec(STREAM, PROJECT_SPECS)).metrics)
    assert report["conservation"]["events"] == told["sent"]


def test_status_tells_how_the_stream_is(whole: Platform, told: dict[str, Any]) -> None:
    row = status(whole)
    assert {key: row[key] for key in ("desired", "state", "epoch", "backlog")} == {
        "desired": "RUNNING", "state": "STABLE", "epoch": 2, "backlog": 0,
    }  # fmt: skip


def test_the_exporter_tells_of_the_stream_and_where_its_driver_is(whole: Platform, told: dict[str, Any]) -> None:
    address = whole.settings.exporter_url
    (target,) = json.loads(get(f"{address}/targets")[2])
    assert target["labels"] == {"stream": STREAM}
    driver = scrape(f"http://{target['targets'][0]}/metrics")
    assert names_of(driver) == catalogued(Scope.DRIVER)
    assert value(driver, "tideline_driver_epoch") == 2

    def sent() -> list[float]:
        return values(scrape(f"{address}/metrics"), "tideline_ledger_events", stream=STREAM, fate="sent")

    assert wait_until(lambda: sent() == [told["sent"]], 90.0, 1.0)
    platform = scrape(f"{address}/metrics")
    assert value(platform, "tideline_stream_state", state="STABLE") == 1
    assert value(platform, "tideline_books_balanced") == 1
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


def test_a_stream_killed_at_random_moments_loses_and_doubles_nothing(whole: Platform, told: dict[str, Any]) -> None:
    draw = random.Random(SEED)
    with traffic(whole):
        for _ in range(KILLS):
            kill_at_a_random_moment(whole, draw)
    assert wait_until(lambda: status(whole)["backlog"] == 0, 60.0, 1.0)
    assert whole.run("reconcile", STREAM).returncode == 0
    code, report = verdict(whole)
    assert (code, report["differences"], report["conservation"]["holds"]) == (0, [], True)
    assert {metric["pending"] for metric in report["metrics"].values()} == {0}


def kill_at_a_random_moment(whole: Platform, draw: random.Random) -> None:
    """Ends with the stream STABLE again, its epoch up by one with a reason."""
    epoch = status(whole)["epoch"]
    pid = Supervisor(whole.home).state(f"driver-{STREAM}").pid
    assert pid is not None
    wait_until(lambda: False, draw.uniform(0, 5))
    os.kill(pid, signal.SIGKILL)

    def stable_again() -> bool:
        row = status(whole)
        return bool(row["state"] == "STABLE" and row["epoch"] > epoch)

    assert wait_until(stable_again, 300.0, 1.0), status(whole)
    assert status(whole)["epoch"] == epoch + 1
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
    assert status(whole)["state"] == {"stop": "STOPPED", "deploy": "STABLE"}[command]


def test_a_stream_that_was_never_deployed_cannot_be_stopped(whole: Platform, told: dict[str, Any]) -> None:
    done = whole.run("stop", "nosuch")
    assert (done.returncode, "was never deployed" in done.stderr) == (2, True)


def test_a_lost_checkpoint_is_told_and_a_new_generation_goes_on(whole: Platform, told: dict[str, Any]) -> None:
    assert whole.run("stop", STREAM).returncode == 0
    shutil.rmtree(whole.home.stream(STREAM).checkpoint(1))
    refused = whole.run("deploy", STREAM)
    assert refused.returncode == 1 and "state" in refused.stderr
    done = whole.run("deploy", STREAM, "--new-generation")
    assert done.returncode == 0, done.stderr[-2000:]
    assert {key: status(whole)[key] for key in ("state", "generation")} == {"state": "STABLE", "generation": 2}
    produced = whole.run("produce", "--topic", "logs", "--rate", "100", "--count", "300", "--seed", "21")
    assert produced.returncode == 0, produced.stderr
    assert wait_until(lambda: status(whole)["backlog"] == 0, 60.0, 1.0)
    assert whole.run("reconcile", STREAM).returncode == 0
    code, report = verdict(whole)
    assert (code, report["pinned"]["generation"], report["differences"]) == (0, 2, [])
