"""The story step by step; each step shows what it found."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict, dataclass
from typing import Any

from tideline.demo.feed import BackgroundSender, Feed
from tideline.demo.fresh import leave_mark, needs_fresh_start, start_fresh
from tideline.demo.show import show_live_windows, show_step
from tideline.demo.watch import all_ledgered, first_batch_of_epoch_after, heartbeat, settled, wait_for
from tideline.home import Home
from tideline.keeper.report import recent_transitions
from tideline.platform.supervisor import Supervisor
from tideline.settings import Settings
from tideline.spec.model import StreamSpec
from tideline.verify import verify_stream
from tideline.verify.report import VerifyReport


@dataclass(frozen=True)
class Proof:
    """What the demo proved: events, windows compared, and seconds from the kill."""

    sent: int
    counted: int
    rejected: int
    late: int
    corrected: int
    windows: int
    differences: int
    detect_s: float
    first_batch_s: float

    @property
    def holds(self) -> bool:
        """Every event is accounted for, all late ones are corrected, and no window differs."""
        return (
            self.sent == self.counted + self.rejected + self.late
            and self.late == self.corrected
            and not self.differences
        )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Story:
    """One telling, on a platform that is up."""

    home: Home
    settings: Settings
    spec: StreamSpec
    feed: Feed

    def tell(self) -> Proof:
        """Runs every step; the platform and the stream stay up."""
        self._make_room()
        sender = self._produce()
        self._deploy()
        show_live_windows(self.home, self.spec.name)
        detect_s, first_batch_s = self._kill()
        self._send_late(sender)
        self._reconcile()
        report = self._verify()
        books = report.books
        return Proof(
            sent=sender.sent,
            counted=books.counted,
            rejected=report.rejected,
            late=books.late,
            corrected=books.corrected,
            windows=sum(metric.windows for metric in report.metrics.values()),
            differences=sum(metric.differences + metric.pending for metric in report.metrics.values()),
            detect_s=detect_s,
            first_batch_s=first_batch_s,
        )

    @property
    def _bootstrap(self) -> str:
        return self.settings.bootstrap_servers

    def _run_dag(self, dag_id: str) -> None:
        from tideline.cli.airflow_commands import run_dag

        run_dag(self.home, self.settings, dag_id, self.spec.name)

    def _make_room(self) -> None:
        if needs_fresh_start(self.home, self._bootstrap, self.spec):
            show_step("An earlier demo's data is removed: its stream begins anew")
            start_fresh(self.home, self._bootstrap, self.spec, lambda: self._run_dag("stop_stream"))

    def _produce(self) -> BackgroundSender:
        show_step(
            f"Produce to topic '{self.spec.source.topic}': {self.feed.about}, {self.feed.rate:.0f} records a second"
        )
        sender = BackgroundSender(self._bootstrap, self.spec.source.topic, self.spec.source.partitions, self.feed)
        leave_mark(self.home, self._bootstrap, self.spec, self.feed.total)
        sender.start()
        return sender

    def _deploy(self) -> None:
        show_step(f"Deploy stream '{self.spec.name}' through Airflow")
        self._run_dag("deploy_stream")
        wait_for("a first batch", lambda: heartbeat(self.home, self.spec.name).get("batch_at"), 60)

    def _kill(self) -> tuple[float, float]:
        """Kills the driver as a machine would; seconds until it was seen, and until the next batch."""
        name = self.spec.name
        pid = Supervisor(self.home).state(f"driver-{name}").pid
        epoch = heartbeat(self.home, name)["epoch"]
        before = max((row.id for row in recent_transitions(self.settings, name)), default=0)
        show_step(f"kill -9 {pid}: the driver of epoch {epoch} is gone, traffic goes on")
        killed_ms = time.time_ns() // 1_000_000
        os.kill(int(pid or 0), signal.SIGKILL)

        def seen() -> int | None:
            newer = [row for row in recent_transitions(self.settings, name) if row.id > before]
            return min((row.at for row in newer), default=None)

        detect_s = (wait_for("the detection of the loss", seen, 90) - killed_ms) / 1000
        show_step(f"Airflow saw it after {detect_s:.1f} s, and starts it again from its checkpoint")
        batch_at = wait_for("a batch after the restart", first_batch_of_epoch_after(self.home, name, epoch), 180)
        first_batch_s = (batch_at - killed_ms) / 1000
        show_step(f"First batch of epoch {heartbeat(self.home, name)['epoch']} after {first_batch_s:.1f} s")
        return detect_s, first_batch_s

    def _send_late(self, sender: BackgroundSender) -> None:
        sender.finish()
        wait_for("the watermark's rest", settled(self.home, self._bootstrap, self.spec), 90)
        late = sender.send_held_back()
        show_step(f"{late} events come late: the windows they belong to are closed, and Spark drops them")
        wait_for("the late events' batch", all_ledgered(self.home, self._bootstrap, self.spec), 60)
        report = verify_stream(self.home, self._bootstrap, self.spec.name)
        pending = sum(metric.pending for metric in report.metrics.values())
        show_step(f"{report.books.pending} events were dropped, {pending} rows of the tables lack them")

    def _reconcile(self) -> None:
        show_step("Reconcile through Airflow: the late spans are read from Kafka, the windows corrected")
        self._run_dag("reconcile_late_data")

    def _verify(self) -> VerifyReport:
        show_step("Verify: every table against a batch computation over the whole log")
        return verify_stream(self.home, self._bootstrap, self.spec.name)
