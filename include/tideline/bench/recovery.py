"""How fast a killed driver is noticed and replaced, and that nothing is lost or counted twice by it.

A whole platform of the bench's own, with Airflow in it, keeps one stream under steady traffic. Its driver is killed
with -9 at random moments, again and again, each time once it is STABLE.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Final

from tideline.airflow_runs import run_dag
from tideline.clock import now_ms
from tideline.demo.loss import kill_now, loss_seen_at, require_pid
from tideline.demo.watch import all_ledgered, first_batch_of_epoch_after, wait_for
from tideline.gate.corrections import let_through
from tideline.home import Home
from tideline.keeper.lifecycle import State
from tideline.keeper.report import open_registry, recent_transitions
from tideline.platform.supervisor import Supervisor
from tideline.produce.sender import Sender
from tideline.produce.traffic import Traffic
from tideline.reconcile import reconcile_stream
from tideline.settings import Settings
from tideline.spec.model import StreamSpec
from tideline.verify import verify_stream

Progress = Callable[[str], None]
RATE: Final = 100.0
_DETECTED_WITHIN_S: Final = 120.0
_STABLE_WITHIN_S: Final = 240.0
_PAUSE_S: Final = 5.0
DETECTED_S: Final = 5.0
FIRST_COMMIT_S: Final = 40.0
"""What the 95th percentiles may be: of the detection, and of the next batch's commit."""
DETECTED_BY_SCHEDULE_S: Final = 75.0
FIRST_COMMIT_BY_SCHEDULE_S: Final = DETECTED_BY_SCHEDULE_S + FIRST_COMMIT_S - DETECTED_S
"""The same without the triggerer: once the loss is seen, the next batch may take no longer than with it."""
_LOOK_EVERY_S: Final = 1.0
"""At the registry: each look costs a connection, and when a transition was is written there."""


@dataclass(frozen=True)
class Recovery:
    """Seconds from a kill to its detection and to the next batch's commit, at the 95th percentile and at most.

    `watcher` says whether the triggerer noticed, or the schedule of every minute alone. `lost` and `doubled` are
    records of those that Kafka acknowledged, by the books; `differences` are rows of the tables that a batch
    computation over the log has otherwise.
    """

    kills: int
    watcher: bool
    detect_p95_s: float
    detect_max_s: float
    first_commit_p95_s: float
    first_commit_max_s: float
    lost: int
    doubled: int
    differences: int

    @property
    def holds(self) -> bool:
        detected_s, first_commit_s = (
            (DETECTED_S, FIRST_COMMIT_S) if self.watcher else (DETECTED_BY_SCHEDULE_S, FIRST_COMMIT_BY_SCHEDULE_S)
        )
        in_time = self.detect_p95_s <= detected_s and self.first_commit_p95_s <= first_commit_s
        return in_time and not (self.lost or self.doubled or self.differences)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Kill:
    """Seconds from one kill to its detection, and to the first batch of the next driver."""

    detect_s: float
    first_commit_s: float


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that so great a share of them does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def measure_recovery(
    home: Home, settings: Settings, spec: StreamSpec, kills: int, seed: int, watcher: bool, progress: Progress
) -> Recovery:
    """On a platform that is up; `watcher`: with the triggerer, else by the schedule of every minute alone."""
    draw = Random(seed)
    with _traffic(settings, spec, seed) as sender:
        run_dag(home, settings, "deploy_stream", spec.name, progress)
        if not watcher:  # the deploy waits in it
            Supervisor(home).stop_program("triggerer")
        done = []
        for number in range(kills):
            done.append(_kill(home, settings, spec.name, draw.uniform(0, _PAUSE_S)))
            progress(
                f"kill {number + 1}: seen after {done[-1].detect_s:.1f} s, a batch {done[-1].first_commit_s:.1f} s"
            )
    wait_for("the last records' batch", all_ledgered(home, settings.kafka, spec), 120)
    reconcile_stream(home, settings.kafka, spec.name, gate=let_through)
    report = verify_stream(home, settings.kafka, spec.name)
    counted = report.books.counted + report.rejected + report.books.late
    detect, first = [kill.detect_s for kill in done], [kill.first_commit_s for kill in done]
    return Recovery(
        kills=kills,
        watcher=watcher,
        detect_p95_s=round(percentile(detect, 0.95), 1),
        detect_max_s=round(max(detect), 1),
        first_commit_p95_s=round(percentile(first, 0.95), 1),
        first_commit_max_s=round(max(first), 1),
        lost=max(0, sender.sent - counted),
        doubled=max(0, counted - sender.sent),
        differences=sum(metric.differences + metric.pending for metric in report.metrics.values()),
    )


def _kill(home: Home, settings: Settings, stream: str, pause_s: float) -> Kill:
    epoch = wait_for(f"{stream} STABLE", lambda: _stable_epoch(settings, stream), _STABLE_WITHIN_S, _LOOK_EVERY_S)
    last = max(row.id for row in recent_transitions(settings, stream))
    threading.Event().wait(pause_s)
    pid = require_pid(Supervisor(home).state(f"driver-{stream}"), stream)
    killed = now_ms()
    kill_now(pid)
    seen = wait_for(
        "the detection of the loss",
        lambda: loss_seen_at(recent_transitions(settings, stream), last),
        _DETECTED_WITHIN_S,
        _LOOK_EVERY_S,
    )
    batch = wait_for("a batch after the kill", first_batch_of_epoch_after(home, stream, epoch), _STABLE_WITHIN_S)
    return Kill((seen - killed) / 1000, (batch - killed) / 1000)


def _stable_epoch(settings: Settings, stream: str) -> int | None:
    with open_registry(settings) as registry:
        row = registry.stream(stream)
    return row.epoch if row.state is State.STABLE else None


@contextmanager
def _traffic(settings: Settings, spec: StreamSpec, seed: int) -> Iterator[Sender]:
    """Seeded traffic with late, doubled and malformed events while the block lasts; all of it has arrived then."""
    over, failures = threading.Event(), list[BaseException]()
    events = Traffic(seed, RATE, Traffic.start_before(now_ms()))

    def send(sender: Sender) -> None:
        try:
            for event in events.paced(1 << 40):
                sender.send(event.value, event.tag, key=event.key, reason=event.reason)
                if over.is_set():
                    return
        except BaseException as failure:
            failures.append(failure)

    with Sender(settings.kafka, spec.source.topic, spec.source.partitions) as sender:
        thread = threading.Thread(target=send, args=(sender,), name="bench traffic", daemon=True)
        thread.start()
        try:
            yield sender
        finally:
            over.set()
            thread.join()
            if failures:
                raise failures[0]
