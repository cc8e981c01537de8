"""How fast a stream's one query is, against its metrics written as one query each: the same log, windows, watermarks,
state and tables for both, one after the other on the same broker. Detectors are left out: plain queries have none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tideline.bench.drivers import Drivers
from tideline.bench.place import clean_environment
from tideline.bench.same_tables import count_differences
from tideline.bench.traffic_log import send
from tideline.checkpoint import CheckpointLog
from tideline.home import CHECKOUT, Home
from tideline.kafka_access import KafkaAccess
from tideline.platform.java import PARALLEL_GC
from tideline.platform.processes import end_all
from tideline.platform.session_environment import session_environment
from tideline.platform.waiting import wait_until
from tideline.spec.model import StreamSpec
from tideline.tables.schemas import StreamTables

EVENTS: Final = 3_000_000
BATCH: Final = 400_000
AT_MOST_S: Final = 1_800.0
AT_LEAST: Final = 4.0
"""How many times as fast as a query each the one query is."""
TOPIC: Final = "traffic"
WARM_UP: Final = "warm-up"
"""What each runs first in the process that is measured then: half of the log, into tables of its own. By then the JVM
has compiled what it will, which takes it a quarter of both cores before."""

_SCRIPT: Final = CHECKOUT / "jobs" / "run_bench_queries.py"

Commit = tuple[float, int]
"""When a batch was committed, in seconds since the epoch, and how many events the query had read by then."""


@dataclass(frozen=True)
class EngineSpeed:
    """Events a second in the steady state, of the one query and of a query each (`naive`), and the rows of their tables
    that are not the same.

    Flink's speed and the limit, what the source alone can read, are None: nothing measures them in the same run.
    """

    events: int
    engine_eps: int
    naive_eps: int
    metrics: int
    rows: int
    differences: int
    flink_eps: int | None = None
    limit_eps: int | None = None

    @property
    def vs_naive(self) -> float:
        return _times(self.engine_eps, self.naive_eps)

    @property
    def holds(self) -> bool:
        return self.vs_naive >= AT_LEAST and not self.differences

    def as_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "vs_naive": self.vs_naive,
            "vs_flink": None if self.flink_eps is None else _times(self.engine_eps, self.flink_eps),
            "vs_limit": None if self.limit_eps is None else _times(self.engine_eps, self.limit_eps),
        }


def _times(ours: int, theirs: int) -> float:
    """Rounded down to two digits: what is told as a limit has reached it."""
    return ours * 100 // theirs / 100


def measure_engine(
    home: Home,
    kafka: KafkaAccess,
    spec: StreamSpec,
    events: int = EVENTS,
    progress: Callable[[str], None] = lambda _: None,
) -> EngineSpeed:
    """Sends the log, runs both to its end, compares what they published."""
    spec = _of_topic(spec, min(BATCH, events // 6))
    progress(f"sending {events} records")
    send(events, kafka, TOPIC, lambda sent: progress(f"{sent} records sent") if sent % 1_000_000 == 0 else None)
    progress(f"{len(spec.metrics)} metrics as one query")
    one = events_per_s([run_one_query(home, kafka, spec, events)])
    progress(f"{one:.0f} events a second; now as a query each")
    each = events_per_s(run_query_each(home, kafka, spec, events))
    progress(f"{each:.0f} events a second; now comparing the tables")
    rows, differences = count_differences(spec, StreamTables(home.tables(spec.name)), _plain_tables(home))
    return EngineSpeed(events, round(one), round(each), len(spec.metrics), rows, differences)


def events_per_s(queries: Sequence[Sequence[Commit]]) -> float:
    """What queries that ran together read a second and each, once a third of all was read: until then they warm up.

    Each query is given as its commits; the time goes on until the last of them has read all.
    """
    steps = sorted(
        (at, read - before)
        for commits in queries
        for (at, read), before in zip(commits, [0, *(read for _, read in commits)], strict=False)
    )
    total, done = sum(read for _, read in steps), 0
    for at, read in steps:
        done += read
        if done * 3 >= total:
            return (total - done) / (steps[-1][0] - at) / len(queries)
    raise ValueError("nothing was read")


def commits_of(checkpoint: Path) -> list[Commit]:
    """Of the batches that read something, by the offset log and the times of the commit log's files."""
    log, found = CheckpointLog(checkpoint), list[Commit]()
    last = log.last_commit()
    for batch in range(0 if last is None else last + 1):
        entry = log.offsets(batch)
        if entry is None:
            raise RuntimeError(f"{checkpoint}: the entry of batch {batch} is gone: fewer batches must do")
        read = sum(end for ends in entry.ends.values() for end in ends.values())
        if not found or read > found[-1][1]:
            found.append(((checkpoint / "commits" / str(batch)).stat().st_mtime, read))
    return found


