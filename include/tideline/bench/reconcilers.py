"""Reconcilers as they should never be run: two at once, and killed between corrections and publication."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tideline.bench.place import clean_environment
from tideline.gate.corrections import let_through
from tideline.home import Home
from tideline.kafka_access import KafkaAccess
from tideline.reconcile import reconcile_stream

WRITTEN: Final = "corrections written"
"""What a reconciliation says between its two commits."""


class NotKilled(RuntimeError):
    """A reconciliation got through that was to die on the way."""


class _Killed(Exception):
    """Stands for a reconciler's death."""


def reconcile_at_once(home: Home, kafka: KafkaAccess, stream: str, count: int = 2) -> None:
    """So many reconciliations, begun at the same moment."""
    begin = threading.Barrier(count)

    def run() -> None:
        begin.wait()
        reconcile_stream(home, kafka, stream, gate=let_through)

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(run) for _ in range(count)]:
            done.result()


def reconcile_and_stop_short(home: Home, kafka: KafkaAccess, stream: str) -> None:
    """Corrections are written, nothing is published: it ends exactly between the two."""

    def die(line: str) -> None:
        if WRITTEN in line:
            raise _Killed

    try:
        reconcile_stream(home, kafka, stream, progress=die, gate=let_through)
    except _Killed:
        return
    raise NotKilled(f"the reconciliation of {stream} never said '{WRITTEN}'")


def reconcile_and_kill(home: Home, stream: str) -> None:
    """`tideline reconcile`, killed with -9 a moment after its corrections, perhaps in the middle of a publication."""
    command = [sys.executable, "-m", "tideline.cli.main", "reconcile", stream]
    environ = clean_environment() | {"TIDELINE_HOME": str(home.root)}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as reconciler:
        assert reconciler.stderr is not None
        lines = []
        for line in reconciler.stderr:
            lines.append(line)
            if WRITTEN in line:
                reconciler.kill()
                return
    raise NotKilled(f"`tideline reconcile {stream}` ended with {reconciler.returncode}: {''.join(lines)[-300:]}")
