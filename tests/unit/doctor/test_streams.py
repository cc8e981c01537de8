"""What is said of a stream's epochs, drivers, leases, files, tables and state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from support.keeper_world import SPEC, STREAM, World
from tideline.doctor.drivers import DriverProcess, driver_of, judge_drivers
from tideline.doctor.epochs import judge_epochs
from tideline.doctor.finding import Finding, Severity
from tideline.doctor.owners import OwnersSeen, judge_owners, look_at_owners
from tideline.doctor.registry import NOT_TAKEN_MS, judge_leases, judge_level
from tideline.doctor.states import judge_state
from tideline.doctor.subject import Subject, of_registry
from tideline.doctor.tables import judge_tables, look_at_tables
from tideline.home import Home
from tideline.keeper.epochs import create_epoch, current_epoch
from tideline.keeper.lifecycle import Desired, State
from tideline.registry.lease import Lease
from tideline.registry.migrate import Level, level, upgrade
from tideline.tables.delta import append_once

OTHER = 65_534
SCHEMA = pa.schema([("version", pa.int64())])


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """A stream whose first driver was submitted."""
    world = World(tmp_path)
    world.deploy()
    return subject_of(world)


def subject_of(world: World) -> Subject:
    (found,) = of_registry(world.home, world.registry.streams(), world.registry.current_attempts())
    return found


def only(found: Iterator[Finding]) -> Finding:
    """The one that there is."""
    (finding,) = found
    return finding


def test_the_epoch_of_the_registry_is_that_of_the_files(subject: Subject) -> None:
    assert list(judge_epochs(subject, current_epoch(subject.home.epochs))) == []


def test_an_epoch_that_the_registry_does_not_know_is_told(subject: Subject) -> None:
    create_epoch(subject.home.epochs, 4, {})
    found = only(judge_epochs(subject, current_epoch(subject.home.epochs)))
    assert ("epoch 4" in found.problem, found.fix.startswith(f"run `tideline restart {STREAM}`")) == (True, True)


def test_its_fix_raises_the_epoch_above_both(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.deploy()
    create_epoch(world.home.stream(STREAM).epochs, 4, {})
    world.ask(Desired.STOPPED)
    world.tick()
    world.launcher.end(0)
    world.tick()
    world.deploy()
    assert list(judge_epochs(subject_of(world), current_epoch(world.home.stream(STREAM).epochs))) == []


def test_an_epochs_file_that_is_gone_is_told(subject: Subject) -> None:
    assert "its file is gone" in only(judge_epochs(subject, 0)).problem


def test_an_epoch_whose_file_is_not_made_yet_is_no_finding(subject: Subject) -> None:
    assert list(judge_epochs(replace(subject, attempt=None), 0)) == []


def test_the_newest_driver_is_no_finding(subject: Subject) -> None:
    assert list(judge_drivers(subject, [DriverProcess(7, STREAM, subject.tag)])) == []


def test_a_driver_of_another_stream_is_none_of_this(subject: Subject) -> None:
    assert list(judge_drivers(subject, [DriverProcess(7, "other", "other-e9")])) == []


def test_a_driver_left_over_is_to_be_killed(subject: Subject) -> None:
    processes = [DriverProcess(pid, STREAM, f"{STREAM}-e0") for pid in (7, 8)]
    found = only(judge_drivers(subject, processes))
    assert (found.fix, found.severity) == ("run `kill 7 8`", Severity.WARNING)


def test_a_driver_of_a_stopped_stream_is_told(subject: Subject) -> None:
    assert subject.row is not None
    stopped = replace(subject, row=replace(subject.row, state=State.STOPPED))
    assert "STOPPED" in only(judge_drivers(stopped, [DriverProcess(7, STREAM, subject.tag)])).problem


def test_a_driver_is_known_by_its_command_line(tmp_path: Path) -> None:
    command = ["python", "run_stream.py", "--stream", STREAM, "--home", str(tmp_path), "--epoch", "1", "--tag", "t"]
    assert driver_of(7, command, Home(tmp_path)) == [DriverProcess(7, STREAM, "t")]
    assert driver_of(7, command, Home(tmp_path / "other")) == []
    assert driver_of(7, ["grep", "--tag"], Home(tmp_path)) == []


def test_a_lease_that_nobody_took_is_told() -> None:
    lease = Lease(STREAM, "keeper-1", until=1_000)
    assert list(judge_leases([lease], 1_000 + NOT_TAKEN_MS)) == []
    assert "ran out 3 min 1 s ago" in only(judge_leases([lease], 1_001 + NOT_TAKEN_MS)).problem


def test_the_registry_tells_leases_that_were_not_returned(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.deploy()
    assert world.registry.leases.not_returned() == []
    world.registry.leases.take(STREAM, "keeper-1", 500)
    assert world.registry.leases.not_returned() == [Lease(STREAM, "keeper-1", world.clock.now + 500)]


def test_a_registry_that_was_brought_up_to_date_is_no_finding(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    assert "never made" in only(judge_level(level(url))).problem
    upgrade(url)
    assert list(judge_level(level(url))) == []


@pytest.mark.parametrize(("current", "said"), [("0001", "this version needs 0002"), ("0003", "knows none after 0002")])
def test_a_registry_of_another_version_is_told(current: str, said: str) -> None:
    assert said in only(judge_level(Level(current, ("0001", "0002")))).problem


def test_a_streams_own_files_are_no_finding(subject: Subject) -> None:
    assert list(judge_owners(STREAM, [look_at_owners(subject.home.root, os.geteuid())])) == []


def test_a_folder_of_another_user_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    inside = tmp_path / "parts" / "a.parquet"
    seen = OwnersSeen(tmp_path, os.geteuid(), ((tmp_path / "parts", OTHER), (inside, OTHER)))
    found = only(judge_owners(STREAM, [seen]))
    assert "it and 1 more belong to" in found.problem
    assert f"{tmp_path}` as root" in found.fix
    assert found.severity is Severity.WARNING


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_folder_that_was_given_away_is_found_and_its_fix_mends_it(subject: Subject) -> None:
    os.chown(subject.home.epochs, OTHER, OTHER)
    found = only(judge_owners(STREAM, [look_at_owners(subject.home.root, 0)]))
    assert found.fix == f"run `chown -R root {subject.home.epochs}` as root"
    os.chown(subject.home.epochs, 0, 0)
    assert list(judge_owners(STREAM, [look_at_owners(subject.home.root, 0)])) == []


def test_files_that_may_not_be_written_are_an_error(tmp_path: Path) -> None:
    found = only(judge_owners(STREAM, [OwnersSeen(tmp_path, os.geteuid(), (), (tmp_path / "parts",))]))
    assert (found.severity, found.fix) == (Severity.ERROR, f"run `chmod -R u+w {tmp_path}`")


def tables(root: Path) -> Path:
    """Tables of one, `volume`, with one row."""
    rows = pa.Table.from_pydict({"version": [1]}, schema=SCHEMA)
    append_once(root / "volume", rows, "writer", 1, [])
    return root


def test_tables_that_can_be_opened_are_no_finding(tmp_path: Path) -> None:
    assert list(judge_tables(STREAM, look_at_tables(tables(tmp_path)))) == []


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for file in (tables(tmp_path) / "volume" / "_delta_log").glob("*.json"):
        file.write_text("{broken")
    found = only(judge_tables(STREAM, look_at_tables(tmp_path)))
    assert found.problem.startswith("it cannot be opened: ")


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    for file in (tables(tmp_path) / "volume").glob("*.parquet"):
        file.unlink()
    assert only(judge_tables(STREAM, look_at_tables(tmp_path))).problem.startswith("1 of its files are gone")


def test_a_table_without_its_log_is_told(tmp_path: Path) -> None:
    (tables(tmp_path) / "volume" / "_delta_log").rename(tmp_path / "volume" / "elsewhere")
    assert "no log" in only(judge_tables(STREAM, look_at_tables(tmp_path))).problem


def test_a_stream_on_its_way_is_no_finding(subject: Subject) -> None:
    assert subject.row is not None
    assert list(judge_state(subject.row)) == []


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        (State.FAILED, Severity.ERROR),
        (State.CRASH_LOOP, Severity.ERROR),
        (State.DEGRADED, Severity.WARNING),
    ],
)
def test_a_stream_that_waits_or_limps_is_told_with_its_reason(
    subject: Subject, state: State, severity: Severity
) -> None:
    assert subject.row is not None
    found = only(judge_state(replace(subject.row, state=state, reason="no such topic")))
    assert (found.problem, found.severity) == (f"{state}: no such topic", severity)


def test_a_deployed_spec_that_this_version_cannot_read_is_told(subject: Subject) -> None:
    assert subject.row is not None
    found = only(judge_state(replace(subject.row, spec=SPEC.replace("watermark: 5 minutes", "watermark: soon"))))
    assert f"tideline deploy {STREAM}" in found.fix
