"""The driver's own word: a small file, written again every two seconds."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tideline.batch_done import BatchDone
from tideline.troubles import Trouble
from tideline_spark.fence import Fence

PERIOD_S = 2.0


class Heartbeat:
    """Writes what is known of the driver, from a thread that dies with it; `on_batch` is told each batch and how long
    it took (ms)."""

    def __init__(
        self,
        path: Path,
        fixed: dict[str, Any],
        fence: Fence,
        clock_ms: Callable[[], int],
        on_batch: Callable[[BatchDone, int], None] = lambda done, took_ms: None,
    ) -> None:
        self._on_batch = on_batch
        self._path = path
        self._fence = fence
        self._clock_ms = clock_ms
        self._trigger_ms = 1000
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._batch_started_ms: int | None = None
        self._idle_since_ms = clock_ms()
        self._quiet = 0
        self._facts: dict[str, Any] = {
            **fixed, "pid": os.getpid(), "state": "starting", "trigger_ms": None, "batch": None, "batch_at": None,
            "batches": 0, "progress_at": None, "batch_ms": None, "rows": None, "ends": {}, "watermark": None,
            "late_version": None, "troubles": [], "exception": None,
            "fingerprint": None, "ui": None, "metrics": None,
        }  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self.write()
        self._thread.start()

    def stop(self) -> None:
        """The last word has been written: say no more."""
        self._over.set()

    def set_trigger(self, trigger_ms: int) -> None:
        """From here on idle triggers can be counted."""
        self._trigger_ms = max(trigger_ms, 1)
        self.tell(trigger_ms=trigger_ms)

    def tell(self, **facts: Any) -> None:
        with self._lock:
            self._facts.update(facts)
        self.write()

    def tell_troubles(self, troubles: Sequence[Trouble]) -> None:
        self.tell(troubles=[{"part": each.part, "reason": each.reason, "since": each.since} for each in troubles])

    def query_started(self) -> None:
        """From here on, silence is idleness."""
        self._idle_since_ms = self._clock_ms()
        self.tell(state="running")

    def idle(self) -> None:
        """A trigger has looked and found nothing to do; the next write tells."""
        with self._lock:
            self._facts["progress_at"] = self._clock_ms()

    def batch_started(self) -> None:
        with self._lock:
            now = self._clock_ms()
            self._quiet += self._idle_triggers(now)
            self._batch_started_ms = now

    def batch_done(self, topic: str, done: BatchDone) -> None:
        now = self._clock_ms()
        with self._lock:
            started, self._batch_started_ms = self._batch_started_ms or now - (done.took_ms or 0), None
            self._idle_since_ms = now
            self._facts.update(
                state="running",
                batches=self._facts["batches"] + 1,
                batch=done.batch,
                batch_at=now,
                progress_at=now,
                batch_ms=now - started,
                rows=done.rows,
                watermark=done.watermark_ms,
                ends={topic: {str(partition): end for partition, end in done.ends.items()}},
            )
            if done.late_version is not None:
                self._facts["late_version"] = done.late_version
        self.write()
        self._on_batch(done, now - started)

    def write(self) -> None:
        """Replaces the file at once: a reader never sees half of it. A superseded driver has no say."""
        if self._fence.is_superseded():
            return
        with self._lock:
            now = self._clock_ms()
            idle = self._idle_triggers(now)
            facts = {**self._facts, "at": now, "idle_triggers": idle, "quiet_triggers": self._quiet + idle}
            draft = self._path.with_suffix(".tmp")
            draft.write_text(json.dumps(facts))
            draft.replace(self._path)

    def _idle_triggers(self, now: int) -> int:
        """Triggers that found nothing since the last batch, none while one is in flight."""
        if self._facts["state"] != "running" or self._batch_started_ms is not None:
            return 0
        return max(0, (now - self._idle_since_ms) // self._trigger_ms - 1)

    def _run(self) -> None:
        while not self._over.wait(PERIOD_S):
            self.write()
