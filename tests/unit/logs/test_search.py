from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tideline.errors import UserError
from tideline.home import Home
from tideline.keeper.lifecycle import State
from tideline.logs.context import About
from tideline.logs.entry import RAW, Entry
from tideline.logs.follow import Follower
from tideline.logs.of_stream import find, task_folder
from tideline.logs.search import Wanted, newest, parse_batch, parse_level
from tideline.logs.task_logs import all_task_entries, attempts_since
from tideline.logs.transitions import transition_entries
from tideline.registry.rows import TransitionRow

STREAM = "orders"
START_MS = 1_769_853_600_000


def at(second: float) -> int:
    return START_MS + int(second * 1000)


def ts(second: float) -> str:
    return f"2026-01-31T10:{int(second) // 60:02}:{second % 60:06.3f}Z"


def driver_line(second: float, message: str, **fields: object) -> str:
    said = {"ts": ts(second), "level": "INFO", "logger": "tideline_spark.sink", "message": message}
    return json.dumps(said | {"stream": STREAM, "generation": 1, "epoch": 2} | fields, separators=(",", ":")) + "\n"


def task_line(second: float, event: str, **fields: object) -> str:
    said = {"timestamp": ts(second), "level": "info", "event": event, "logger": "task", "stream": STREAM}
    return json.dumps(said | fields) + "\n"


def write_task(home: Home, dag: str, run: str, task: str, *lines: str, written: float) -> Path:
    file = task_folder(home) / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task}" / "attempt=1.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(lines))
    os.utime(file, (at(written) / 1000, at(written) / 1000))
    return file