def run_one_query(home: Home, kafka: KafkaAccess, spec: StreamSpec, events: int) -> list[Commit]:
    """The stream as it is deployed: its own driver, books and tables."""
    drivers = Drivers(home, kafka, PARALLEL_GC)
    try:
        _run_driver(drivers, home, spec.model_copy(update={"name": WARM_UP}), events // 2)
        return _run_driver(drivers, home, spec, events)
    finally:
        drivers.close()


def _run_driver(drivers: Drivers, home: Home, spec: StreamSpec, events: int) -> list[Commit]:
    stream = home.stream(spec.name)
    stream.root.mkdir(parents=True)
    stream.spec.write_text(spec.model_dump_json(exclude_none=True))
    drivers.start(spec.name, 1)
    checkpoint = stream.checkpoint(1)
    drivers.wait(stream, lambda: _has_read(checkpoint, events), f"{events} events were read", AT_MOST_S)
    drivers.stop(stream)
    return commits_of(checkpoint)


def run_query_each(home: Home, kafka: KafkaAccess, spec: StreamSpec, events: int) -> list[list[Commit]]:
    """The same metrics as Spark's own queries, side by side in one driver, warmed up like the other."""
    folder = _plain_folder(home)
    folder.mkdir()
    (folder / "spec.yaml").write_text(spec.model_dump_json(exclude_none=True))
    with (home.logs / "queries.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, str(_SCRIPT), "--folder", str(folder), "--bootstrap", str(kafka)),
                *("--warm-up", str(events // 2)),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=session_environment(home, PARALLEL_GC, clean_environment()),
            cwd=home.root,
            start_new_session=True,
        )
    checkpoints = [folder / "checkpoints" / name for name in spec.metrics]
    try:
        if not wait_until(lambda: all_have_read(checkpoints, events) or _has_ended(process), AT_MOST_S, every=0.5):
            raise RuntimeError(f"the queries did not read {events} events within {AT_MOST_S:g} s")
        if not all_have_read(checkpoints, events):
            said = Path(log.name).read_text().splitlines()[-20:]
            raise RuntimeError("\n".join([f"the queries ended with {process.returncode}:", *said]))
    finally:
        end_all(_family(process), seconds=2)
        process.wait()
    return [commits_of(checkpoint) for checkpoint in checkpoints]


def _of_topic(spec: StreamSpec, batch: int) -> StreamSpec:
    source = spec.source.model_copy(update={"topic": TOPIC, "max_offsets_per_trigger": batch})
    return spec.model_copy(update={"name": "one-query", "source": source, "detectors": {}})


def _plain_folder(home: Home) -> Path:
    return home.root / "query-each"


def _plain_tables(home: Home) -> StreamTables:
    return StreamTables(_plain_folder(home) / "tables")


def all_have_read(checkpoints: Iterable[Path], events: int) -> bool:
    """Whether each has committed so many events."""
    return all(_has_read(checkpoint, events) for checkpoint in checkpoints)


def _has_read(checkpoint: Path, events: int) -> bool:
    log = CheckpointLog(checkpoint)
    last = log.last_commit()
    entry = None if last is None else log.offsets(last)
    return entry is not None and sum(end for ends in entry.ends.values() for end in ends.values()) >= events


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        leader = psutil.Process(process.pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return []
