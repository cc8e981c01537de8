"""The story step by step; each step shows what it found."""

from __future__ import annotations

from dataclasses import dataclass

from tideline.airflow_runs import run_dag
from tideline.clock import now_ms
from tideline.demo.feed import Feed
from tideline.demo.fresh import leave_mark, must_be_stopped, needs_fresh_start, start_fresh
from tideline.demo.loss import kill_now, loss_seen_at, require_pid
from tideline.demo.proof import Proof
from tideline.demo.sending import BackgroundSender
from tideline.demo.teller import Teller
from tideline.demo.watch import all_ledgered, first_batch_of_epoch_after, settled, wait_for
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.kafka_topics import make_missing
from tideline.keeper.epochs import current_epoch
from tideline.keeper.report import recent_transitions, stream_rows
from tideline.platform.supervisor import Supervisor
from tideline.produce.sender import Sender
from tideline.settings import Settings
from tideline.spec.model import StreamSpec
from tideline.verify import verify_stream
from tideline.verify.report import VerifyReport


@dataclass
class Story:
    """One telling, on a platform that is up."""

    home: Home
    settings: Settings
    spec: StreamSpec
    feed: Feed
    teller: Teller

    def tell(self) -> Proof:
        """Runs every step; the platform and the stream stay up."""
        self._make_room()
        sender = self._produce()
        self._deploy()
        self.teller.live_windows(self.home, self.spec.name)
        detect_s, first_batch_s = self._kill(sender)
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
    def _kafka(self) -> KafkaAccess:
        return self.settings.kafka

    def _run_dag(self, dag_id: str) -> None:
        run_dag(self.home, self.settings, dag_id, self.spec.name, self.teller.progress)

    def _make_room(self) -> None:
        if needs_fresh_start(self.home, self._kafka, self.spec):
            self.teller.step("An earlier demo's data is removed: its stream begins anew")
            start_fresh(self.home, self._kafka, self.spec, self._stop)
            make_missing(self._kafka, self.settings.topics)

    def _stop(self) -> None:
        if must_be_stopped(stream_rows(self.home, self.settings), self.spec.name):
            self._run_dag("stop_stream")

    def _produce(self) -> BackgroundSender:
        self.teller.step(
            f"Produce to topic '{self.spec.source.topic}': {self.feed.about}, {self.feed.rate:.0f} records a second"
        )
        destination = Sender(self._kafka, self.spec.source.topic, self.spec.source.partitions)
        sender = BackgroundSender(destination, self.feed)
        leave_mark(self.home, self._kafka, self.spec, self.feed.total)
        sender.start()
        return sender

    def _deploy(self) -> None:
        self.teller.step(f"Deploy stream '{self.spec.name}' through Airflow")
        self._run_dag("deploy_stream")
        wait_for("a first batch", first_batch_of_epoch_after(self.home, self.spec.name, 0), 60)

    def _kill(self, sender: BackgroundSender) -> tuple[float, float]:
        """Kills the driver as a machine would; seconds until it was seen, and until the next batch."""
        name = self.spec.name
        pid = require_pid(Supervisor(self.home).state(f"driver-{name}"), name)
        epoch = current_epoch(self.home.stream(name).epochs)
        last = max((row.id for row in recent_transitions(self.settings, name)), default=0)
        self.teller.step(f"kill -9 {pid}: the driver of epoch {epoch} is gone")
        killed_ms = now_ms()
        kill_now(pid)
        detect_s = (self._await_detection(last) - killed_ms) / 1000
        sender.let_go()
        self.teller.step(f"Airflow saw it after {detect_s:.1f} s, and starts it again from its checkpoint")
        batch_at = wait_for("a batch after the restart", first_batch_of_epoch_after(self.home, name, epoch), 180)
        first_batch_s = (batch_at - killed_ms) / 1000
        now = current_epoch(self.home.stream(name).epochs)
        self.teller.step(f"First batch of epoch {now} after {first_batch_s:.1f} s")
        return detect_s, first_batch_s

    def _await_detection(self, after: int) -> int:
        """When (epoch ms) a transition newer than id `after` told of the loss."""

        def seen() -> int | None:
            return loss_seen_at(recent_transitions(self.settings, self.spec.name), after)

        return wait_for("the detection of the loss", seen, 90)

    def _send_late(self, sender: BackgroundSender) -> None:
        sender.finish()
        wait_for("the watermark's rest", settled(self.home, self._kafka, self.spec), 90)
        late = sender.send_held_back()
        self.teller.step(f"{late} events come late: the windows they belong to are closed, and Spark drops them")
        wait_for("the late events' batch", all_ledgered(self.home, self._kafka, self.spec), 60)
        report = verify_stream(self.home, self._kafka, self.spec.name)
        pending = sum(metric.pending for metric in report.metrics.values())
        self.teller.step(f"{report.books.pending} events were dropped, {pending} rows of the tables lack them")

    def _reconcile(self) -> None:
        self.teller.step("Reconcile through Airflow: the late spans are read from Kafka, the windows corrected")
        self._run_dag("reconcile_late_data")

    def _verify(self) -> VerifyReport:
        self.teller.step("Verify: every table against a batch computation over the whole log")
        return verify_stream(self.home, self._kafka, self.spec.name)