def transition(number: int, second: float, to: State) -> TransitionRow:
    return TransitionRow(number, STREAM, State.STARTING, to, "it is so", {}, "keep_streams", 2, 1, None, at(second))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A stream with two batches, one of which was corrected."""
    home = Home(tmp_path)
    log = home.stream(STREAM).log
    log.parent.mkdir(parents=True)
    log.write_text(
        driver_line(1, "starts")
        + driver_line(10, "batch 5 is committed", batch=5)
        + driver_line(10.1, "a task of Spark's", batch="5", level="WARNING")
        + driver_line(11, "batch 5 is published", batch=5)
        + driver_line(20, "batch 6 is committed", batch=6)
        + driver_line(21, "batch 15 is committed", batch=15)
    )
    write_task(home, "reconcile_late_data", "a", "reconcile", task_line(9, "before", batch=5), written=9)
    written = task_line(30, "its corrections are written", generation=1, batch=5)
    published = task_line(31, "its corrections are published", generation=1, batch=5)
    other = task_line(32, "of another", stream="others", generation=1, batch=5)
    write_task(home, "reconcile_late_data", "b", "reconcile", written, published, other, written=32)
    write_task(home, "keep_streams", "c", "keep", task_line(40, "orders: STABLE", epoch=2), "no json\n", written=40)
    return home


def told(entries: list[Entry]) -> list[str]:
    return [entry.message for entry in entries]


def test_one_search_follows_a_batch_through_all_parts(home: Home) -> None:
    found = find(home, [], Wanted(STREAM, 1, 5), None)
    assert [(entry.source, entry.message) for entry in found] == [
        ("driver", "batch 5 is committed"),
        ("driver", "a task of Spark's"),
        ("driver", "batch 5 is published"),
        ("reconcile_late_data.reconcile", "its corrections are written"),
        ("reconcile_late_data.reconcile", "its corrections are published"),
    ]


def test_all_logs_are_told_in_the_order_of_time(home: Home) -> None:
    moves = [transition(2, 41, State.STABLE), transition(1, 9.5, State.DEPLOYED)]
    found = find(home, moves, Wanted(STREAM), None)
    assert [entry.at for entry in found] == [at(second) for second in (1, 9, 9.5, 10, 10.1, 11, 20, 21, 30, 31, 40, 41)]


def test_only_the_newest_are_told(home: Home) -> None:
    assert told(find(home, [], Wanted(STREAM), 3)) == [
        "its corrections are written", "its corrections are published", "orders: STABLE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(STREAM, 1, 6), 1),
        (Wanted(STREAM, 2, 5), 0),
        (Wanted(STREAM, epoch=2), 7),
        (Wanted(STREAM, epoch=3), 0),
        (Wanted(STREAM, level="WARNING"), 1),
        (Wanted("others"), 1),
    ],
)
def test_filters(home: Home, wanted: Wanted, count: int) -> None:
    other = home.stream("others").log
    other.parent.mkdir(parents=True)
    assert len(find(home, [], wanted, None)) == count


def test_what_a_driver_printed_before_it_logged_is_its_streams() -> None:
    raw = Entry(None, RAW, "", "no java", source="driver")
    assert Wanted(STREAM).matches(raw)
    assert not Wanted(STREAM, level="DEBUG").matches(raw)
    assert not Wanted(STREAM).matches(Entry(1, "INFO", "", "of whom?", About()))


@pytest.mark.parametrize("line", ['"batch":5,', '"batch": 5}', '"batch":"5"', '\\"batch\\":5,', '\\"batch\\": \\"5\\"'])
def test_a_line_of_the_batch_is_never_passed_over(line: str) -> None:
    assert Wanted(STREAM, 1, 5).may_match(line.encode())


@pytest.mark.parametrize("line", ['"batch":55,', '"batch":15', '"message":"batch 5"', '"batches":5'])
def test_a_line_of_another_batch_is(line: str) -> None:
    assert not Wanted(STREAM, 1, 5).may_match(line.encode())


def test_a_batch_is_named_as_the_ledger_names_it() -> None:
    assert parse_batch(" 1/42 ") == (1, 42)


@pytest.mark.parametrize("text", ["42", "1/", "a/b", "1/2/3", "-1/2", ""])
def test_what_names_no_batch_is_told(text: str) -> None:
    with pytest.raises(UserError, match="names no batch"):
        parse_batch(text)


def test_levels_are_named_in_any_case() -> None:
    assert parse_level("warning") == "WARNING"
    with pytest.raises(UserError, match="is no level"):
        parse_level("loud")


def test_a_task_log_is_opened_when_it_is_due(home: Home) -> None:
    opened: list[str] = []

    def seen(line: bytes) -> bool:
        opened.append(json.loads(line)["event"] if line.startswith(b"{") else "raw")
        return True

    assert next(all_task_entries(task_folder(home), 0, seen)).message == "orders: STABLE"
    assert opened == ["raw", "orders: STABLE"]


def test_runs_that_ended_before_are_not_looked_at(home: Home) -> None:
    assert len(attempts_since(task_folder(home), at(32))) == 2


def test_sources_are_merged_lazily() -> None:
    def endless() -> Iterator[Entry]:
        second = 100
        while True:
            yield Entry(second, "INFO", "", str(second), About(STREAM))
            second -= 1

    assert told(newest([endless(), endless()], Wanted(STREAM), 3)) == ["99", "100", "100"]


@pytest.mark.parametrize(
    ("state", "level"), [(State.STABLE, "INFO"), (State.DEGRADED, "WARNING"), (State.FAILED, "ERROR")]
)
def test_a_transition_is_as_bad_as_its_state(state: State, level: str) -> None:
    (entry,) = transition_entries([transition(1, 5, state)])
    assert entry == Entry(
        at(5), level, "tideline.registry", f"STARTING -> {state}: it is so (by keep_streams)",
        About(STREAM, 1, 2), source="registry",
    )  # fmt: skip


def test_what_comes_is_told_once_and_a_log_that_is_cut_off_is_followed(home: Home) -> None:
    moves = [transition(1, 5, State.DEPLOYED)]
    log = home.stream(STREAM).log
    follower = Follower(log, task_folder(home), lambda _: moves, at(40))
    assert follower.look(at(41)) == []

    half = driver_line(50, "in two")
    with log.open("a") as out:
        out.write(driver_line(49, "added") + "printed\n" + half[:20])
    moves.insert(0, transition(2, 49.5, State.STABLE))
    assert told(follower.look(at(50))) == ["added", "printed", "STARTING -> STABLE: it is so (by keep_streams)"]

    log.rename(log.with_name("driver.log.1"))
    log.write_text(half[20:] + driver_line(51, "in the next file"))
    write_task(home, "verify_tables", "d", "verify", task_line(52, "it holds"), written=52)
    assert told(follower.look(at(53))) == ["in two", "in the next file", "it holds"]
    assert follower.look(at(54)) == []
